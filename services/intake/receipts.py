"""Receipt numbers of proposals, unique and without gaps in a tenant's fiscal year."""

from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.chassis.aggregate import Aggregate
from services.chassis.events import Command
from services.chassis.series import Series, evolve, fiscal_year
from services.intake.events import ReceiptIssued


def receipts_subject(tenant: str, today: date) -> UUID:
    """Give the id of the stream that numbers a tenant's proposals in the fiscal year of `today`."""
    return uuid5(NAMESPACE_URL, f"urn:anken:receipts:{tenant}:{fiscal_year(today)}")


class IssueReceipt(Command):
    case: UUID
    today: date


def issue(receipts: Series, command: IssueReceipt) -> Iterator[ReceiptIssued]:
    """Give a case the next number, e.g. `R8-0001`; a case that has one keeps it."""
    if command.case not in receipts.numbers:
        yield ReceiptIssued(number=receipts.next_number(command.today), case=command.case)


RECEIPTS: Final[Aggregate[Series, ReceiptIssued]] = Aggregate("receipts", Series(), evolve)
