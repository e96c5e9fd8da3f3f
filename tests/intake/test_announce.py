"""What the world hears of intake, and what intake lists: no word that somebody typed leaves unsealed."""

from datetime import date
from uuid import UUID

from contracts import intake
from services.chassis.events import Event, sealed_fields
from services.chassis.views import Row, Seen
from services.intake import events
from services.intake.announce import announce
from services.intake.call import CALL, Call
from services.intake.register import DatasetOutline, RegisterFields, Unit
from services.intake.views import VIEWS

IDS = [UUID(int=n) for n in range(1, 9)]
DIGEST = "sha256:" + "0" * 64
DAY = date(2026, 7, 1)
UNIT = Unit(name="市民情報室", address="中央1-1")
FIELDS = RegisterFields(
    name="介護保険要介護認定ファイル",
    body_name="みなと野市長",
    unit="介護保険課",
    purpose="認定",
    recorded_items=("氏名",),
    population="申請者",
    collection="申請",
    sensitive=True,
    regular_recipients=(),
    request_unit="市民情報室",
    file_type="60-2-1",
    order21_7=False,
    ordinance_sensitive=False,
)
NOTICED = events.CallNoticed(number="R8-01", body="mayor", noticed=DAY, starts=DAY, ends=date(2026, 8, 31), files=(IDS[0],))
SUBMITTED = events.ProposalSubmitted(
    receipt_number="R8-0001",
    kind="NEW",
    body="mayor",
    call=IDS[1],
    call_event=IDS[2],
    file=IDS[0],
    file_event=IDS[3],
    register_version=2,
    party=IDS[4],
    principal_count=20_000,
    file_principal_count=20_000,
    recorded_items=("氏名",),
    wanted_items=("氏名",),
    granularity="typed",
    proposer="typed",
    address="typed",
    representative="typed",
    purpose="typed",
    business="typed",
    use_from=DAY,
    use_to=date(2026, 8, 1),
    period_reason="typed",
    safeguards="typed",
    delivery_method="optical_disc",
    attachments=(events.Attachment(kind="pledge", made=DAY),),
    received=DAY,
)
REGISTERED = events.RegisterUpdated(
    file=IDS[0],
    version=3,
    principal_count=19_400,
    items=("要介護度",),
    unit=UNIT,
    reuse_from=DAY,
    reuse_to=date(2029, 3, 31),
    entry_digest=DIGEST,
)
SPOKEN: dict[type[Event], tuple[Event, Call | None]] = {
    type(event): (event, state)
    for event, state in (
        (
            events.FileRegistered(body="mayor", of_assembly=False, fields=FIELDS, principal_count=20_000, version=1, entry_digest=DIGEST),
            None,
        ),
        (events.FileEligibilityAssessed(eligible=True, met=("60(3)(i)",), reasons="typed"), None),
        (events.FileFlagged(unit=UNIT, version=2, entry_digest=DIGEST), None),
        (NOTICED, CALL.fold([NOTICED])),
        (events.CallOpened(starts=DAY), CALL.fold([NOTICED])),
        (events.CallClosed(ends=date(2026, 8, 31)), CALL.fold([NOTICED])),
        (SUBMITTED, None),
        (events.ProposalFoundComplete(checked=("112(2)(i)",)), None),
        (REGISTERED, None),
    )
}
SILENT = (
    events.FileOutlineEntered(
        outline=DatasetOutline(case=IDS[5], principal_count=1, items=("x",), unit=UNIT, reuse_from=DAY, reuse_to=DAY),
        version=3,
        entry_digest=DIGEST,
    ),
    events.PartyAdmitted(party=IDS[4]),
    events.RequestFiled(request=IDS[0], case=IDS[1]),
    events.ReceiptIssued(number="R8-0001", case=IDS[5]),
    events.DecisionNoted(outcome="conforming"),
    events.ExtractNoted(records=1, items=("x",)),
    events.StageNoted(stage="created"),
)


def sealed(event: Event) -> Event:
    return event.model_copy(update={name: f"sealed:v1:{name}" for name in sealed_fields(type(event)) if getattr(event, name) is not None})


def test_every_event_of_the_contract_is_announced_under_its_own_name():
    heard = {kind.__name__: announce(sealed(event), state) for kind, (event, state) in SPOKEN.items()}
    assert {name: type(said).__name__ for name, said in heard.items()} == {name: name for name in heard}
    assert {type(said) for said in heard.values()} | {intake.ReactionRefused} == set(intake.EVENTS)


def test_what_was_only_noted_or_numbered_is_silent():
    assert [announce(event, None) for event in SILENT] == [None] * len(SILENT)
    spoken_or_silent = {*SPOKEN, *map(type, SILENT)}
    assert spoken_or_silent == {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event) and kind.TOPIC}


def test_sealed_text_goes_out_verbatim_in_the_field_it_was_sealed_for():
    for event, state in SPOKEN.values():
        said = announce(sealed(event), state)
        assert said is not None
        for name in sealed_fields(type(event)):
            assert getattr(said, name) == f"sealed:v1:{name}"
        assert "typed" not in said.model_dump_json()


def test_an_absent_representative_stays_absent():
    said = announce(sealed(SUBMITTED.model_copy(update={"representative": None})), None)
    assert isinstance(said, intake.ProposalSubmitted)
    assert said.representative is None


def test_opening_and_closing_say_which_call():
    opened = announce(*SPOKEN[events.CallOpened])
    assert opened == intake.CallOpened(number="R8-01", body="mayor", starts=DAY, ends=date(2026, 8, 31), files=(IDS[0],))


def fold(view: str, *happened: Event) -> Row:
    row: Row = {}
    (found,) = [one for one in VIEWS if one.name == view]
    for position, event in enumerate(happened):
        row = found.fold(row, Seen(event, IDS[7], "minatono", position)) or row
    return row


def test_the_lists_follow_the_events_and_hold_no_typed_word():
    everything = [*(sealed(event) for event, _ in SPOKEN.values()), *SILENT]
    rows = {view.name: fold(view.name, *everything) for view in VIEWS}
    assert rows["files"]["flagged"] is True
    assert (rows["files"]["version"], rows["files"]["datasets"]) == (3, 1)
    assert rows["calls"]["status"] == "closed"
    assert (rows["proposals"]["status"], rows["proposals"]["outcome"]) == ("created", "conforming")
    assert "sealed:" not in str(rows)


def test_a_case_s_status_does_not_fall_back():
    events_in_order = (
        SUBMITTED,
        events.DecisionNoted(outcome="conforming"),
        events.StageNoted(stage="delivered"),
        events.StageNoted(stage="created"),
    )
    assert fold("proposals", *events_in_order)["status"] == "delivered"
    assert fold("proposals", *reversed(events_in_order))["status"] == "delivered"
