"""`anken republish`: a service's events from a position on are sent to Kafka again, by the relay that leads."""

from pathlib import Path

import psycopg

from anken.errors import Failed
from anken.reach import database_of
from services.chassis.recorder import connection_parameters
from services.chassis.rewinding import CannotRewind, rewind


def republish(service: str, position: int, data: Path) -> None:
    """Rewind the leader's place and say how many events follow; raises Failed for a position that was never sent."""
    with psycopg.connect(**{"connect_timeout": 10, **connection_parameters(database_of(service, data), f"anken_{service}")}) as connection:
        try:
            rewound = rewind(connection, service, position)
        except CannotRewind as refused:
            raise Failed(f"nothing is sent again: {refused}") from None
    events = "1 event" if rewound.events == 1 else f"{rewound.events} events"
    print(f"{service}: the relay sends {events} again, positions {position} to {rewound.last}")
