"""What can have happened in a screening and to a use contract (APPI Arts. 114, 115)."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from contracts.values import Code, Count, Digest, Number, Yen
from services.chassis.events import SEALED, Event, Sealed
from services.chassis.series import NumberGiven

Outcome = Literal["conforming", "non_conforming"]
SealedOrNone = Annotated[str | None, SEALED]


class ProposalNoted(Event, topic="review.ProposalNoted"):
    """Intake told of a proposal: what the screening needs of it, and which account sent it."""

    account: str
    kind: Code
    body: Code
    file: UUID
    party: UUID
    principal_count: Count
    file_principal_count: Count
    use_from: date
    use_to: date


class CompletenessNoted(Event, topic="review.CompletenessNoted"):
    """Intake told that the proposal is complete."""


class ScreeningStarted(Event, topic="review.ScreeningStarted"):
    """The screening began, by these criteria of Art. 114(1)."""

    criteria: tuple[int, ...]


class CriterionFound(Event, topic="review.CriterionFound"):
    """One criterion was judged; a later finding on the same criterion takes the place of an earlier one."""

    criterion: int
    met: bool
    reason: Sealed
    specification: Digest | None


class CostEstimated(Event, topic="review.CostEstimated"):
    """Creation time and outsourcing were estimated (Rule 59(2)(i))."""

    creation_minutes: Count
    outsourcing: Yen


class FeeNoted(Event, topic="review.FeeNoted"):
    """Billing told the fee for the newest cost estimate."""

    total: Yen


class ScreeningDecided(Event, topic="review.ScreeningDecided"):
    """The head of the body decided (Art. 114(2)(3)); `failed` are the criteria found unmet."""

    outcome: Outcome
    failed: tuple[int, ...]
    reasons: SealedOrNone
    specification: Digest | None
    fee: Yen | None


class ResultNotified(Event, topic="review.ResultNotified"):
    """The notice went out (Rule 59): Form 9 with what the contract takes, or Form 11 with reasons."""

    notice_number: Number
    form: Code
    outcome: Outcome
    failed: tuple[int, ...]
    reasons: SealedOrNone
    fee: Yen | None
    payment_method: Code | None
    payment_due: date | None
    delivery_method: Code | None
    notified: date


ScreeningEvent = (
    ProposalNoted | CompletenessNoted | ScreeningStarted | CriterionFound | CostEstimated | FeeNoted | ScreeningDecided | ResultNotified
)


class ContractApplied(Event, topic="review.ContractApplied"):
    """The proposer returned Form 10 (Rule 61); the terms are those of notice and proposal."""

    party: UUID
    notice_number: Number
    fee: Yen
    payment_due: date
    delivery_method: Code
    use_from: date
    use_to: date
    applied: date


class PaymentNoted(Event, topic="review.PaymentNoted"):
    """Billing told that nothing of the fee is outstanding."""


class ContractConcluded(Event, topic="review.ContractConcluded"):
    """The use contract was concluded (Art. 115)."""

    contract_number: Number
    party: UUID
    use_from: date
    use_to: date
    delivery_method: Code
    concluded: date


class UseEnded(Event, topic="review.UseEnded"):
    """The period of use in the contract is over."""

    contract_number: Number
    ended: date

    def effective_on(self) -> date:
        """Give the last day of use."""
        return self.ended


ContractEvent = ContractApplied | PaymentNoted | ContractConcluded | UseEnded


class NumberIssued(NumberGiven, topic="review.NumberIssued"):
    """A notice or contract number was given to a case."""
