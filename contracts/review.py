"""What review tells: screening, decision, notice, use contract (APPI Arts. 114, 115)."""

from datetime import date
from uuid import UUID

from contracts.values import Code, ContractEvent, Count, Digest, Number, ReactionRefused, SealedText, Yen


class ScreeningStarted(ContractEvent):
    """Review of a complete proposal began; `criteria` are those of Art. 114(1) that apply."""

    criteria: tuple[int, ...]


class CriterionFound(ContractEvent):
    """One criterion of Art. 114(1) was judged; the third names the digest of the specification it judged."""

    criterion: int
    met: bool
    reason: SealedText
    specification: Digest | None


class CostEstimated(ContractEvent):
    """Creation time and outsourcing were estimated for the notice (Rule 59(2)(i))."""

    body: Code
    kind: Code
    party: UUID
    dataset: UUID | None
    creation_minutes: Count
    outsourcing: Yen


class ScreeningDecided(ContractEvent):
    """The head of the body decided (Art. 114(2)(3)). `outcome` is `conforming` or `non_conforming`."""

    outcome: Code
    failed: tuple[int, ...]
    reasons: SealedText | None
    specification: Digest | None
    file: UUID
    party: UUID
    principal_count: Count
    fee: Yen | None


class ResultNotified(ContractEvent):
    """The notice went out: Form 9 with fee, due date and delivery, or Form 11 with reasons (Rule 59)."""

    notice_number: Number
    form: Code
    outcome: Code
    failed: tuple[int, ...]
    reasons: SealedText | None
    fee: Yen | None
    payment_method: Code | None
    payment_due: date | None
    delivery_method: Code | None
    notified: date


class ContractApplied(ContractEvent):
    """The proposer returned Form 10 with the contract papers (Art. 115, Rule 61)."""

    party: UUID
    notice_number: Number
    fee: Yen
    payment_due: date
    applied: date


class ContractConcluded(ContractEvent):
    """The use contract was concluded (Art. 115)."""

    contract_number: Number
    party: UUID
    use_from: date
    use_to: date
    delivery_method: Code
    concluded: date


class UseEnded(ContractEvent):
    """The period of use named in the contract is over (Art. 112(2)(vi))."""

    contract_number: Number
    ended: date


EVENTS: tuple[type[ContractEvent], ...] = (
    ScreeningStarted,
    CriterionFound,
    CostEstimated,
    ScreeningDecided,
    ResultNotified,
    ContractApplied,
    ContractConcluded,
    UseEnded,
    ReactionRefused,
)
