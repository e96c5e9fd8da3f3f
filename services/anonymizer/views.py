"""What staff see at a glance: one row per extract, one per kept specification."""

from typing import Final

from services.anonymizer.events import (
    ContractNoted,
    DecisionNoted,
    DeliveryAcknowledged,
    DeliveryCollected,
    DeliveryReissued,
    ExtractDelivered,
    ExtractProduced,
    ExtractRejected,
    ExtractVerified,
    KeysDestroyed,
    ProcessingPlanned,
    RegisterNoted,
    SettlementNoted,
    SpecificationKept,
)
from services.chassis.views import Row, Seen, View


def fold_extract(row: Row, seen: Seen) -> Row | None:
    """Give the row of one case's extract after an event: status, digests and counts."""
    known: Row = {"status": "proposed", **row, "case": str(seen.subject)}
    match seen.event:
        case DecisionNoted(outcome=outcome, specification=specification):
            return {**known, "outcome": outcome, "specification": specification}
        case SettlementNoted():
            return {**known, "paid": True}
        case ContractNoted():
            return {**known, "contracted": True}
        case RegisterNoted():
            return {**known, "registered": True}
        case ProcessingPlanned(source=source, k=k):
            return {**known, "status": "planned", "source": source, "k": k}
        case ExtractProduced(records=records, smallest=smallest):
            return {**known, "status": "produced", "records": records, "smallest": smallest}
        case ExtractVerified():
            return {**known, "status": "verified"}
        case ExtractRejected(field=field):
            return {**known, "status": "rejected", "rejected_for": field}
        case KeysDestroyed():
            return {**known, "status": "keys_destroyed"}
        case ExtractDelivered() | DeliveryReissued():
            return {**known, "status": "delivered"}
        case DeliveryCollected():
            return {**known, "status": "collected"}
        case DeliveryAcknowledged():
            return {**known, "status": "acknowledged"}
        case _:
            return None


def fold_specification(_row: Row, seen: Seen) -> Row | None:
    """Give the row of one kept specification: its digest, class size and published items, never the method."""
    match seen.event:
        case SpecificationKept(digest=digest, k=k, items=items):
            return {"specification": digest, "k": k, "items": [*items]}
        case _:
            return None


VIEWS: Final[tuple[View, ...]] = (
    View(
        "extracts",
        fold_extract,
        of=(
            DecisionNoted,
            SettlementNoted,
            ContractNoted,
            RegisterNoted,
            ProcessingPlanned,
            ExtractProduced,
            ExtractVerified,
            ExtractRejected,
            KeysDestroyed,
            ExtractDelivered,
            DeliveryReissued,
            DeliveryCollected,
            DeliveryAcknowledged,
        ),
    ),
    View("specifications", fold_specification, of=(SpecificationKept,)),
)
