"""The screening of one proposal, from completeness to the notice (Art. 114, Rule 59). Pure: no clock, no I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, assert_never

from contracts.values import Code, Count, Digest, Number, Yen
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused
from services.review.events import (
    CompletenessNoted,
    CostEstimated,
    CriterionFound,
    FeeNoted,
    Outcome,
    ProposalNoted,
    ResultNotified,
    ScreeningDecided,
    ScreeningEvent,
    ScreeningStarted,
)

COUNT: Final = 2
METHOD: Final = 3
FORMS: Final[Mapping[tuple[str, Outcome], str]] = {
    ("NEW", "conforming"): "9",
    ("NEW", "non_conforming"): "11",
    ("REUSE", "conforming"): "13",
    ("REUSE", "non_conforming"): "14",
}


@dataclass(frozen=True, slots=True)
class Screening:
    """State folded from events; `fee` is the fee of the newest cost estimate, absent until billing has told it."""

    proposal: ProposalNoted | None = None
    complete: bool = False
    criteria: tuple[int, ...] = ()
    findings: Mapping[int, CriterionFound] = field(default_factory=dict)
    cost: CostEstimated | None = None
    fee: Yen | None = None
    decision: ScreeningDecided | None = None
    notice: ResultNotified | None = None

    @property
    def failed(self) -> tuple[int, ...]:
        """The criteria found unmet."""
        return tuple(criterion for criterion in self.criteria if criterion in self.findings and not self.findings[criterion].met)


def evolve(screening: Screening, event: ScreeningEvent) -> Screening:
    """Fold one event."""
    match event:
        case ProposalNoted():
            return replace(screening, proposal=event)
        case CompletenessNoted():
            return replace(screening, complete=True)
        case ScreeningStarted(criteria=criteria):
            return replace(screening, criteria=criteria)
        case CriterionFound(criterion=criterion):
            return replace(screening, findings={**screening.findings, criterion: event})
        case CostEstimated():
            return replace(screening, cost=event, fee=None)
        case FeeNoted(total=total):
            return replace(screening, fee=total)
        case ScreeningDecided():
            return replace(screening, decision=event)
        case ResultNotified():
            return replace(screening, notice=event)
        case _:
            assert_never(event)


class NoteProposal(Command):
    noted: ProposalNoted
    criteria: dict[str, tuple[int, ...]]


def note_proposal(screening: Screening, command: NoteProposal) -> Iterator[ScreeningEvent]:
    """Take in a proposal; the screening begins once it is also found complete."""
    if screening.proposal is None:
        yield command.noted
        yield from _start(evolve(screening, command.noted), command.criteria)


class NoteCompleteness(Command):
    criteria: dict[str, tuple[int, ...]]


def note_completeness(screening: Screening, command: NoteCompleteness) -> Iterator[ScreeningEvent]:
    """Take in that a proposal is complete; the screening begins once the proposal itself is known."""
    if not screening.complete:
        noted = CompletenessNoted()
        yield noted
        yield from _start(evolve(screening, noted), command.criteria)


def _start(screening: Screening, criteria: Mapping[str, tuple[int, ...]]) -> Iterator[ScreeningEvent]:
    if screening.proposal is None or not screening.complete:
        return
    if screening.proposal.kind not in criteria:
        raise Refused("114", "kind", "the law in force names no criteria for this kind of proposal")
    yield ScreeningStarted(criteria=criteria[screening.proposal.kind])


class FindCriterion(Command):
    criterion: int
    met: bool
    reason: str
    specification: Digest | None = None
    min_principals: int


def find_criterion(screening: Screening, command: FindCriterion) -> Iterator[ScreeningEvent]:
    """Judge one criterion of Art. 114(1), with a reason; another finding may take its place until the head has decided.

    The second is a matter of numbers (V11, Rule 56); the third, when met, names the specification it judged.
    """
    proposal = _open(screening)
    if command.criterion not in screening.criteria:
        raise Refused("V22", "criterion", f"the criteria of this screening are {_listed(screening.criteria)}")
    if not command.reason.strip():
        raise Refused("V22", "reason", "a finding gives its reason")
    enough = command.min_principals <= proposal.principal_count <= proposal.file_principal_count
    if command.criterion == COUNT and command.met != enough:
        message = (
            f"{proposal.principal_count} people are wanted, {command.min_principals} the least, {proposal.file_principal_count} in the file"
        )
        raise Refused("V11", "met", message)
    if command.criterion == METHOD and command.met and command.specification is None:
        raise Refused("116", "specification", "the finding names the digest of the specification it judged")
    if command.criterion != METHOD and command.specification is not None:
        raise Refused("116", "specification", "a specification belongs to the finding on criterion 3")
    found = CriterionFound(criterion=command.criterion, met=command.met, reason=command.reason, specification=command.specification)
    if screening.findings.get(command.criterion) == found:
        return
    _undecided(screening, "criterion")
    yield found


class EstimateCost(Command):
    creation_minutes: Count
    outsourcing: Yen


def estimate_cost(screening: Screening, command: EstimateCost) -> Iterator[ScreeningEvent]:
    """Estimate creation time and outsourcing for the notice (Rule 59(2)(i)); billing answers each estimate with a fee."""
    _open(screening)
    estimated = CostEstimated(creation_minutes=command.creation_minutes, outsourcing=command.outsourcing)
    if screening.cost == estimated:
        return
    _undecided(screening, "creation_minutes")
    if screening.failed:
        raise Refused("114", "criterion", f"no cost is estimated while a criterion is unmet: {_listed(screening.failed)}")
    if command.creation_minutes == 0 and command.outsourcing == 0:
        raise Refused("V26", "creation_minutes", "a creation takes time or money")
    if screening.cost is not None and screening.fee is None:
        # Billing answers estimates in order; a second one before the first answer would be taken for its fee.
        raise Refused("119", "creation_minutes", "the fee of the earlier estimate is still being worked out; ask again")
    yield estimated


class NoteFee(Command):
    total: Yen


def note_fee(screening: Screening, command: NoteFee) -> Iterator[ScreeningEvent]:
    """Take in the fee that billing worked out; always accepted."""
    if screening.fee != command.total:
        yield FeeNoted(total=command.total)


class Decide(Command):
    outcome: Outcome
    specification: Digest | None = None
    reasons: str | None = None


def decide(screening: Screening, command: Decide) -> Iterator[ScreeningEvent]:
    """Decide as the findings say (Art. 114(2)(3)); V22 a finding on every criterion, V23 the outcome follows from them.

    A conforming decision names the specification of the third finding and needs the fee the notice must state (Rule 59(2)(i)).
    """
    _open(screening)
    if screening.decision is not None:
        same = (screening.decision.outcome, screening.decision.specification) == (command.outcome, command.specification)
        if same and (command.reasons or None) == screening.decision.reasons:
            return
        raise Refused("114", "outcome", "the head has decided already")
    missing = tuple(criterion for criterion in screening.criteria if criterion not in screening.findings)
    if missing:
        raise Refused("V22", "criterion", f"no finding yet on {_listed(missing)}")
    if screening.failed:
        yield _non_conforming(screening, command)
    else:
        yield _conforming(screening, command)


def _non_conforming(screening: Screening, command: Decide) -> ScreeningDecided:
    if command.outcome != "non_conforming":
        raise Refused("V23", "outcome", f"unmet: {_listed(screening.failed)}; the outcome can only be non_conforming")
    if not (command.reasons or "").strip():
        raise Refused("V23", "reasons", "a non-conforming decision gives its reasons")
    if command.specification is not None:
        raise Refused("116", "specification", "a non-conforming decision approves no specification")
    return ScreeningDecided(outcome=command.outcome, failed=screening.failed, reasons=command.reasons, specification=None, fee=None)


def _conforming(screening: Screening, command: Decide) -> ScreeningDecided:
    if command.outcome != "conforming":
        raise Refused("V23", "outcome", "all criteria are met; the outcome can only be conforming")
    if command.reasons:
        raise Refused("V23", "reasons", "a conforming decision carries no reasons for refusal")
    judged = screening.findings[METHOD].specification if METHOD in screening.findings else None
    if command.specification != judged:
        raise Refused("116", "specification", f"the finding on criterion 3 judged {judged}")
    if screening.fee is None:
        raise Refused("119", "fee", "the fee that the notice must state has not been estimated (Rule 59(2)(i))")
    return ScreeningDecided(outcome=command.outcome, failed=(), reasons=None, specification=judged, fee=screening.fee)


class NotifyResult(Command):
    notice_number: Number
    payment_method: Code | None = None
    payment_due: date | None = None
    delivery_method: Code | None = None
    today: date
    payment_methods: tuple[str, ...]
    delivery_methods: tuple[str, ...]


def notify(screening: Screening, command: NotifyResult) -> Iterator[ScreeningEvent]:
    """Send the notice (Rule 59); V24 a conforming one states fee, method, due date and delivery, V25 due on its day or later.

    Both methods are stored in the clear: only what the command lists may be chosen.
    """
    proposal = _open(screening)
    decision = screening.decision
    if decision is None:
        raise Refused("114", "decision", "the head has not decided")
    terms = {"payment_method": command.payment_method, "payment_due": command.payment_due, "delivery_method": command.delivery_method}
    for name, term in terms.items():
        if decision.outcome == "conforming" and term is None:
            raise Refused("V24", name, f"the notice states {name} (Rule 59(2))")
        if decision.outcome == "non_conforming" and term is not None:
            raise Refused("V24", name, f"a non-conforming notice has no {name}")
    if screening.notice is not None:
        if all(getattr(screening.notice, name) == term for name, term in terms.items()):
            return
        raise Refused("114", "notice", "the notice went out with other particulars")
    for name, allowed in (("payment_method", command.payment_methods), ("delivery_method", command.delivery_methods)):
        if terms[name] is not None and terms[name] not in allowed:
            raise Refused("V24", name, f"the notice states one of {', '.join(allowed)} (Rule 59(2))")
    if command.payment_due is not None and command.payment_due < command.today:
        raise Refused("V25", "payment_due", f"payment would be due before the notice of {command.today}")
    yield ResultNotified(
        notice_number=command.notice_number,
        form=FORMS[proposal.kind, decision.outcome],
        outcome=decision.outcome,
        failed=decision.failed,
        reasons=decision.reasons,
        fee=decision.fee,
        payment_method=command.payment_method,
        payment_due=command.payment_due,
        delivery_method=command.delivery_method,
        notified=command.today,
    )


def _open(screening: Screening) -> ProposalNoted:
    if screening.proposal is None or not screening.criteria:
        raise Refused("114", "case", "the screening has not started")
    return screening.proposal


def _undecided(screening: Screening, field_name: str) -> None:
    if screening.decision is not None:
        raise Refused("114", field_name, "the head has decided already")


def _listed(criteria: tuple[int, ...]) -> str:
    return ", ".join(str(criterion) for criterion in criteria)


SCREENING: Final = Aggregate("screening", Screening(), evolve)
