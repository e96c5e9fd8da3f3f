"""When nothing is on its way any more: everything said was sent, heard, admitted and folded, and no date is unanswered.

Places move in the transaction that stores what follows from them, so one statement (one snapshot) can tell.
"""

import importlib
import time
from datetime import date
from functools import cache

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from contracts.topics import OWNERS

PATIENCE_SECONDS = 60
LOOK_SECONDS = 0.05

UNSENT = """
    SELECT {name} || ': unsent', count(*) FROM {own}.events e WHERE e.partition IS NOT NULL
    AND e.notification_id > coalesce((SELECT notification_id FROM {own}.tracking WHERE application_name = 'relay'), 0)
"""
UNFOLDED = """
    SELECT {name} || ': not folded', count(*) FROM {own}.events e
    WHERE e.notification_id > coalesce((SELECT notification_id FROM {own}.tracking WHERE application_name = 'views'), 0)
"""
DUE = "SELECT {name} || ': due', count(*) FROM {own}.due WHERE NOT done AND due <= {day}"
UNHEARD = """
    SELECT {name} || ': unheard of ' || {owner}, count(*) FROM {other}.events e WHERE e.partition IS NOT NULL AND e.notification_id >
    coalesce((SELECT notification_id FROM {own}.tracking WHERE application_name = 'heard:' || {owner} || '/' || e.partition), 0)
"""
WAITING = "SELECT 'caselog: waiting', count(*) FROM caselog.waiting"


@cache
def question(day: date) -> Composable:
    """Ask for everything that may still be on its way on a business day, in one statement."""
    parts: list[Composable] = [SQL(WAITING)]
    for name in OWNERS:
        parts += [SQL(one).format(name=Literal(name), own=Identifier(name), day=Literal(day)) for one in (UNSENT, UNFOLDED, DUE)]
    hears = {name: importlib.import_module(f"services.{name}.service").ROOM.hears for name in OWNERS} | {"caselog": OWNERS}
    for name, owners in hears.items():
        parts += [
            SQL(UNHEARD).format(name=Literal(name), own=Identifier(name), owner=Literal(owner), other=Identifier(owner)) for owner in owners
        ]
    return SQL(" UNION ALL ").join(parts)


def unsettled(connection: psycopg.Connection[TupleRow], day: date) -> dict[str, int]:
    """Count what is still on its way on a business day, by what it waits for; empty when all has come to rest."""
    return {what: count for what, count in connection.execute(question(day)).fetchall() if count}


def settle(database_url: str, day: date, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until all has come to rest; fails with what has not."""
    deadline = time.monotonic() + seconds
    with psycopg.connect(database_url, autocommit=True) as connection:
        while left := unsettled(connection, day):
            assert time.monotonic() < deadline, left
            time.sleep(LOOK_SECONDS)
