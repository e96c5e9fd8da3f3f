"""The five services as this command knows them: where each is composed, and the schemas behind them."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from services.chassis.migrate import Store
    from services.chassis.service import Service
    from services.chassis.settings import Settings

NAMES: Final = ("intake", "review", "billing", "anonymizer", "caselog")
PRELOAD: Final = (
    "services.chassis.process",
    "services.chassis.room",
    *(f"services.{name}.service" for name in NAMES),
    "anken.processes",
)


def composition(name: str) -> "Callable[[Settings], Service]":
    """Find the function that composes a service."""
    compose: Callable[[Settings], Service] = importlib.import_module(f"services.{name}.service").compose
    return compose


def relay_composition(name: str) -> "Callable[[Settings], Service]":
    """Find the function that composes a service's relay alone."""
    from services.chassis.room import furnish_relay

    return partial(furnish_relay, importlib.import_module(f"services.{name}.service").ROOM)


def stores() -> "tuple[Store, ...]":
    """List the schemas of all services."""
    return tuple(importlib.import_module(f"services.{name}.service").STORE for name in NAMES)
