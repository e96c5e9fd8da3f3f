"""The fee as the schedule in force works it out: base, started hours, outsourcing handed on (Order Art. 31, V26)."""

from contracts.law import FeeSchedule
from services.billing.events import FeePart, Yen

MINUTES_PER_HOUR = 60


def started_hours(minutes: int) -> int:
    """Count each started hour as one: 430 minutes are 8 hours (Order 31(1))."""
    return -(-minutes // MINUTES_PER_HOUR)


def fee_parts(schedule: FeeSchedule, creation_minutes: int, outsourcing: Yen) -> tuple[FeePart, ...]:
    """List what a new extract costs, in integer yen; a part that does not occur is left out (Order 31(1), V26)."""
    hours = started_hours(creation_minutes)
    parts = (
        FeePart(what="base", article=schedule.base.article, quantity=1, amount=schedule.base.amount),
        FeePart(
            what="creation_hours",
            article=schedule.per_started_hour.article,
            quantity=hours,
            amount=hours * schedule.per_started_hour.amount,
        ),
        FeePart(what="outsourcing", article=schedule.outsourcing.article, quantity=1 if outsourcing else 0, amount=outsourcing),
    )
    return tuple(part for part in parts if part.quantity)
