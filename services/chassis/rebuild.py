"""Folds a view anew from the first event into a version of its own while the old one serves, then switches in one transaction."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, Cursor
from psycopg.rows import DictRow, tuple_row

from services.chassis.folding import BATCH, Folding
from services.chassis.recorder import FROZEN_SECONDS, Recorder
from services.chassis.rows import Rows
from services.chassis.versions import Served, Versions
from services.chassis.views import View

ROWS_AT_ONCE: Final = 5000


class RebuildRunning(Exception):
    """Somebody else is rebuilding this view."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a rebuild has come: up to which position the new version is folded, and up to which the served one."""

    folded: int
    place: int


def rebuild(recorder: Recorder, rows: Rows, view: View, progress: Callable[[Reached], None]) -> None:
    """Fold a view anew and serve the result; `progress` is told after each piece of work. Raises RebuildRunning."""
    for reached in rebuilding(recorder, rows, view):
        progress(reached)


def rebuilding(recorder: Recorder, rows: Rows, view: View) -> Generator[Reached]:
    """Fold a view anew piece by piece, each a short transaction, so that whoever asks for the pieces can stop. Raises RebuildRunning.

    All is done on the one connection that holds the lock of this rebuild: who has lost the lock can write nothing, and who asks
    for no further piece in ten seconds, frozen perhaps, loses it. A rebuild that dies leaves the old version serving, and rows
    that nobody reads; the next one removes them and begins anew.
    """
    versions, folding = Versions(recorder.datastore.schema), Folding(rows, [view])
    with recorder.connection() as connection:
        _lock(connection, recorder.datastore.schema, view)
        with _transaction(connection) as cursor:
            old = versions.served(cursor).get(view.name, Served(0, 0))
        reached = Reached(0, 0)
        # At least 1, because the projector may give a view that was never served its version 1 at any moment.
        kept = max(old.version, 1)
        yield from _cleared(connection, rows, view, kept, reached)
        new = Served(kept + 1, view.revision)
        switched = False
        while not switched:
            with _transaction(connection) as cursor:
                place, _ = versions.place(cursor)
                if place - reached.folded <= BATCH:
                    versions.lock(cursor)  # the served version stands still until this transaction has ended
                    place, _ = versions.place(cursor)
                    versions.serve(cursor, view.name, new)
                    switched = True
                upto = place if switched else reached.folded + BATCH
                folding.fold(cursor, {view.name: new.version}, reached.folded, upto, place)
            reached = Reached(upto, place)
            yield reached
        yield from _cleared(connection, rows, view, new.version, reached)


def _lock(connection: Connection[DictRow], schema: str, view: View) -> None:
    name = f"anken.rebuild.{schema}.{view.name}"
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT set_config('idle_session_timeout', %s, false)", (f"{FROZEN_SECONDS}s",))
        if cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone() != (True,):
            raise RebuildRunning(f"a rebuild of {schema}/{view.name} is running")


def _cleared(connection: Connection[DictRow], rows: Rows, view: View, kept: int, reached: Reached) -> Iterator[Reached]:
    removed = ROWS_AT_ONCE
    while removed == ROWS_AT_ONCE:
        with _transaction(connection) as cursor:
            removed = rows.clear(cursor, view.name, kept, ROWS_AT_ONCE)
        yield reached


@contextmanager
def _transaction(connection: Connection[DictRow]) -> Iterator[Cursor[tuple[Any, ...]]]:
    with connection.transaction(), connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        yield cursor
