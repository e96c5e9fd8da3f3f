"""What the case log does with records in order: one transaction takes them, and admits all that nothing is missing for."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier
from structlog.stdlib import get_logger

from services.caselog.admission import Arrival, admit
from services.caselog.entry import Entry, Unrecordable, write_entry
from services.caselog.ledger import Ledger, LogMoved
from services.caselog.waiting import WaitingRoom
from services.chassis.dead_letters import Cause, DeadLetterTopic, Letter, LetterBox
from services.chassis.inbox import Portion
from services.chassis.inbox_store import Move, Places
from services.chassis.recorder import Datastore

log = get_logger(__name__)

ATTEMPTS: Final = 3
TWICE: Final = "the event is in the log already"


class CaseLogListener:
    """Takes records of all owners; several replicas may, each for the partitions it was given.

    One advisory lock serialises all of them: two transactions that each admit half of what the other waits for would both
    see it missing, and nobody would look again. A log has one order anyway, so little could run beside each other; the
    compare-and-set on the log's size stays the guard against a writer that does not know the lock.
    """

    def __init__(self, datastore: Datastore, topic: DeadLetterTopic) -> None:
        self.datastore = datastore
        self.topic = topic
        self.read = Places(datastore.schema)
        self.letters = LetterBox(datastore.schema)
        self.ledger = Ledger(datastore.schema)
        self.room = WaitingRoom(datastore.schema)
        named = Identifier(datastore.schema)
        self.lock = f"anken.append.{datastore.schema}"
        self.leave_out = SQL("INSERT INTO {}.left_out (source, position, event_id, reason) VALUES (%s, %s, %s, %s)").format(named)

    def places(self, sources: Collection[str]) -> dict[str, int]:
        """Give the position taken last from each source."""
        with self.datastore.get_connection() as connection:
            return self.read.read(connection, sources)

    def bury(self, letters: Sequence[Letter]) -> None:
        """Keep records without an envelope."""
        self.topic.tell(letters)
        with self.datastore.get_connection() as connection:
            self.letters.keep(connection, letters)

    def take(self, portions: Sequence[Portion]) -> None:
        """Take records that continue each other and admit what can be; raises AlreadyTaken if a place has moved."""
        letters: list[Letter] = []
        arrivals: dict[str, list[Arrival]] = {}
        for portion in portions:
            for received in portion.records:
                envelope, entry = received.envelope, None
                try:
                    entry = write_entry(envelope, portion.source.partition("/")[0], received.value)
                except Unrecordable as error:
                    letters.append(Letter(received.raw, envelope, None, Cause.UNRECORDABLE, error.reason))
                arrivals.setdefault(portion.source.partition("/")[2], []).append(Arrival(portion.source, envelope, entry))
        moves = {portion.source: Move(portion.since, portion.records[-1].envelope.position) for portion in portions}
        self.topic.tell(letters)
        for attempt in range(ATTEMPTS):
            try:
                with self.datastore.get_connection() as connection, connection.transaction(), connection.cursor() as cursor:
                    # A statement of its own: what follows must read a snapshot from after the lock (provable-log.md, section 6).
                    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self.lock,))
                    self.read.move(connection, moves)
                    cursor.executemany(self.leave_out, [_left_out(letter) for letter in letters])
                    self.letters.keep(connection, letters)
                    self._admit(cursor, arrivals)
            except LogMoved:
                if attempt == ATTEMPTS - 1:
                    raise
                log.warning("log moved, reading it again", attempt=attempt)
            else:
                return

    def _admit(self, cursor: Cursor[DictRow], newcomers: Mapping[str, Sequence[Arrival]]) -> None:
        """Admit until nothing more follows; a cause may free records of other partition numbers. What is left over waits."""
        again: set[str] = set()
        for partition, arrivals in newcomers.items():
            admitted = self._round(cursor, partition, arrivals)
            done = {(arrival.source, arrival.position) for arrival in admitted}
            self.room.store(cursor, [one for one in arrivals if (one.source, one.position) not in done])
            again |= self._freed(cursor, admitted)
        while again:
            admitted = self._round(cursor, again.pop())
            again |= self._freed(cursor, admitted)

    def _round(self, cursor: Cursor[DictRow], partition: str, newcomers: Sequence[Arrival] = ()) -> list[Arrival]:
        waiting = [*self.room.first(cursor, partition), *newcomers]
        causes = {one.envelope.causationid for one in waiting if one.envelope.causationid is not None}
        known = self.ledger.known(cursor, causes | {one.envelope.id for one in waiting})
        admitted = list(admit(self.room.places(cursor), known, waiting))
        if admitted:
            self.ledger.append(cursor, self._fresh(cursor, admitted, known))
            self.room.leave(cursor, admitted)
        return admitted

    def _fresh(self, cursor: Cursor[DictRow], admitted: Sequence[Arrival], known: set[UUID]) -> list[tuple[str, Entry]]:
        """Give the entries to append; an id that is in the log already is not recorded twice, wherever it came from."""
        fresh: list[tuple[str, Entry]] = []
        for arrival in admitted:
            if arrival.entry is None:
                continue
            if arrival.envelope.id in known:
                log.error("event is in the log already", source=arrival.source, position=arrival.position)
                cursor.execute(self.leave_out, (arrival.source, arrival.position, arrival.envelope.id, TWICE))
                continue
            known.add(arrival.envelope.id)
            fresh.append((arrival.source, arrival.entry))
        return fresh

    def _freed(self, cursor: Cursor[DictRow], admitted: Sequence[Arrival]) -> set[str]:
        """Give the partition numbers to look at again: the same one, whose view was bounded, and those that expected a cause."""
        if not admitted:
            return set()
        return {admitted[-1].source.partition("/")[2]} | self.room.expecting(cursor, [one.envelope.id for one in admitted])


def _left_out(letter: Letter) -> tuple[object, ...]:
    about = letter.envelope
    return letter.raw.source, about and about.position, about and about.id, letter.reason
