"""An inbox at the till's desk: records from review and billing as their owners' relays would write them, and a reaction that can break."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from contracts.billing import FeePaid
from contracts.review import UseEnded
from contracts.values import ContractEvent
from services.chassis.aggregate import Step, step
from services.chassis.dead_letters import DeadLetterTopic, Letter
from services.chassis.desk import Desk
from services.chassis.heard import Heard
from services.chassis.inbox import Inbox
from services.chassis.inbox_store import HEARD, InboxStore
from services.chassis.kept_letters import KeptLetter, KeptLetters, State
from services.chassis.listener import ReactingListener
from services.chassis.received import RawRecord
from services.chassis.replaying import Replaying
from tests.chassis.conftest import CASHIER
from tests.chassis.logs_of_kafka import record
from tests.chassis.rooms import REACTIONS, TILL, TakeCoin, take_coin

ENDED = UseEnded(contract_number="R8-C0001", ended=date(2026, 4, 1))


def paid(amount: int) -> FeePaid:
    """Make an event of billing that leads to a coin of this amount."""
    return FeePaid(amount=amount, received=date(2026, 4, 1), outstanding=0)


class Broken(Exception):
    """What a defect of ours raises."""


@dataclass
class Breakable:
    """The till's reactions, which break for some tills until they are mended."""

    tills: set[UUID] = field(default_factory=set)

    def reactions(self) -> Mapping[type[ContractEvent], Callable[[Heard[Any]], Sequence[Step]]]:
        """Give the table of a room."""
        return {**REACTIONS, UseEnded: self._ended, FeePaid: self._paid}

    def _ended(self, heard: Heard[UseEnded]) -> list[Step]:
        self._break(heard.subject)
        return [step(TILL, heard.subject, take_coin, TakeCoin(amount=1, note=str(heard.id)))]

    def _paid(self, heard: Heard[FeePaid]) -> list[Step]:
        self._break(heard.subject)
        return [step(TILL, heard.subject, take_coin, TakeCoin(amount=heard.event.amount, note=str(heard.id)))]

    def _break(self, till: UUID) -> None:
        if till in self.tills:
            raise Broken("a text that may hold what somebody typed")


class Buried:
    """Keeps dead letters in a list."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def tell(self, letters: Sequence[Letter]) -> None:
        """Keep them."""
        self.letters += letters


@dataclass
class Source:
    """One partition of an owner's topic, written in order."""

    owner: str = "review"
    partition: int = 3
    offset: int = 0
    position: int | None = None

    def says(self, event: ContractEvent, till: UUID, **headers: bytes) -> RawRecord:
        """Write the next record; `headers` replace its own."""
        before = self.position
        self.position, self.offset = (before or 0) + 7, self.offset + 1
        made, value = record(self.owner, event, till, self.position, before)
        changed = [(name, headers.get(name, content)) for name, content in made]
        return RawRecord(f"anken.{self.owner}.v1", self.partition, self.offset, str(till).encode(), value, changed)


@dataclass
class TillInbox:
    """A desk with an inbox in front of it and a replay beside it."""

    desk: Desk
    breakable: Breakable
    topic: DeadLetterTopic = field(default_factory=Buried)

    def __post_init__(self) -> None:
        self.store = InboxStore(self.desk.recorder)
        self.inbox = Inbox(ReactingListener(self.desk, self.breakable.reactions(), self.topic))
        self.replaying = Replaying(self.desk, self.breakable.reactions())
        self.kept = KeptLetters("intake")

    def letters(self, *states: State) -> list[KeptLetter]:
        """List kept letters, the open ones unless told otherwise."""
        with self.desk.recorder.datastore.get_connection() as connection:
            return self.kept.in_state(connection, states or [State.OPEN])

    def notes(self, till: UUID) -> tuple[str, ...]:
        """Give the ids of the events that a till has taken, in order."""
        return self.desk.state(TILL, till, CASHIER).notes

    def parked(self, *tills: UUID) -> set[UUID]:
        """Give those of the tills that are parked."""
        return self.store.parked(tills)

    def places(self) -> dict[str, int]:
        """Give how far each source has been taken."""
        with self.desk.recorder.datastore.get_connection() as connection:
            rows = connection.execute("SELECT * FROM intake.tracking WHERE application_name LIKE 'heard:%'").fetchall()
        return {row["application_name"].removeprefix(HEARD): row["notification_id"] for row in rows}

    def replay(self, till: UUID, actor: str = "operator-1") -> list[int]:
        """Replay a till's letters; gives their numbers."""
        return [one.letter for one in self.replaying.replay_case(till, actor)]


def id_of(one: RawRecord) -> str:
    """Give a record's event id."""
    return dict(one.headers)["ce_id"].decode()  # type: ignore[union-attr]  # it has one


def ids(records: Collection[RawRecord]) -> tuple[str, ...]:
    """Give the records' event ids."""
    return tuple(map(id_of, records))
