"""What review takes in from intake and billing, in any interleaving with each other and with its own work."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from contracts import billing
from contracts.law import law_on
from services.chassis.aggregate import step
from services.chassis.events import Refused
from services.review.contract import CONTRACT, ApplyForContract, ConcludeContract, apply_for, conclude
from services.review.events import ContractApplied, CostEstimated, ScreeningStarted
from services.review.reactions import REACTIONS
from services.review.screening import (
    SCREENING,
    Decide,
    EstimateCost,
    FindCriterion,
    NotifyResult,
    decide,
    estimate_cost,
    find_criterion,
    notify,
)
from tests.case_events import (
    CASE,
    DUE,
    FEE,
    SPECIFICATION,
    fee_estimated,
    fee_invoiced,
    fee_paid,
    proposal_found_complete,
    proposal_submitted,
)
from tests.interleaving import Streams, heard, hearings, interleavings, play

DAY = date(2026, 9, 1)
INTAKE = [heard(proposal_submitted(), DAY, actor="proposer-1"), heard(proposal_found_complete(), DAY, actor="coordinator-1")]
PAYMENTS = (fee_paid(amount=600, outstanding=52_000), fee_paid(amount=52_000))
BILLING = [heard(event, DAY) for event in (fee_estimated(), fee_invoiced(), *PAYMENTS)]
ANSWERS = {billing.FeeEstimated: CostEstimated, billing.FeeInvoiced: ContractApplied, billing.FeePaid: ContractApplied}
FINDINGS = [
    FindCriterion(
        criterion=criterion, met=True, reason="seen", specification=SPECIFICATION if criterion == 3 else None, min_principals=1_000
    )
    for criterion in range(1, 8)
]
DECISION = Decide(outcome="conforming", specification=SPECIFICATION)
NOTICE = NotifyResult(
    notice_number="R8-N0001",
    payment_method="payment_notice",
    payment_due=DUE,
    delivery_method="optical_disc",
    today=DAY,
    payment_methods=("payment_notice",),
    delivery_methods=("optical_disc",),
)


def apply(streams):
    screening = streams.state(SCREENING, CASE)
    if screening.proposal is None:
        raise Refused("114", "case", "nothing to apply for")
    command = ApplyForContract(account="proposer-1", proposal=screening.proposal, notice=screening.notice, today=DAY)
    yield step(CONTRACT, CASE, apply_for, command)


WORK = (
    *([step(SCREENING, CASE, find_criterion, finding)] for finding in FINDINGS),
    [step(SCREENING, CASE, estimate_cost, EstimateCost(creation_minutes=480, outsourcing=0))],
    [step(SCREENING, CASE, decide, DECISION)],
    [step(SCREENING, CASE, notify, NOTICE)],
    apply,
    [step(CONTRACT, CASE, conclude, ConcludeContract(contract_number="R8-C0001", today=DAY))],
)
STRAIGHT = play(REACTIONS, [*INTAKE, *BILLING], WORK, ANSWERS)


def test_every_interleaving_of_intake_and_billing_ends_in_the_same_state():
    ends = [play(REACTIONS, order) for order in interleavings(INTAKE, BILLING)]
    assert len(ends) == 15
    assert all(streams.states == ends[0].states and streams.refusals == [] for streams in ends)
    screening, contract = (ends[0].state(one, CASE) for one in (SCREENING, CONTRACT))
    assert (screening.criteria, screening.fee, contract.paid) == (law_on(DAY).criteria["NEW"], FEE, True)


def test_with_own_work_as_early_as_it_is_accepted_every_possible_interleaving_ends_in_the_same_contract():
    played = [play(REACTIONS, order, WORK, ANSWERS) for order in interleavings(INTAKE, BILLING)]
    possible = [streams for streams in played if streams is not None]
    assert possible
    assert all(streams.states == STRAIGHT.states and streams.refusals == [] for streams in possible)
    assert STRAIGHT.state(CONTRACT, CASE).concluded is not None


@given(hearings(INTAKE, BILLING))
def test_own_work_at_any_time_and_records_told_again_end_in_the_same_contract(order):
    streams = play(REACTIONS, order, WORK, ANSWERS)
    assert streams is None or streams.states == STRAIGHT.states


@given(st.data())
def test_the_fee_decided_on_is_that_of_the_newest_estimate_however_late_billing_answers(data):
    room, waiting = Streams(REACTIONS), []
    for record in INTAKE:
        room.hear(record)
    for finding in FINDINGS:
        room.take([step(SCREENING, CASE, find_criterion, finding)])
    for _ in range(data.draw(st.integers(1, 12))):
        what = data.draw(st.sampled_from(["estimate", "answer", "decide"]))
        if what == "answer" and waiting:
            room.hear(heard(fee_estimated(total=1_000 + waiting.pop(0)), DAY))
            continue
        minutes = data.draw(st.integers(1, 3))
        before = len(room.events)
        try:
            if what == "estimate":
                room.take([step(SCREENING, CASE, estimate_cost, EstimateCost(creation_minutes=minutes, outsourcing=0))])
                waiting += [event.creation_minutes for event in room.events[before:] if isinstance(event, CostEstimated)]
            else:
                room.take([step(SCREENING, CASE, decide, DECISION)])
        except Refused:
            continue
    screening = room.state(SCREENING, CASE)
    if screening.decision is not None:
        assert screening.decision.fee == 1_000 + screening.cost.creation_minutes


def test_the_account_that_proposed_is_remembered_not_who_found_it_complete():
    assert STRAIGHT.state(SCREENING, CASE).proposal.account == "proposer-1"


def test_the_same_again_says_nothing():
    twice = play(REACTIONS, [*INTAKE, *INTAKE, *BILLING, BILLING[-1]])
    assert [type(event) for event in twice.events].count(ScreeningStarted) == 1
    assert len(twice.events) == 5
