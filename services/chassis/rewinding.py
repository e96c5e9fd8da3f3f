"""Rewinding a relay: its saved place is set back, and whoever leads sends everything from there again."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from services.chassis.lead import PLACE
from services.chassis.migrate import channel


class CannotRewind(Exception):
    """The position asked for is none that was sent; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Rewound:
    """What will be sent again: how many events, up to and including which position."""

    events: int
    last: int


def rewind(connection: Connection[TupleRow], schema: str, position: int) -> Rewound:
    """Set a store's relay back so that it goes on with `position` (1 or more); raises CannotRewind, nothing changed then.

    One transaction: the leader's own move waits for it, finds that the place is not where its batch began, and reads it again.
    """
    store = Identifier(schema)
    with connection.transaction():
        row = connection.execute(
            SQL("SELECT notification_id FROM {}.tracking WHERE application_name = {} FOR UPDATE").format(store, PLACE)
        ).fetchone()
        place = 0 if row is None else int(row[0])
        announced = connection.execute(
            SQL("SELECT max(notification_id) FROM {}.events WHERE partition IS NOT NULL").format(store)
        ).fetchone()
        last = 0 if announced is None or announced[0] is None else int(announced[0])
        if position < 1:
            raise CannotRewind("positions begin at 1")
        if position > last:
            raise CannotRewind(f"the last event {schema} announced has position {last}" if last else f"{schema} has announced nothing")
        if position > place:
            raise CannotRewind(f"{schema}'s relay has sent up to position {place}: what follows is sent without being asked for")
        counted = connection.execute(
            SQL("SELECT count(*) FROM {}.events WHERE partition IS NOT NULL AND notification_id BETWEEN %s AND %s").format(store),
            (position, place),
        ).fetchone()
        connection.execute(
            SQL("UPDATE {}.tracking SET notification_id = %s WHERE application_name = {}").format(store, PLACE), (position - 1,)
        )
        connection.execute(SQL("NOTIFY {}").format(Identifier(channel(schema))))
    return Rewound(0 if counted is None else int(counted[0]), place)
