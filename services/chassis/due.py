"""Dates that wake a service: which event sets which date, and which step follows when it comes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from services.chassis.aggregate import Step
from services.chassis.events import Event


@dataclass(frozen=True, slots=True)
class Due:
    """On the business day `on`, `kind` is due for `subject`; setting the same kind and subject again moves the date."""

    kind: str
    subject: UUID
    on: date


class SetDates(Protocol):
    """Tells which dates an event sets."""

    def __call__(self, event: Event, subject: UUID) -> Iterable[Due]:
        """Give the dates; most events set none."""


@dataclass(frozen=True, slots=True)
class DueDates:
    """A service's dates: `set_by` an event of these classes, and the step each kind leads to. Steps must be idempotent decisions."""

    of: tuple[type[Event], ...]
    set_by: SetDates
    steps: dict[str, Callable[[Due, date], Step]]
