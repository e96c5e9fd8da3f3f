"""What review takes in from intake and billing, in any interleaving with each other and with its own work."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts import billing, intake
from contracts.law import law_on
from contracts.values import ContractEvent
from services.chassis.aggregate import Step, step
from services.chassis.events import Event, Refused
from services.chassis.heard import Heard
from services.review.contract import CONTRACT
from services.review.events import CostEstimated, ScreeningStarted
from services.review.reactions import REACTIONS
from services.review.screening import SCREENING, Decide, EstimateCost, FindCriterion, decide, estimate_cost, find_criterion

CASE = UUID(int=9)
DAY = date(2026, 9, 1)
SPEC = "sha256:" + "a" * 64
SEALED = "sealed:v1:x"
SUBMITTED = intake.ProposalSubmitted(
    receipt_number="R8-0001",
    kind="NEW",
    body="mayor",
    call=CASE,
    call_event=CASE,
    file=UUID(int=1),
    file_event=CASE,
    register_version=2,
    party=UUID(int=2),
    principal_count=20_000,
    file_principal_count=20_000,
    recorded_items=("a",),
    wanted_items=("a",),
    granularity=SEALED,
    proposer=SEALED,
    address=SEALED,
    representative=None,
    purpose=SEALED,
    business=SEALED,
    use_from=DAY,
    use_to=date(2026, 11, 1),
    period_reason=SEALED,
    safeguards=SEALED,
    delivery_method="optical_disc",
    attachments=(),
    received=DAY,
)
INTAKE = (SUBMITTED, intake.ProposalFoundComplete(checked=("pledge",)))
ESTIMATE = billing.FeeEstimated(schedule="order-2023", parts=(), total=52_600)
BILLING = (
    ESTIMATE,
    billing.FeeInvoiced(invoice_number="F-R8-N0001", total=52_600, due=DAY),
    billing.FeePaid(amount=600, received=DAY, outstanding=52_000),
    billing.FeePaid(amount=52_000, received=DAY, outstanding=0),
)


@dataclass
class Room:
    """Review's streams in a dictionary."""

    states: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def take(self, one: Step) -> None:
        stream = one.aggregate.stream(one.subject)
        state = self.states.get(stream, one.aggregate.initial)
        new = list(one.decide(state, one.command))
        self.states[stream] = one.aggregate.fold(new, state)
        self.events += new

    def hear(self, event: ContractEvent, actor: str = "proposer-1") -> "Room":
        heard = Heard(event, UUID(int=100), CASE, "minatono", actor, datetime(2026, 9, 1, tzinfo=UTC), DAY)
        if type(event) in REACTIONS:
            for one in REACTIONS[type(event)](heard):
                self.take(one)
        return self


@given(st.permutations(range(len(INTAKE) + len(BILLING))))
def test_every_interleaving_of_intake_and_billing_ends_in_the_same_state(order):
    intake_next, billing_next = iter(INTAKE), iter(BILLING)
    interleaved, straight = Room(), Room()
    for place in order:
        interleaved.hear(next(intake_next) if place < len(INTAKE) else next(billing_next))
    for event in (*INTAKE, *BILLING):
        straight.hear(event)
    assert interleaved.states == straight.states
    screening, contract = (straight.states[one.stream(CASE)] for one in (SCREENING, CONTRACT))
    assert (screening.criteria, screening.fee, contract.paid) == (law_on(DAY).criteria["NEW"], 52_600, True)


@given(st.data())
def test_the_fee_decided_on_is_that_of_the_newest_estimate_however_late_billing_answers(data):
    room, waiting = Room().hear(SUBMITTED).hear(INTAKE[1]), []
    for criterion in range(1, 8):
        finding = FindCriterion(
            criterion=criterion, met=True, reason="seen", specification=SPEC if criterion == 3 else None, min_principals=1_000
        )
        room.take(step(SCREENING, CASE, find_criterion, finding))
    for _ in range(data.draw(st.integers(1, 12))):
        what = data.draw(st.sampled_from(["estimate", "answer", "decide"]))
        if what == "answer" and waiting:
            room.hear(ESTIMATE.model_copy(update={"total": 1_000 + waiting.pop(0)}))
            continue
        minutes = data.draw(st.integers(1, 3))
        before = len(room.events)
        try:
            if what == "estimate":
                room.take(step(SCREENING, CASE, estimate_cost, EstimateCost(creation_minutes=minutes, outsourcing=0)))
                waiting += [event.creation_minutes for event in room.events[before:] if isinstance(event, CostEstimated)]
            else:
                room.take(step(SCREENING, CASE, decide, Decide(outcome="conforming", specification=SPEC)))
        except Refused:
            continue
    screening = room.states[SCREENING.stream(CASE)]
    if screening.decision is not None:
        assert screening.decision.fee == 1_000 + screening.cost.creation_minutes


def test_the_account_that_proposed_is_remembered_not_who_found_it_complete():
    room = Room().hear(SUBMITTED, actor="proposer-1").hear(INTAKE[1], actor="coordinator-1")
    assert room.states[SCREENING.stream(CASE)].proposal.account == "proposer-1"


def test_the_same_again_says_nothing():
    room = Room()
    for event in (*INTAKE, *INTAKE, *BILLING, *BILLING[-1:]):
        room.hear(event)
    assert [type(event) for event in room.events].count(ScreeningStarted) == 1
    assert len(room.events) == 5
