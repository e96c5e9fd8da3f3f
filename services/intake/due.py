"""The dates that wake intake: a call's window opens and closes."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.chassis.aggregate import Step, step
from services.chassis.due import Due, DueDates
from services.chassis.events import Event
from services.intake.call import CALL, CloseCall, OpenCall, close_window, open_window
from services.intake.events import CallNoticed

OPENS: Final = "call-opens"
CLOSES: Final = "call-closes"


def dates(event: Event, subject: UUID) -> Iterator[Due]:
    """A notice sets the window's first day and the day after its last."""
    if isinstance(event, CallNoticed):
        yield Due(OPENS, subject, event.starts)
        yield Due(CLOSES, subject, event.ends + timedelta(days=1))


def call_opens(due: Due, today: date) -> Step:
    """Open the window."""
    return step(CALL, due.subject, open_window, OpenCall(today=today))


def call_closes(due: Due, today: date) -> Step:
    """Close the window."""
    return step(CALL, due.subject, close_window, CloseCall(today=today))


DUE: Final = DueDates(of=(CallNoticed,), set_by=dates, steps={OPENS: call_opens, CLOSES: call_closes})
