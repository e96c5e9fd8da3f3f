"""Whatever order intake's and review's events arrive in, and however often, the fee of the case ends the same."""

from datetime import date, timedelta

import pytest
from hypothesis import given

from contracts import billing
from services.billing.announce import announce
from services.billing.due import DUE
from services.billing.events import FeeInvoiced, FeeOverdue, FeePaid
from services.billing.fee import FEE, Fee, RecordPayment, record_payment
from services.billing.numbers import NUMBERS, book
from services.billing.reactions import REACTIONS
from services.chassis.aggregate import step
from services.chassis.due import Due
from tests.case_events import (
    CASE,
    SEALED,
    contract_applied,
    cost_estimated,
    fee_invoiced,
    proposal_submitted,
    screening_decided,
)
from tests.case_events import DUE as DUE_DAY
from tests.interleaving import heard, hearings, interleavings, play

TODAY = date(2026, 9, 1)
BOOK = book("minatono", TODAY)


def topic(*events):
    return [heard(event, TODAY, actor="acct-1") for event in events]


def paying(amount, reference):
    return [step(FEE, CASE, record_payment, RecordPayment(amount=amount, received=TODAY, reference=reference, today=TODAY))]


INTAKE = topic(proposal_submitted())
REVIEW = topic(cost_estimated(), screening_decided(), contract_applied())
ESTIMATED_TWICE = topic(cost_estimated(creation_minutes=60), cost_estimated(), screening_decided(), contract_applied())
REFUSED_CASE = topic(cost_estimated(), screening_decided(outcome="non_conforming"))
WORK = (paying(600, "bank-1"), paying(52_000, "bank-2"))
STRAIGHT = play(REACTIONS, [*INTAKE, *REVIEW], WORK)
INVOICED = play(REACTIONS, [*INTAKE, *REVIEW])


@pytest.mark.parametrize("review", [REVIEW, ESTIMATED_TWICE])
def test_every_interleaving_with_payments_as_early_as_they_are_accepted_ends_in_the_same_paid_invoice(review):
    ends = [play(REACTIONS, order, WORK) for order in interleavings(INTAKE, review)]
    assert len(ends) == len(review) + 1
    assert all(streams.states == STRAIGHT.states and streams.refusals == [] for streams in ends)
    fee = STRAIGHT.state(FEE, CASE)
    assert (fee.proposer, fee.invoice.total, fee.paid, fee.outstanding) == ("acct-1", 52_600, 52_600, 0)
    assert STRAIGHT.state(NUMBERS, BOOK).holders == {"F-R8-N0001": CASE}


@given(hearings(INTAKE, *([record] for record in REVIEW)))
def test_even_out_of_review_s_own_order_and_told_again_the_case_is_invoiced_once(order):
    streams = play(REACTIONS, order, WORK)
    assert streams.states == STRAIGHT.states
    assert sum(isinstance(event, FeeInvoiced) for event in streams.events) == 1


@given(hearings(INTAKE, *([record] for record in REFUSED_CASE)))
def test_a_refused_case_ends_without_invoice(order):
    streams = play(REACTIONS, order)
    assert streams.states == play(REACTIONS, [*INTAKE, *REFUSED_CASE]).states
    assert not any(isinstance(event, FeeInvoiced) for event in streams.events)


@pytest.mark.parametrize(
    ("application", "refusal"),
    [
        ([cost_estimated(), screening_decided(), contract_applied(fee=1)], ("119", "fee")),
        ([cost_estimated(kind="REUSE"), screening_decided(), contract_applied()], ("118", "kind")),
    ],
)
def test_what_billing_cannot_follow_ends_in_a_recorded_refusal_in_every_interleaving(application, refusal):
    review = topic(*application)
    ends = [play(REACTIONS, order) for order in interleavings(INTAKE, review)]
    assert all(streams.refusals == [refusal] and streams.states == ends[0].states for streams in ends)
    assert ends[0].state(FEE, CASE).invoice is None


def test_what_billing_announces():
    fee = INVOICED.state(FEE, CASE)
    said = [contract for contract in (announce(event, fee) for event in INVOICED.events) if contract is not None]
    assert [type(contract) for contract in said] == [billing.FeeEstimated, billing.FeeInvoiced]
    assert said[0].total == sum(part.amount for part in said[0].parts) == 52_600
    assert said[1] == fee_invoiced()


def test_a_payment_is_announced_with_what_is_still_outstanding_and_without_its_reference():
    fee = INVOICED.state(FEE, CASE)
    part = FeePaid(amount=52_000, received=TODAY, reference=SEALED)
    said = announce(part, FEE.fold([part], fee))
    assert said == billing.FeePaid(amount=52_000, received=TODAY, outstanding=600)
    assert SEALED not in said.model_dump_json()


def test_an_invoice_wakes_billing_the_day_after_it_was_due():
    fee = INVOICED.state(FEE, CASE)
    [due] = DUE.set_by(fee.invoice, CASE)
    assert due == Due("fee-overdue", CASE, DUE_DAY + timedelta(days=1))
    taken = DUE.steps[due.kind](due, due.on)
    [event] = taken.decide(fee, taken.command)
    assert announce(event, taken.aggregate.fold([event], fee)) == billing.FeeOverdue(due=DUE_DAY, outstanding=52_600)
    assert isinstance(event, FeeOverdue)


def test_a_payment_sets_no_date():
    assert [*DUE.set_by(FeePaid(amount=1, received=TODAY, reference="x"), CASE)] == []
    assert Fee().outstanding == 0
