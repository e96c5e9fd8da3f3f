"""Whatever order intake, review and billing are heard in, own work between, and however often: the extract of the case ends the same."""

from datetime import date
from uuid import UUID

from hypothesis import given

from services.anonymizer.delivery import AcknowledgeDelivery, CollectDelivery, DeliverExtract, acknowledge, collect, deliver
from services.anonymizer.extract import (
    EXTRACT,
    DestroyKeys,
    PlanProcessing,
    RecordProduction,
    VerifyExtract,
    decided_specification,
    destroy_keys,
    plan,
    produce,
    verify,
)
from services.anonymizer.kept import KEPT, SOURCE, KeepSpecification, keep
from services.anonymizer.reactions import REACTIONS
from services.chassis.aggregate import step
from tests.case_events import (
    CASE,
    DIGEST,
    FILE,
    PARTY,
    PUBLISHED_ITEMS,
    RECORDED_ITEMS,
    SPECIFICATION,
    contract_concluded,
    fee_paid,
    file_registered,
    proposal_submitted,
    register_updated,
    screening_decided,
)
from tests.interleaving import heard, hearings, interleavings, play

TODAY = date(2026, 11, 1)
SPECIFICATION_ID = UUID(int=8)
KEEPING = KeepSpecification(digest=SPECIFICATION, k=10, columns=RECORDED_ITEMS, items=PUBLISHED_ITEMS)
PRODUCTION = RecordProduction(
    specification=SPECIFICATION,
    source=DIGEST,
    engine="duckdb",
    records_read=20_000,
    records_drawn=20_000,
    records_suppressed=600,
    records=19_400,
    items=PUBLISHED_ITEMS,
    k=10,
    smallest_before=1,
    smallest=10,
    parquet=DIGEST,
    csv=DIGEST,
    report=DIGEST,
    key_fingerprint=DIGEST,
    producer="maker",
)
RECOUNT = VerifyExtract(checker="checker", records=19_400, items=PUBLISHED_ITEMS, smallest=10, parquet=DIGEST, csv=DIGEST, fault=None)


def planning(streams):
    decision = decided_specification(streams.state(EXTRACT, CASE), SPECIFICATION)
    command = PlanProcessing(
        specification=SPECIFICATION,
        kept=streams.state(KEPT, SPECIFICATION_ID).specification,
        entry=streams.state(SOURCE, decision.file).entry,
        source=DIGEST,
        source_name="care.csv",
    )
    yield step(EXTRACT, CASE, plan, command)


WORK = (
    [step(KEPT, SPECIFICATION_ID, keep, KEEPING)],
    planning,
    [step(EXTRACT, CASE, produce, PRODUCTION)],
    [step(EXTRACT, CASE, verify, RECOUNT)],
    [step(EXTRACT, CASE, destroy_keys, DestroyKeys())],
    [step(EXTRACT, CASE, deliver, DeliverExtract(token="token", bundle=DIGEST))],
    [step(EXTRACT, CASE, collect, CollectDelivery(account="acct-1", token="token"))],
    [step(EXTRACT, CASE, acknowledge, AcknowledgeDelivery(account="acct-1", received=DIGEST))],
)
REGISTER = [heard(file_registered(), TODAY, subject=FILE)]  # of another subject, so perhaps on another partition than the case
INTAKE = [heard(proposal_submitted(), TODAY, actor="acct-1"), heard(register_updated(), TODAY)]
REVIEW = [heard(screening_decided(), TODAY), heard(contract_concluded(), TODAY)]
BILLING = [heard(fee_paid(amount=26_300, outstanding=26_300), TODAY), heard(fee_paid(amount=26_300), TODAY)]
STRAIGHT = play(REACTIONS, [*REGISTER, *INTAKE, *REVIEW, *BILLING], WORK)


def test_every_interleaving_with_own_work_as_early_as_it_is_accepted_ends_in_the_same_delivery():
    ends = [play(REACTIONS, order, WORK) for order in interleavings(REGISTER, INTAKE, REVIEW, BILLING)]
    assert len(ends) == 630
    assert all(streams.states == STRAIGHT.states and streams.refusals == [] for streams in ends)
    extract = STRAIGHT.state(EXTRACT, CASE)
    assert (extract.proposer, extract.settled, extract.registered, extract.acknowledged) == ("acct-1", True, True, DIGEST)
    assert (extract.decision.specification, extract.contract.party) == (SPECIFICATION, PARTY)


@given(hearings(REGISTER, INTAKE, REVIEW, BILLING))
def test_own_work_at_any_time_and_records_told_again_end_in_the_same_delivery(order):
    streams = play(REACTIONS, order, WORK)
    assert streams.states == STRAIGHT.states
    kinds = [type(event) for event in streams.events]
    assert len(kinds) == len(set(kinds))


@given(hearings(REGISTER, INTAKE, REVIEW, BILLING[:1]))
def test_a_part_payment_never_settles(order):
    streams = play(REACTIONS, order)
    assert not streams.state(EXTRACT, CASE).settled
