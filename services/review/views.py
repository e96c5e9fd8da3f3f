"""What review lists: screenings and contracts, one row each; no word that somebody typed."""

from typing import Final

from pydantic import JsonValue

from services.chassis.views import Row, Seen, View
from services.review.events import (
    ContractApplied,
    ContractConcluded,
    CostEstimated,
    CriterionFound,
    FeeNoted,
    PaymentNoted,
    ProposalNoted,
    ResultNotified,
    ScreeningDecided,
    ScreeningStarted,
    UseEnded,
)


def fold_screening(row: Row, seen: Seen) -> Row | None:
    """Give the row of a screening: ids, findings as met or not, yen, dates."""
    match seen.event:
        case ProposalNoted() as event:
            clear = {"kind", "body", "file", "party", "principal_count"}
            return {**row, "case": str(seen.subject), **event.model_dump(mode="json", include=clear)}
        case ScreeningStarted(criteria=criteria):
            return {**row, "status": "under_review", "criteria": list(criteria), "findings": {}}
        case CriterionFound(criterion=criterion, met=met):
            known = row.get("findings")
            findings: dict[str, JsonValue] = {**(known if isinstance(known, dict) else {}), str(criterion): met}
            return {**row, "findings": findings}
        case CostEstimated() as event:
            return {**row, **event.model_dump(), "fee": None}
        case FeeNoted(total=total):
            return {**row, "fee": total}
        case ScreeningDecided(outcome=outcome, failed=failed):
            return {**row, "status": "decided", "outcome": outcome, "failed": list(failed)}
        case ResultNotified() as event:
            clear = {"notice_number", "form", "payment_due", "notified"}
            return {**row, "status": "notified", **event.model_dump(mode="json", include=clear)}
        case _:
            return None


def fold_contract(row: Row, seen: Seen) -> Row | None:
    """Give the row of a contract."""
    match seen.event:
        case ContractApplied() as event:
            return {**row, "case": str(seen.subject), "status": "applied", **event.model_dump(mode="json")}
        case PaymentNoted():
            return {**row, "paid": True}
        case ContractConcluded() as event:
            return {**row, "status": "concluded", **event.model_dump(mode="json")}
        case UseEnded(ended=ended):
            return {**row, "status": "ended", "ended": ended.isoformat()}
        case _:
            return None


VIEWS: Final[tuple[View, ...]] = (
    View(
        "screenings",
        fold_screening,
        of=(ProposalNoted, ScreeningStarted, CriterionFound, CostEstimated, FeeNoted, ScreeningDecided, ResultNotified),
    ),
    View("contracts", fold_contract, of=(ContractApplied, PaymentNoted, ContractConcluded, UseEnded)),
)
