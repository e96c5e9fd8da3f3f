"""Whatever order intake's and review's events arrive in, and however often, the fee of the case ends the same."""

from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts import billing, intake, review
from contracts.values import ContractEvent
from services.billing.announce import announce
from services.billing.due import DUE
from services.billing.events import FeeInvoiced, FeeOverdue, FeePaid
from services.billing.fee import FEE, Fee
from services.billing.numbers import NUMBERS
from services.billing.reactions import REACTIONS
from services.chassis.due import Due
from services.chassis.heard import Heard

CASE, PARTY, FILE = UUID(int=1), UUID(int=2), UUID(int=3)
TODAY = date(2026, 11, 1)
SEALED = "sealed:v1:AAAA"

SUBMITTED = intake.ProposalSubmitted(
    receipt_number="R8-0001",
    kind="NEW",
    body="minatono",
    call=UUID(int=4),
    call_event=UUID(int=5),
    file=FILE,
    file_event=UUID(int=6),
    register_version=1,
    party=PARTY,
    principal_count=1000,
    file_principal_count=20_000,
    recorded_items=("氏名",),
    wanted_items=("氏名",),
    granularity=SEALED,
    proposer=SEALED,
    address=SEALED,
    representative=None,
    purpose=SEALED,
    business=SEALED,
    use_from=date(2027, 4, 1),
    use_to=date(2028, 3, 31),
    period_reason=SEALED,
    safeguards=SEALED,
    delivery_method="download",
    attachments=(),
    received=TODAY,
)


def costs(minutes):
    return review.CostEstimated(body="minatono", kind="NEW", party=PARTY, dataset=None, creation_minutes=minutes, outsourcing=0)


def decided(outcome):
    return review.ScreeningDecided(
        outcome=outcome, failed=(), reasons=None, specification=None, file=FILE, party=PARTY, principal_count=1000, fee=52_600
    )


APPLIED = review.ContractApplied(party=PARTY, notice_number="R8-0001", fee=52_600, payment_due=date(2026, 12, 1), applied=TODAY)


def heard(event: ContractEvent) -> Heard[ContractEvent]:
    return Heard(event=event, id=UUID(int=9), subject=CASE, tenant="minatono", actor="acct-1", time=datetime.now(UTC), today=TODAY)


def react(events):
    """Fold what the reactions to these events yield, each step on its own aggregate; give both states and all events."""
    states = {FEE.name: FEE.initial, NUMBERS.name: NUMBERS.initial}
    told = []
    for event in events:
        for taken in REACTIONS[type(event)](heard(event)):
            new = [*taken.decide(states[taken.aggregate.name], taken.command)]
            states[taken.aggregate.name] = taken.aggregate.fold(new, states[taken.aggregate.name])
            told += new
    return states[FEE.name], states[NUMBERS.name], told


@st.composite
def redelivered(draw, events):
    """Any order of the events, some of them twice."""
    again = draw(st.lists(st.sampled_from(events), max_size=3))
    return draw(st.permutations([*events, *again]))


CONFORMING_CASE = [SUBMITTED, costs(480), decided("conforming"), APPLIED]
REFUSED_CASE = [SUBMITTED, costs(480), decided("non_conforming")]


@given(order=redelivered(CONFORMING_CASE))
def test_every_interleaving_ends_in_the_same_invoice(order):
    fee, numbers, told = react(order)
    assert (fee, numbers) == react(CONFORMING_CASE)[:2]
    assert [event for event in told if isinstance(event, FeeInvoiced)] == [fee.invoice]
    assert fee.invoice is not None


@given(order=redelivered(REFUSED_CASE))
def test_every_interleaving_of_a_refused_case_ends_without_invoice(order):
    fee, _, told = react(order)
    assert fee == react(REFUSED_CASE)[0]
    assert not any(isinstance(event, FeeInvoiced) for event in told)


@given(position=st.integers(0, 4))
def test_a_second_estimate_of_review_counts_wherever_intake_comes_between(position):
    """Review's own order holds within its topic; intake's event may fall anywhere."""
    events = [costs(60), costs(480), decided("conforming"), APPLIED]
    fee, _, _ = react([*events[:position], SUBMITTED, *events[position:]])
    assert fee == react([SUBMITTED, *events])[0]
    assert fee.invoice is not None
    assert fee.invoice.total == 52_600


def test_what_billing_announces():
    fee, _, told = react(CONFORMING_CASE)
    said = [contract for contract in (announce(event, fee) for event in told) if contract is not None]
    assert [type(contract) for contract in said] == [billing.FeeEstimated, billing.FeeInvoiced]
    assert said[0].total == sum(part.amount for part in said[0].parts) == 52_600
    assert said[1] == billing.FeeInvoiced(invoice_number="F-R8-0001", total=52_600, due=date(2026, 12, 1))


def test_a_payment_is_announced_with_what_is_still_outstanding_and_without_its_reference():
    fee = react(CONFORMING_CASE)[0]
    part = FeePaid(amount=52_000, received=TODAY, reference=SEALED)
    said = announce(part, FEE.fold([part], fee))
    assert said == billing.FeePaid(amount=52_000, received=TODAY, outstanding=600)
    assert SEALED not in said.model_dump_json()


def test_an_invoice_wakes_billing_the_day_after_it_was_due():
    fee = react(CONFORMING_CASE)[0]
    [due] = DUE.set_by(fee.invoice, CASE)
    assert due == Due("fee-overdue", CASE, date(2026, 12, 2))
    taken = DUE.steps[due.kind](due, due.on)
    [event] = taken.decide(fee, taken.command)
    assert announce(event, taken.aggregate.fold([event], fee)) == billing.FeeOverdue(due=date(2026, 12, 1), outstanding=52_600)
    assert isinstance(event, FeeOverdue)


def test_a_payment_sets_no_date():
    assert [*DUE.set_by(FeePaid(amount=1, received=TODAY, reference="x"), CASE)] == []
    assert Fee().outstanding == 0
