"""Which of billing's events the world hears, and as what."""

from contracts import billing
from contracts.values import ContractEvent
from services.billing.events import FeeEstimated, FeeInvoiced, FeeOverdue, FeePaid
from services.billing.fee import Fee
from services.chassis.events import Event


def announce(event: Event, state: object) -> ContractEvent | None:
    """Give the contract event for one of ours; what billing only noted stays silent."""
    match event, state:
        case FeeEstimated(), _:
            parts = tuple(billing.FeePart(what=p.what, article=p.article, quantity=p.quantity, amount=p.amount) for p in event.parts)
            return billing.FeeEstimated(schedule=event.schedule, parts=parts, total=event.total)
        case FeeInvoiced(), _:
            return billing.FeeInvoiced(invoice_number=event.number, total=event.total, due=event.due)
        case FeePaid(), Fee():
            return billing.FeePaid(amount=event.amount, received=event.received, outstanding=state.outstanding)
        case FeeOverdue(), _:
            return billing.FeeOverdue(due=event.due, outstanding=event.outstanding)
        case _:
            return None
