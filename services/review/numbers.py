"""Numbers of notices and contracts, unique and without gaps in a tenant's fiscal year."""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.chassis.aggregate import Aggregate
from services.chassis.events import Command
from services.chassis.series import Series, evolve, fiscal_year
from services.review.events import NumberIssued


class Numbered(StrEnum):
    """What is numbered; the letter stands in the number."""

    NOTICE = "N"
    CONTRACT = "C"


def series_subject(tenant: str, numbered: Numbered, today: date) -> UUID:
    """Give the id of the stream that numbers a tenant's notices or contracts in the fiscal year of `today`."""
    return uuid5(NAMESPACE_URL, f"urn:anken:review:{numbered.name.lower()}:{tenant}:{fiscal_year(today)}")


class IssueNumber(Command):
    numbered: Numbered
    case: UUID
    today: date


def issue(series: Series, command: IssueNumber) -> Iterator[NumberIssued]:
    """Give a case the next number, e.g. `R8-N0001`; a case that has one keeps it."""
    if command.case not in series.numbers:
        yield NumberIssued(number=series.next_number(command.today, command.numbered), case=command.case)


NUMBERS: Final[Aggregate[Series, NumberIssued]] = Aggregate("numbers", Series(), evolve)
