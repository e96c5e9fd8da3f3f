"""What an inbox stores: places read, events that follow, letters that could not be taken, all in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from services.chassis.dead_letters import Letter, LetterBox
from services.chassis.recorded import Appending
from services.chassis.recorder import Recorder, VersionConflict

HEARD: Final = "heard:"


class AlreadyTaken(Exception):
    """A place has moved since it was read: another reader took the records."""


class ParkingMoved(Exception):
    """A case was parked or released since that was read: what was decided on it is decided again."""


@dataclass(frozen=True, slots=True)
class Move:
    """A source's place to move, from `since` (None: never read) to `to`."""

    since: int | None
    to: int


class Places:
    """The SQL of places, in the caller's transaction."""

    def __init__(self, schema: str) -> None:
        named = Identifier(schema)
        self.select = SQL("SELECT application_name, notification_id FROM {}.tracking WHERE application_name = ANY(%s)").format(named)
        self.start = SQL("INSERT INTO {}.tracking SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT DO NOTHING").format(named)
        self.move_on = SQL(
            "UPDATE {}.tracking t SET notification_id = m.place FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) m (name, since, place)"
            " WHERE t.application_name = m.name AND t.notification_id = m.since"
        ).format(named)

    def read(self, connection: Connection[DictRow], sources: Collection[str]) -> dict[str, int]:
        """Give the position taken last from each source such as `intake/3`; one never read is missing."""
        rows = connection.execute(self.select, ([HEARD + source for source in sources],), prepare=True)
        return {row["application_name"].removeprefix(HEARD): row["notification_id"] for row in rows}

    def move(self, connection: Connection[DictRow], moves: Mapping[str, Move]) -> None:
        """Move places by compare-and-set; raises AlreadyTaken when one is no longer where it was."""
        first = {HEARD + source: move for source, move in moves.items() if move.since is None}
        later = {HEARD + source: move for source, move in moves.items() if move.since is not None}
        moved = 0
        if first:
            moved += connection.execute(self.start, (list(first), [move.to for move in first.values()])).rowcount
        if later:
            given = (list(later), [move.since for move in later.values()], [move.to for move in later.values()])
            moved += connection.execute(self.move_on, given, prepare=True).rowcount
        if moved != len(moves):
            raise AlreadyTaken(f"another reader has moved one of {', '.join(sorted(moves))}")


@dataclass(frozen=True, slots=True)
class Taking:
    """What a batch comes to: places to move, events to append, letters to keep; and which of its subjects it held to be parked."""

    moves: Mapping[str, Move]
    events: Sequence[Appending]
    letters: Sequence[Letter]
    subjects: Collection[UUID]
    parked: Collection[UUID]


class InboxStore:
    """Reads and stores for an inbox; what a batch comes to is stored all or nothing."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.places = Places(recorder.datastore.schema)
        self.letters = LetterBox(recorder.datastore.schema)
        self.lock = f"anken.append.{recorder.datastore.schema}"

    def places_of(self, sources: Collection[str]) -> dict[str, int]:
        """Give the position taken last from each source."""
        with self.recorder.datastore.get_connection() as connection:
            return self.places.read(connection, sources)

    def parked(self, subjects: Collection[UUID]) -> set[UUID]:
        """Give those of the subjects whose cases are parked."""
        with self.recorder.datastore.get_connection() as connection:
            return self.letters.parked(connection, subjects)

    def store(self, taken: Taking) -> None:
        """Store a batch; raises AlreadyTaken, ParkingMoved, VersionConflict, nothing stored then."""
        with self.recorder.datastore.get_connection() as connection, connection.transaction():
            # A statement of its own, before anything is read that must not change until the end.
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self.lock,), prepare=True)
            self.places.move(connection, taken.moves)
            if self.letters.parked(connection, taken.subjects) != set(taken.parked):
                raise ParkingMoved
            (outcome,) = self.recorder.append(connection, [taken.events])
            if isinstance(outcome, VersionConflict):
                raise outcome
            self.letters.keep(connection, taken.letters)
