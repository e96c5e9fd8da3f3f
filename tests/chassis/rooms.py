"""A room for the chassis's own tests: a till that takes payments and announces them in intake's name."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from contracts import intake, review
from contracts.values import ContractEvent
from services.chassis.aggregate import Aggregate, step
from services.chassis.due import Due, DueDates
from services.chassis.events import Command, Event, Refused, Sealed
from services.chassis.room import MAKES_KEYS, Room
from services.chassis.views import View

DAY = date(2026, 4, 1)


class CoinTaken(Event, topic="till.CoinTaken"):
    """A coin came in; `note` is what somebody typed."""

    amount: int
    note: Sealed

    def effective_on(self) -> date:
        return DAY


class TillCounted(Event, topic="till.TillCounted"):
    """Silent: nobody else hears it."""

    total: int


TillEvent = CoinTaken | TillCounted


@dataclass(frozen=True, slots=True)
class Till:
    total: int = 0
    notes: tuple[str, ...] = ()
    counted: bool = False


def evolve(till: Till, event: TillEvent) -> Till:
    match event:
        case CoinTaken(amount=amount, note=note):
            return Till(till.total + amount, (*till.notes, note), till.counted)
        case TillCounted():
            return Till(till.total, till.notes, counted=True)


class TakeCoin(Command):
    amount: int
    note: str


def take_coin(till: Till, command: TakeCoin) -> Iterator[TillEvent]:
    if command.amount < 1:
        raise Refused("T1", "amount", "a coin is worth something")
    if till.counted:
        raise Refused("T2", "till", "the till was counted")
    yield CoinTaken(amount=command.amount, note=command.note)


class CountTill(Command):
    pass


def count_till(till: Till, _: CountTill) -> Iterator[TillEvent]:
    if not till.counted:
        yield TillCounted(total=till.total)


TILL = Aggregate("till", Till(), evolve)


def announce(event: Event, state: object) -> ContractEvent | None:
    match event:
        case CoinTaken(amount=amount):
            return intake.CallClosed(number=f"T-{amount}", ends=DAY)
        case _:
            return None


REACTIONS = {
    review.UseEnded: lambda heard: [step(TILL, heard.subject, take_coin, TakeCoin(amount=1, note="heard"))],
    review.ContractConcluded: lambda heard: [step(TILL, heard.subject, count_till, CountTill())],
}
COUNT = View("coins", lambda row, seen: {"coins": int(row.get("coins", 0)) + 1}, of=(CoinTaken,))  # type: ignore[arg-type]  # a row holds any JSON, this one a number
DUE = DueDates(
    of=(CoinTaken,),
    set_by=lambda event, subject: [Due("count", subject, DAY)],
    steps={"count": lambda due, _: step(TILL, due.subject, count_till, CountTill())},
)
ROOM = Room(name="intake", reactions=REACTIONS, announce=announce, views=(COUNT,), due=DUE, keyring_grant=MAKES_KEYS)
