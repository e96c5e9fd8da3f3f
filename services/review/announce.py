"""Which of review's events the world hears, and as what."""

from contracts import review
from contracts.values import ContractEvent
from services.chassis.events import Event
from services.review.events import (
    ContractApplied,
    ContractConcluded,
    CostEstimated,
    CriterionFound,
    ProposalNoted,
    ResultNotified,
    ScreeningDecided,
    ScreeningStarted,
    UseEnded,
)
from services.review.screening import Screening


def announce(event: Event, state: object) -> ContractEvent | None:
    """Give the contract event for one of ours; what review only noted or numbered stays silent."""
    match event, state:
        case ScreeningStarted(), _:
            return review.ScreeningStarted(criteria=event.criteria)
        case CriterionFound(), _:
            return review.CriterionFound.model_validate(event.model_dump())
        case CostEstimated(), Screening(proposal=ProposalNoted() as proposal):
            return review.CostEstimated(
                body=proposal.body,
                kind=proposal.kind,
                party=proposal.party,
                dataset=None,
                creation_minutes=event.creation_minutes,
                outsourcing=event.outsourcing,
            )
        case ScreeningDecided(), Screening(proposal=ProposalNoted() as proposal):
            return review.ScreeningDecided(
                outcome=event.outcome,
                failed=event.failed,
                reasons=event.reasons,
                specification=event.specification,
                file=proposal.file,
                party=proposal.party,
                principal_count=proposal.principal_count,
                fee=event.fee,
            )
        case ResultNotified(), _:
            return review.ResultNotified.model_validate(event.model_dump())
        case ContractApplied(), _:
            return review.ContractApplied.model_validate(event.model_dump(exclude={"delivery_method", "use_from", "use_to"}))
        case ContractConcluded(), _:
            return review.ContractConcluded.model_validate(event.model_dump())
        case UseEnded(), _:
            return review.UseEnded(contract_number=event.contract_number, ended=event.ended)
        case _:
            return None
