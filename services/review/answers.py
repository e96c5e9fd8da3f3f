"""What review answers about a case: screening and contract as JSON, in full for staff, the notice's part for the proposer."""

from uuid import UUID

from pydantic import JsonValue

from services.review.contract import Contract
from services.review.screening import Screening


def case_answer(case: UUID, screening: Screening, contract: Contract) -> dict[str, JsonValue]:
    """Give all that staff see of a case."""
    return {
        **proposer_answer(case, screening, contract),
        "proposal": None if screening.proposal is None else screening.proposal.model_dump(mode="json"),
        "criteria": list(screening.criteria),
        "findings": [screening.findings[criterion].model_dump(mode="json") for criterion in sorted(screening.findings)],
        "cost": None if screening.cost is None else screening.cost.model_dump(mode="json"),
        "fee": screening.fee,
        "decision": None if screening.decision is None else screening.decision.model_dump(mode="json"),
    }


def proposer_answer(case: UUID, screening: Screening, contract: Contract) -> dict[str, JsonValue]:
    """Give what the proposer may know: the notice and the contract."""
    return {
        "case": str(case),
        "status": status(screening, contract),
        "notice": None if screening.notice is None else screening.notice.model_dump(mode="json"),
        "application": None if contract.applied is None else contract.applied.model_dump(mode="json"),
        "paid": contract.paid,
        "contract": None if contract.concluded is None else contract.concluded.model_dump(mode="json"),
    }


def status(screening: Screening, contract: Contract) -> str:
    """Say how far a case has come; a decision shows only once it was notified."""
    if contract.concluded is not None:
        return "use_ended" if contract.ended else "contracted"
    if contract.applied is not None:
        return "contract_applied"
    if screening.notice is not None:
        return screening.notice.outcome
    return "under_review" if screening.criteria else "received"
