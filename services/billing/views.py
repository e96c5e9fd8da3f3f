"""What finance sees at a glance: one row per fee."""

from typing import Final

from services.billing.events import ApplicationNoted, FeeEstimated, FeeInvoiced, FeeOverdue, FeePaid, OutcomeNoted, ProposerNoted
from services.chassis.views import Row, Seen, View


def fold_fee(row: Row, seen: Seen) -> Row | None:
    """Give the row of one case's fee after an event: status, yen and dates; no text."""
    known: Row = {**row, "case": str(seen.subject)}
    match seen.event:
        case FeeEstimated() as event:
            return {**known, "status": "estimated", "estimate": event.total, "schedule": event.schedule}
        case OutcomeNoted(outcome=outcome):
            return {**known, "outcome": outcome}
        case FeeInvoiced(number=number, total=total, due=due):
            return {**known, "status": "invoiced", "invoice_number": number, "total": total, "due": due.isoformat(), "outstanding": total}
        case FeePaid(amount=amount):
            outstanding = max(0, _yen(row, "outstanding") - amount)
            return {
                **known,
                "status": "part_paid" if outstanding else "paid",
                "paid": _yen(row, "paid") + amount,
                "outstanding": outstanding,
            }
        case FeeOverdue():
            return {**known, "overdue": True}
        case ProposerNoted() | ApplicationNoted():
            return known
        case _:
            return None


def _yen(row: Row, column: str) -> int:
    value = row.get(column)
    return value if isinstance(value, int) else 0


VIEWS: Final[tuple[View, ...]] = (
    View("fees", fold_fee, of=(FeeEstimated, OutcomeNoted, FeeInvoiced, FeePaid, FeeOverdue, ProposerNoted, ApplicationNoted)),
)
