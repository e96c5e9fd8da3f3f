"""Proposals: V09, V11-V17, V21 at the counter, and the register's fields 16-18 after creation."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.events import Refused, sealed_fields
from services.intake.events import Attachment, ProposalFoundComplete, ProposalSubmitted, RegisterUpdated
from services.intake.form7 import Form7
from services.intake.periods import months_before, years_after
from services.intake.proposal import (
    ITEMS,
    PROPOSAL,
    CalledFile,
    FindComplete,
    NoteDecision,
    NoteExtract,
    NoteStage,
    Proposal,
    SubmitProposal,
    UpdateRegister,
    find_complete,
    note_decision,
    note_extract,
    note_stage,
    submit,
    update_register,
)
from services.intake.register import Unit

RECEIVED = date(2026, 8, 31)
CASE, FILE_ID, CALL_ID, PARTY = (UUID(int=n) for n in range(1, 5))
MADE = date(2026, 8, 1)
PAPERS = tuple(Attachment(kind=kind, made=MADE) for kind in ("pledge", "public_benefit", "registry_certificate"))
FORM = Form7(
    proposer_kind="entity",
    proposer="海原データ株式会社",
    address="東京都港区1-1",
    representative="海原 花子",
    principal_count=20_000,
    wanted={"要介護度": "as recorded", "住所": "to the district"},
    purpose="a study of demand for care",
    business="planning of care services",
    use_from=date(2026, 10, 1),
    use_to=date(2026, 11, 1),
    period_reason="one month of analysis",
    safeguards="a closed room",
    delivery_method="optical_disc",
    attachments=PAPERS,
)
CALLED = CalledFile(
    call=CALL_ID,
    call_status="open",
    call_event=UUID(int=11),
    starts=date(2026, 7, 1),
    ends=date(2026, 8, 31),
    files=(FILE_ID,),
    file=FILE_ID,
    file_event=UUID(int=12),
    body="mayor",
    register_version=2,
    principal_count=20_000,
    recorded_items=("被保険者番号", "住所", "要介護度"),
)


def submitting(form=FORM, called=CALLED, received=RECEIVED) -> SubmitProposal:
    return SubmitProposal(
        form=form,
        called=called,
        party=PARTY,
        receipt_number="R8-0001",
        received=received,
        min_principals=1_000,
        required_papers=("pledge", "public_benefit", "identity"),
        certificate_max_age_months=6,
        attachment_kinds=(
            "pledge",
            "public_benefit",
            "identity",
            "registry_certificate",
            "seal_certificate",
            "authority",
            "agent_identity",
        ),
        delivery_methods=("download", "optical_disc"),
    )


def form(**changes) -> Form7:
    return Form7(**{**dict(FORM), **changes})


def refusal(command: SubmitProposal) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        list(submit(PROPOSAL.initial, command))
    return refused.value.rule, refused.value.field


def filed() -> Proposal:
    return PROPOSAL.fold(submit(PROPOSAL.initial, submitting()))


def test_a_complete_form_is_received_with_what_it_cites():
    (event,) = submit(PROPOSAL.initial, submitting())
    assert isinstance(event, ProposalSubmitted)
    assert (event.call_event, event.file_event, event.register_version) == (UUID(int=11), UUID(int=12), 2)
    assert event.wanted_items == ("要介護度", "住所")
    assert event.granularity == '{"要介護度": "as recorded", "住所": "to the district"}'
    assert list(submit(filed(), submitting())) == []


def test_every_word_of_the_form_is_sealed():
    typed = {"granularity", "proposer", "address", "representative", "purpose", "business", "period_reason", "safeguards"}
    assert set(sealed_fields(ProposalSubmitted)) == typed
    (event,) = submit(PROPOSAL.initial, submitting())
    clear = event.model_dump_json(exclude=typed)
    for words in ("海原", "東京都港区", "demand", "planning", "analysis", "closed room", "district"):
        assert words not in clear


@pytest.mark.parametrize(
    ("changes", "received"),
    [
        ({"call_status": "noticed"}, RECEIVED),
        ({"call_status": "closed"}, RECEIVED),
        ({"call_event": None}, RECEIVED),
        ({}, date(2026, 6, 30)),
        ({}, date(2026, 9, 1)),
    ],
)
def test_a_call_that_is_not_open_takes_no_proposal(changes, received):
    assert refusal(submitting(called=CALLED.model_copy(update=changes), received=received)) == ("V09", "call")


@pytest.mark.parametrize("received", [CALLED.starts, CALLED.ends])
def test_both_ends_of_the_window_belong_to_it(received):
    papers = tuple(Attachment(kind=paper.kind, made=date(2026, 6, 1)) for paper in PAPERS)
    assert list(submit(PROPOSAL.initial, submitting(form(attachments=papers), received=received)))


@pytest.mark.parametrize("changes", [{"files": ()}, {"file_event": None}])
def test_a_file_that_is_not_called_takes_no_proposal(changes):
    assert refusal(submitting(called=CALLED.model_copy(update=changes))) == ("112", "file")


@given(st.integers(-1, 40_000))
def test_the_count_lies_between_the_law_s_least_and_the_file_s(count):
    command = submitting(form(principal_count=count))
    if 1_000 <= count <= 20_000:
        assert list(submit(PROPOSAL.initial, command))
    else:
        assert refusal(command) == ("V11", "principal_count")


@pytest.mark.parametrize("count", [999, 20_001])
def test_one_too_few_and_one_too_many_are_refused(count):
    assert refusal(submitting(form(principal_count=count))) == ("V11", "principal_count")


@pytest.mark.parametrize(
    "field",
    [
        "proposer",
        "address",
        "representative",
        "purpose",
        "business",
        "period_reason",
        "safeguards",
        "principal_count",
        "use_from",
        "use_to",
        "wanted",
        "delivery_method",
    ],
)
def test_a_missing_item_is_named(field):
    left_out = Form7(**{name: value for name, value in dict(FORM).items() if name != field})
    assert refusal(submitting(left_out)) == ("V12", field)


@pytest.mark.parametrize("field", ["proposer", "address", "representative", "purpose", "business", "period_reason", "safeguards"])
@pytest.mark.parametrize("blank", ["", "  ", "　\n"])
def test_a_blank_item_is_missing(field, blank):
    assert refusal(submitting(form(**{field: blank}))) == ("V12", field)


def test_an_individual_has_no_representative():
    identity = (*PAPERS[:2], Attachment(kind="identity", made=date(2020, 1, 1)))
    assert list(submit(PROPOSAL.initial, submitting(form(proposer_kind="individual", representative=None, attachments=identity))))


@pytest.mark.parametrize("wanted", [{"要介護度": "as recorded", "病名": "as recorded"}, {"要介護度": " "}])
def test_a_wish_names_a_recorded_item_and_a_granularity(wanted):
    assert refusal(submitting(form(wanted=wanted))) == ("V13", "wanted")


def test_a_refused_wish_is_not_repeated():
    with pytest.raises(Refused) as refused:
        list(submit(PROPOSAL.initial, submitting(form(wanted={"海原花子の病名": "x"}))))
    assert "海原" not in refused.value.message


@pytest.mark.parametrize(("left_out", "field"), [(0, "attachments.pledge"), (1, "attachments.public_benefit"), (2, "attachments.identity")])
def test_a_missing_paper_is_named(left_out, field):
    papers = tuple(paper for place, paper in enumerate(PAPERS) if place != left_out)
    assert refusal(submitting(form(attachments=papers))) == ("V14", field)


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        ({"delivery_method": "Yamada_Taro"}, "V12", "delivery_method"),
        ({"attachments": (*PAPERS, Attachment(kind="Yamada_Taro", made=MADE))}, "V14", "attachments"),
    ],
)
def test_what_stands_in_the_clear_is_chosen_from_a_list_and_not_repeated(changes, rule, field):
    with pytest.raises(Refused) as refused:
        list(submit(PROPOSAL.initial, submitting(form(**changes))))
    assert (refused.value.rule, refused.value.field) == (rule, field)
    assert "Yamada" not in refused.value.message


@pytest.mark.parametrize(
    ("made", "accepted"), [(date(2026, 2, 27), False), (date(2026, 2, 28), True), (RECEIVED, True), (date(2026, 9, 1), False)]
)
def test_an_entity_s_certificate_is_six_months_old_at_most(made, accepted):
    command = submitting(form(attachments=(*PAPERS[:2], Attachment(kind="seal_certificate", made=made))))
    if accepted:
        assert list(submit(PROPOSAL.initial, command))
    else:
        assert refusal(command) == ("V15", "attachments.identity")


@pytest.mark.parametrize("missing", ["authority", "agent_identity"])
def test_an_agent_shows_authority_and_identity(missing):
    both = {"authority", "agent_identity"}
    agent = tuple(Attachment(kind=kind, made=MADE) for kind in sorted(both))
    assert list(submit(PROPOSAL.initial, submitting(form(by_agent=True, attachments=PAPERS + agent))))
    fewer = tuple(paper for paper in agent if paper.kind != missing)
    assert refusal(submitting(form(by_agent=True, attachments=PAPERS + fewer))) == ("V16", f"attachments.{missing}")


@pytest.mark.parametrize(("born", "adult"), [(date(2008, 8, 31), True), (date(2008, 9, 1), False)])
def test_a_minor_does_not_propose(born, adult):
    identity = (*PAPERS[:2], Attachment(kind="identity", made=MADE))
    command = submitting(form(proposer_kind="individual", representative=None, birth_date=born, attachments=identity))
    if adult:
        (event,) = submit(PROPOSAL.initial, command)
        assert "2008" not in event.model_dump_json()
    else:
        assert refusal(command) == ("V17", "birth_date")


@pytest.mark.parametrize("use_to", [FORM.use_from, date(2026, 9, 30)])
def test_the_period_of_use_ends_after_it_begins(use_to):
    assert refusal(submitting(form(use_to=use_to))) == ("V21", "use_to")


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 60))
def test_months_before_keeps_the_day_or_takes_the_month_s_last(day, months):
    before = months_before(day, months)
    assert (day.year - before.year) * 12 + day.month - before.month == months
    assert before.day == day.day or before.day >= 28
    assert years_after(day, 18).year == day.year + 18


def test_completeness_is_found_once_and_says_what_was_looked_at():
    (event,) = find_complete(filed(), FindComplete())
    assert event == ProposalFoundComplete(checked=(*ITEMS, "pledge", "public_benefit", "registry_certificate"))
    assert list(find_complete(PROPOSAL.fold([event], filed()), FindComplete())) == []
    with pytest.raises(Refused):
        list(find_complete(PROPOSAL.initial, FindComplete()))


UNIT = Unit(name="市民局市民情報室", address="みなと野市中央1-1")
DIGEST = "sha256:" + "0" * 64
UPDATE = UpdateRegister(case=CASE, unit=UNIT, reuse_from=date(2026, 12, 1), reuse_to=date(2029, 3, 31), version=3, entry_digest=DIGEST)
EXTRACT = NoteExtract(records=19_400, items=("要介護度",))


def after(*notes) -> Proposal:
    state = filed()
    for decide, command in notes:
        state = PROPOSAL.fold(decide(state, command), state)
    return state


KEYS = (note_stage, NoteStage(stage="keys_destroyed"))
VERIFIED = (note_extract, EXTRACT)


@pytest.mark.parametrize("notes", [(VERIFIED, KEYS), (KEYS, VERIFIED)])
def test_the_register_is_updated_from_the_verified_extract(notes):
    (event,) = update_register(after(*notes), UPDATE)
    assert isinstance(event, RegisterUpdated)
    assert (event.file, event.principal_count, event.items, event.version) == (FILE_ID, 19_400, ("要介護度",), 3)
    updated = PROPOSAL.fold([event], after(*notes))
    assert list(update_register(updated, UPDATE.model_copy(update={"version": 9}))) == []
    with pytest.raises(Refused):
        list(update_register(updated, UPDATE.model_copy(update={"reuse_to": date(2030, 1, 1)})))


@pytest.mark.parametrize(("notes", "field"), [((), "extract"), ((KEYS,), "extract"), ((VERIFIED,), "keys")])
def test_the_register_waits_for_the_check_and_for_the_keys_end(notes, field):
    with pytest.raises(Refused) as refused:
        list(update_register(after(*notes), UPDATE))
    assert (refused.value.rule, refused.value.field) == ("117", field)


def test_the_reuse_period_and_unit_are_checked():
    for changes, field in (({"reuse_to": date(2026, 11, 1)}, "reuse_to"), ({"unit": Unit(name="x", address="")}, "unit.address")):
        with pytest.raises(Refused) as refused:
            list(update_register(after(VERIFIED, KEYS), UPDATE.model_copy(update=changes)))
        assert (refused.value.rule, refused.value.field) == ("117", field)


def test_the_proposer_sees_how_far_the_case_has_come():
    assert filed().status == "received"
    decided = after((find_complete, FindComplete()), (note_decision, NoteDecision(outcome="conforming")))
    assert decided.status == "conforming"
    assert after(KEYS, (note_stage, NoteStage(stage="created"))).status == "keys_destroyed"
