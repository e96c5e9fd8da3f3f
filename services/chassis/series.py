"""A series of numbers, which has no gap: one number a case, beginning anew with each fiscal year."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from contracts.values import Number
from services.chassis.events import Event

APRIL: Final = 4
REIWA: Final = 2018


class NumberGiven(Event):
    """A case got its number; each series has an event of its own with a topic of its own."""

    number: Number
    case: UUID


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers given in one fiscal year, by case."""

    numbers: Mapping[UUID, Number] = field(default_factory=dict)

    def next_number(self, today: date, letter: str = "") -> Number:
        """Give the number that comes next, e.g. `R8-N0001`: Reiwa fiscal year of `today`, the series' letter, place."""
        return f"R{fiscal_year(today) - REIWA}-{letter}{len(self.numbers) + 1:04d}"


def evolve(series: Series, event: NumberGiven) -> Series:
    """Fold one event."""
    return Series({**series.numbers, event.case: event.number})


def fiscal_year(day: date) -> int:
    """Give the year in which the fiscal year of `day` began; it runs from 1 April to 31 March."""
    return day.year if day.month >= APRIL else day.year - 1
