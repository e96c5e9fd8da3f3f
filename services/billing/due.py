"""The one date that wakes billing: the day after a payment was due."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.billing.events import FeeInvoiced
from services.billing.fee import FEE, NoticeOverdue, notice_overdue
from services.chassis.aggregate import Step, step
from services.chassis.due import Due, DueDates
from services.chassis.events import Event

FEE_OVERDUE: Final = "fee-overdue"


def dates(event: Event, subject: UUID) -> Iterator[Due]:
    """An invoice sets the day on which it would be overdue."""
    if isinstance(event, FeeInvoiced):
        yield Due(FEE_OVERDUE, subject, event.due + timedelta(days=1))


def fee_overdue(due: Due, today: date) -> Step:
    """Look whether anything is outstanding."""
    return step(FEE, due.subject, notice_overdue, NoticeOverdue(today=today))


DUE: Final = DueDates(of=(FeeInvoiced,), set_by=dates, steps={FEE_OVERDUE: fee_overdue})
