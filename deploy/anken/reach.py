"""Where an operator's verb finds the database and the broker: in the environment, or as the Anken that runs over a data folder tells."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from anken.data_folder import running
from anken.errors import Failed

if TYPE_CHECKING:
    from anken.stack import Stack


def told(stack: "Stack") -> dict[str, str]:
    """Tell where the servers are that a stack made itself; another's address may hold a password, and who set it has it."""
    servers = {"database": ("ANKEN_DATABASE_URL", stack.database_url), "kafka": ("ANKEN_KAFKA_BOOTSTRAP", stack.bootstrap)}
    return {name: address for name, (variable, address) in servers.items() if not os.environ.get(variable)}


def database_of(service: str, data: Path) -> str:
    """Give the address of a service's database; raises Failed where neither environment nor data folder knows it."""
    own = os.environ.get(f"ANKEN_{service.upper()}_DATABASE_URL")
    return own or _found("ANKEN_DATABASE_URL", "database", data)


def broker(data: Path) -> str:
    """Give the brokers' addresses; raises Failed as `database_of`."""
    return _found("ANKEN_KAFKA_BOOTSTRAP", "kafka", data)


def _found(variable: str, name: str, data: Path) -> str:
    address = os.environ.get(variable) or (running(data) or {}).get(name)
    if not address:
        raise Failed(f"{variable} is not set, and no Anken with servers of its own runs in {data.resolve()}")
    return address
