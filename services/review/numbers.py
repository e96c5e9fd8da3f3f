"""Numbers of notices and contracts, unique and without gaps in a tenant's fiscal year."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.values import Number
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command
from services.review.events import NumberIssued
from services.review.overtaken import Overtaken

APRIL: Final = 4
REIWA: Final = 2018


class Series(StrEnum):
    """What is numbered; the letter stands in the number."""

    NOTICE = "N"
    CONTRACT = "C"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers issued in one series, by case."""

    numbers: Mapping[UUID, str] = field(default_factory=dict)

    def next_number(self, series: Series, today: date) -> Number:
        """Give the number that comes next, e.g. `R8-N0001`: Reiwa fiscal year of `today` (1 April to 31 March), series, place."""
        return f"R{fiscal_year(today) - REIWA}-{series.value}{len(self.numbers) + 1:04d}"


def evolve(numbers: Numbers, event: NumberIssued) -> Numbers:
    """Fold one event."""
    return Numbers({**numbers.numbers, event.case: event.number})


def fiscal_year(day: date) -> int:
    """Give the fiscal year a day lies in: 2027-03-31 lies in 2026."""
    return day.year if day.month >= APRIL else day.year - 1


def series_subject(tenant: str, series: Series, today: date) -> UUID:
    """Give the id of the stream that numbers a tenant's notices or contracts in the fiscal year of `today`."""
    return uuid5(NAMESPACE_URL, f"urn:anken:review:{series.name.lower()}:{tenant}:{fiscal_year(today)}")


class IssueNumber(Command):
    number: Number
    case: UUID


def issue(numbers: Numbers, command: IssueNumber) -> Iterator[NumberIssued]:
    """Give a number to a case; raises Overtaken if another case has it."""
    if numbers.numbers.get(command.case) == command.number:
        return
    if command.case in numbers.numbers or command.number in numbers.numbers.values():
        raise Overtaken("114", "number", f"the number {command.number} is taken")
    yield NumberIssued(number=command.number, case=command.case)


NUMBERS: Final = Aggregate("numbers", Numbers(), evolve)
