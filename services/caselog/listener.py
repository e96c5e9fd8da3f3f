"""What the case log does with records in order: one transaction takes them, and admits all that nothing is missing for."""

from collections.abc import Sequence
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
from services.chassis.dead_letters import DeadLetters
from services.chassis.received import Received
from services.chassis.recorder import AlreadyTaken, Datastore

log = get_logger(__name__)

HEARD: Final = "heard:"
ATTEMPTS: Final = 3
TWICE: Final = "the event is in the log already"


class CaseLogListener:
    """Takes records of all owners; several replicas may, each for the partitions it was given.

    One advisory lock serialises all of them: two transactions that each admit half of what the other waits for would both
    see it missing, and nobody would look again. A log has one order anyway, so little could run beside each other; the
    compare-and-set on the log's size stays the guard against a writer that does not know the lock.
    """

    def __init__(self, datastore: Datastore, dead_letters: DeadLetters) -> None:
        self.datastore = datastore
        self.dead_letters = dead_letters
        self.ledger = Ledger(datastore.schema)
        self.room = WaitingRoom(datastore.schema)
        named = Identifier(datastore.schema)
        self.lock = f"anken.append.{datastore.schema}"
        self.select_place = SQL("SELECT notification_id FROM {}.tracking WHERE application_name = %s").format(named)
        self.start_place = SQL("INSERT INTO {}.tracking VALUES (%(name)s, %(to)s) ON CONFLICT DO NOTHING").format(named)
        self.move_place = SQL(
            "UPDATE {}.tracking SET notification_id = %(to)s WHERE application_name = %(name)s AND notification_id = %(since)s"
        ).format(named)
        self.leave_out = SQL("INSERT INTO {}.left_out (source, position, event_id, reason) VALUES (%s, %s, %s, %s)").format(named)

    def place(self, source: str) -> int | None:
        """Give the position taken last from a source."""
        with self.datastore.get_connection() as connection:
            row = connection.execute(self.select_place, (HEARD + source,)).fetchone()
        return None if row is None else row["notification_id"]

    def take(self, source: str, since: int | None, records: Sequence[Received]) -> None:
        """Take records that continue each other from `since` and admit what can be; raises AlreadyTaken if the place has moved."""
        left_out: list[tuple[str, int, object, str]] = []
        arrivals: list[Arrival] = []
        for received in records:
            entry: Entry | None = None
            try:
                entry = write_entry(received.envelope, source.partition("/")[0], received.value)
            except Unrecordable as error:
                self.dead_letters.bury(received.raw, error.reason)
                left_out.append((source, received.envelope.position, received.envelope.id, error.reason))
            arrivals.append(Arrival(source, received.envelope, entry))
        for attempt in range(ATTEMPTS):
            try:
                with self.datastore.transaction(commit=True) as cursor:
                    # A statement of its own: what follows must read a snapshot from after the lock (provable-log.md, section 6).
                    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self.lock,))
                    self._move(cursor, source, since, arrivals[-1].position)
                    cursor.executemany(self.leave_out, left_out)
                    self._admit(cursor, source.partition("/")[2], arrivals)
            except LogMoved:
                if attempt == ATTEMPTS - 1:
                    raise
                log.warning("log moved, reading it again", attempt=attempt)
            else:
                return

    def _move(self, cursor: Cursor[DictRow], source: str, since: int | None, to: int) -> None:
        statement = self.start_place if since is None else self.move_place
        cursor.execute(statement, {"name": HEARD + source, "since": since, "to": to})
        if cursor.rowcount != 1:
            raise AlreadyTaken(f"another reader has moved {HEARD}{source}")

    def _admit(self, cursor: Cursor[DictRow], partition: str, newcomers: Sequence[Arrival]) -> None:
        """Admit until nothing more follows; a cause may free records of other partition numbers. What is left over waits."""
        admitted = self._round(cursor, partition, newcomers)
        done = {(arrival.source, arrival.position) for arrival in admitted}
        self.room.store(cursor, [one for one in newcomers if (one.source, one.position) not in done])
        again = self._freed(cursor, admitted)
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
