"""Receipt numbers of proposals, unique and without gaps in a tenant's fiscal year."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.values import Number
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command
from services.intake.events import ReceiptIssued
from services.intake.overtaken import Overtaken

APRIL: Final = 4
REIWA: Final = 2018


@dataclass(frozen=True, slots=True)
class Receipts:
    """The numbers issued in one fiscal year, by case."""

    numbers: Mapping[UUID, str] = field(default_factory=dict)

    def next_number(self, today: date) -> Number:
        """Give the number that comes next, e.g. `R8-0001`: Reiwa fiscal year of `today` (1 April to 31 March) and place."""
        return f"R{fiscal_year(today) - REIWA}-{len(self.numbers) + 1:04d}"


def evolve(receipts: Receipts, event: ReceiptIssued) -> Receipts:
    """Fold one event."""
    return Receipts({**receipts.numbers, event.case: event.number})


def fiscal_year(day: date) -> int:
    """Give the fiscal year a day lies in: 2027-03-31 lies in 2026."""
    return day.year if day.month >= APRIL else day.year - 1


def receipts_subject(tenant: str, today: date) -> UUID:
    """Give the id of the stream that numbers a tenant's proposals in the fiscal year of `today`."""
    return uuid5(NAMESPACE_URL, f"urn:anken:receipts:{tenant}:{fiscal_year(today)}")


class IssueReceipt(Command):
    number: Number
    case: UUID


def issue(receipts: Receipts, command: IssueReceipt) -> Iterator[ReceiptIssued]:
    """Give a number to a case; raises Overtaken if another case has it."""
    if receipts.numbers.get(command.case) == command.number:
        return
    if command.case in receipts.numbers or command.number in receipts.numbers.values():
        raise Overtaken("112", "receipt_number", f"the number {command.number} is taken")
    yield ReceiptIssued(number=command.number, case=command.case)


RECEIPTS: Final = Aggregate("receipts", Receipts(), evolve)
