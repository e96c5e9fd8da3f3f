"""Invoice numbers: one book per tenant and fiscal year in which a number belongs to one case for good.

A number is the notice's own with the letter F before it, so that a reaction can name it without reading anything;
the book makes its uniqueness a checked fact instead of another service's promise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.billing.events import NumberTaken
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused
from services.chassis.series import fiscal_year


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which case holds which number."""

    holders: Mapping[str, UUID] = field(default_factory=dict)


def evolve(numbers: Numbers, event: NumberTaken) -> Numbers:
    """Fold one event into the book."""
    return replace(numbers, holders={**numbers.holders, event.number: event.case})


def book(tenant: str, day: date) -> UUID:
    """Give the subject of the book that is open on `day`."""
    return uuid5(NAMESPACE_URL, f"urn:anken:billing:numbers:{fiscal_year(day)}:{tenant}")


def invoice_number(notice_number: str) -> str:
    """Name the invoice that belongs to a result notice."""
    return f"F-{notice_number}"


class TakeNumber(Command):
    number: str
    case: UUID


def take_number(numbers: Numbers, command: TakeNumber) -> Iterator[NumberTaken]:
    """Give the number to the case; the same case again takes nothing, another case is refused (Art. 119)."""
    holder = numbers.holders.get(command.number)
    if holder == command.case:
        return
    if holder is not None:
        raise Refused("119", "notice_number", f"invoice number {command.number} belongs to another case")
    yield NumberTaken(number=command.number, case=command.case)


NUMBERS: Final = Aggregate("numbers", Numbers(), evolve)
