"""The one date that wakes review: the day after the last day of use."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.chassis.aggregate import Step, step
from services.chassis.due import Due, DueDates
from services.chassis.events import Event
from services.review.contract import CONTRACT, EndUse, end_use
from services.review.events import ContractConcluded

USE_ENDS: Final = "use-ends"


def dates(event: Event, subject: UUID) -> Iterator[Due]:
    """A concluded contract sets the day on which its use is over."""
    if isinstance(event, ContractConcluded):
        yield Due(USE_ENDS, subject, event.use_to + timedelta(days=1))


def use_ends(due: Due, today: date) -> Step:
    """Record the end of use."""
    return step(CONTRACT, due.subject, end_use, EndUse(today=today))


DUE: Final = DueDates(of=(ContractConcluded,), set_by=dates, steps={USE_ENDS: use_ends})
