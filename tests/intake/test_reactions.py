"""What intake takes in from review and the anonymizer: every interleaving, own work between them, ends in the same state."""

from datetime import date
from uuid import UUID

from hypothesis import given

from services.chassis.aggregate import step
from services.intake.events import Attachment, RegisterUpdated
from services.intake.file import FILE as FILES
from services.intake.file import EnterOutline, RegisterFile, enter_outline, register
from services.intake.form7 import Form7
from services.intake.proposal import (
    PROPOSAL,
    CalledFile,
    FindComplete,
    SubmitProposal,
    UpdateRegister,
    find_complete,
    outline_of,
    submit,
    update_register,
)
from services.intake.reactions import REACTIONS
from services.intake.register import RegisterFields, Unit
from tests.case_events import (
    CALL,
    CASE,
    FILE,
    PARTY,
    PUBLISHED_ITEMS,
    RECEIVED,
    RECORDED_ITEMS,
    USE_FROM,
    USE_TO,
    contract_concluded,
    delivery_acknowledged,
    extract_delivered,
    extract_produced,
    extract_verified,
    keys_destroyed,
    screening_decided,
    use_ended,
)
from tests.interleaving import Streams, heard, hearings, interleavings, play

TODAY = date(2026, 9, 1)
UNIT = Unit(name="市民局市民情報室", address="みなと野市中央1-1")
REUSE = {"unit": UNIT, "reuse_from": date(2026, 12, 1), "reuse_to": date(2029, 3, 31)}
REGISTERING = RegisterFile(
    body="mayor",
    of_assembly=False,
    fields=RegisterFields(
        name="介護保険要介護認定ファイル",
        body_name="みなと野市長",
        unit="健康福祉局介護保険課",
        purpose="要介護認定及び給付の管理",
        recorded_items=RECORDED_ITEMS,
        population="要介護認定を申請した者",
        collection="本人からの申請",
        sensitive=True,
        regular_recipients=(),
        request_unit="市民局市民情報室",
        file_type="60-2-1",
        order21_7=False,
        ordinance_sensitive=False,
    ),
    principal_count=20_000,
    min_principals=1_000,
)
SUBMITTING = SubmitProposal(
    form=Form7(
        proposer_kind="entity",
        proposer="海原データ株式会社",
        address="東京都港区1-1",
        representative="海原 花子",
        principal_count=20_000,
        wanted={"要介護度": "as recorded"},
        purpose="a study",
        business="planning",
        use_from=USE_FROM,
        use_to=USE_TO,
        period_reason="one month",
        safeguards="a closed room",
        delivery_method="optical_disc",
        attachments=tuple(Attachment(kind=kind, made=RECEIVED) for kind in ("pledge", "public_benefit", "registry_certificate")),
    ),
    called=CalledFile(
        call=CALL,
        call_status="open",
        call_event=UUID(int=11),
        starts=date(2026, 7, 1),
        ends=RECEIVED,
        files=(FILE,),
        file=FILE,
        file_event=UUID(int=12),
        body="mayor",
        register_version=1,
        principal_count=20_000,
        recorded_items=RECORDED_ITEMS,
    ),
    party=PARTY,
    receipt_number="R8-0001",
    received=RECEIVED,
    min_principals=1_000,
    required_papers=(),
    certificate_max_age_months=6,
    attachment_kinds=("pledge", "public_benefit", "identity", "registry_certificate"),
    delivery_methods=("download", "optical_disc"),
)


def enter_dataset(streams):
    outline = outline_of(streams.state(PROPOSAL, CASE), CASE, **REUSE)
    yield step(FILES, FILE, enter_outline, EnterOutline(outline=outline))
    file = streams.state(FILES, FILE)
    yield step(PROPOSAL, CASE, update_register, UpdateRegister(case=CASE, **REUSE, version=file.version, entry_digest=file.entry_digest))


WORK = (
    [step(FILES, FILE, register, REGISTERING), step(PROPOSAL, CASE, submit, SUBMITTING)],
    [step(PROPOSAL, CASE, find_complete, FindComplete())],
    enter_dataset,
)
REVIEW = [heard(event, TODAY) for event in (screening_decided(), contract_concluded(), use_ended())]
MADE = (extract_produced(), extract_verified(), keys_destroyed(), extract_delivered(), delivery_acknowledged())
ANONYMIZER = [heard(event, TODAY) for event in MADE]
STRAIGHT = play(REACTIONS, [*REVIEW, *ANONYMIZER], WORK)


def told(*events):
    """Give the proposal after these events, whoever told them."""
    return play(REACTIONS, [heard(event, TODAY) for event in events]).state(PROPOSAL, CASE)


def test_every_interleaving_with_own_work_as_early_as_it_is_accepted_ends_in_the_same_state():
    ends = [play(REACTIONS, order, WORK).states for order in interleavings(REVIEW, ANONYMIZER)]
    assert len(ends) == 56
    assert all(states == STRAIGHT.states for states in ends)
    assert STRAIGHT.refusals == []
    assert sum(isinstance(event, RegisterUpdated) for event in STRAIGHT.events) == 1


@given(hearings(REVIEW, ANONYMIZER))
def test_own_work_at_any_time_and_records_told_again_end_in_the_same_state(order):
    assert play(REACTIONS, order, WORK).states == STRAIGHT.states


def test_what_is_told_before_the_proposal_is_known_here_is_not_lost():
    early = Streams(REACTIONS)
    for record in (*ANONYMIZER, *REVIEW):
        early.hear(record)
    early.work([*WORK])
    assert early.states == STRAIGHT.states


def test_a_delivered_case_was_registered_and_is_over():
    state = STRAIGHT.state(PROPOSAL, CASE)
    assert (state.extract.records, state.extract.items, state.registered.items) == (19_400, PUBLISHED_ITEMS, PUBLISHED_ITEMS)
    assert (state.status, state.outcome) == ("use_ended", "conforming")
    assert state.stages == {"contracted", "created", "keys_destroyed", "delivered", "acknowledged", "use_ended"}


def test_only_a_decision_was_taken_in():
    assert told(screening_decided()).status == "conforming"
    assert told(screening_decided(outcome="non_conforming")).status == "non_conforming"
