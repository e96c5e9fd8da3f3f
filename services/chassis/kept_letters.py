"""Letters as the store keeps them: listed, read back whole, and closed in somebody's name."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier
from pydantic import AwareDatetime, BaseModel, ConfigDict
from structlog.stdlib import get_logger

from services.chassis.dead_letters import read
from services.chassis.received import RawRecord

log = get_logger(__name__)

ABOUT: Final = SQL(
    "letter, topic, partition, kafka_offset, position, subject, event_id, type, tenant, cause, reason, stack,"
    " since, state, closed, actor, remark"
)


class State(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"


class KeptLetter(BaseModel):
    """One letter without its content. It has a position where its place was moved, and a subject where it parks a case."""

    model_config = ConfigDict(frozen=True)

    letter: int
    topic: str
    partition: int
    kafka_offset: int
    position: int | None
    subject: UUID | None
    event_id: UUID | None
    type: str | None
    tenant: str | None
    cause: str  # a newer release may know more causes
    reason: str
    stack: str | None
    since: AwareDatetime
    state: State
    closed: AwareDatetime | None
    actor: str | None
    remark: str | None


class KeptLetters:
    """The SQL of kept letters of one service, in the caller's transaction."""

    def __init__(self, schema: str) -> None:
        named = Identifier(schema)
        self.schema = schema
        self.select = SQL("SELECT {} FROM {}.dead_letter WHERE state = ANY(%s) ORDER BY letter").format(ABOUT, named)
        self.select_one = SQL("SELECT {} FROM {}.dead_letter WHERE letter = %s").format(ABOUT, named)
        self.select_raw = SQL("SELECT topic, partition, kafka_offset, key, value, headers FROM {}.dead_letter WHERE letter = %s").format(
            named
        )
        self.select_first = SQL("SELECT letter FROM {}.dead_letter WHERE state = 'open' AND subject = %s ORDER BY letter LIMIT 1").format(
            named
        )
        self.update = SQL(
            "UPDATE {}.dead_letter SET state = %s, closed = clock_timestamp(), actor = %s, remark = %s"
            " WHERE state = 'open' AND (letter = %s OR subject = %s) RETURNING {}"
        ).format(named, ABOUT)

    def lock(self, connection: Connection[DictRow]) -> None:
        """Take the append lock until the transaction ends: no inbox looks whether a case is parked meanwhile."""
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"anken.append.{self.schema}",))

    def in_state(self, connection: Connection[DictRow], states: Collection[State]) -> list[KeptLetter]:
        """List letters in the order in which they were kept."""
        return [KeptLetter.model_validate(row) for row in connection.execute(self.select, ([*states],))]

    def one(self, connection: Connection[DictRow], number: int) -> KeptLetter | None:
        """Read one letter, if there is such a one."""
        row = connection.execute(self.select_one, (number,)).fetchone()
        return None if row is None else KeptLetter.model_validate(row)

    def raw(self, connection: Connection[DictRow], number: int) -> RawRecord:
        """Read back the record of a letter that is there, as it came off its partition."""
        (row,) = connection.execute(self.select_raw, (number,)).fetchall()
        return RawRecord(row["topic"], row["partition"], row["kafka_offset"], row["key"], row["value"], read(row["headers"]))

    def first_of(self, connection: Connection[DictRow], case: UUID) -> int | None:
        """Give the number of the first open letter of a case; None if it is not parked."""
        row = connection.execute(self.select_first, (case,)).fetchone()
        return None if row is None else int(row["letter"])

    def replayed(self, connection: Connection[DictRow], number: int, actor: str) -> bool:
        """Close one open letter as replayed; False if it is not open."""
        return bool(connection.execute(self.update, (State.REPLAYED, actor, None, number, None)).fetchall())

    def drop(
        self, connection: Connection[DictRow], actor: str, reason: str, *, number: int | None = None, case: UUID | None = None
    ) -> list[KeptLetter]:
        """Close one open letter, or all of a case, without replaying; gives those that were open. With its last one a case is released."""
        with connection.transaction():
            self.lock(connection)
            rows = connection.execute(self.update, (State.DROPPED, actor, reason, number, case)).fetchall()
        dropped = sorted((KeptLetter.model_validate(row) for row in rows), key=lambda one: one.letter)
        for one in dropped:
            log.warning(
                "letter dropped", letter=one.letter, actor=actor, tenant=one.tenant, event_type=one.type,
                event_id=one.event_id and str(one.event_id),
            )  # fmt: skip
        return dropped
