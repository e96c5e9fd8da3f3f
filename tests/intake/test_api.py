"""Intake over HTTP: a file, a call, a proposal and its register fields, and who is let in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from services.chassis.actor import service_actor
from services.chassis.aggregate import step
from services.intake.call import CALL, OpenCall, open_window
from services.intake.proposal import PROPOSAL, NoteExtract, NoteStage, note_extract, note_stage

FIELDS = {
    "name": "介護保険要介護認定ファイル",
    "body_name": "みなと野市長",
    "unit": "健康福祉局介護保険課",
    "purpose": "要介護認定及び給付の管理",
    "recorded_items": ["被保険者番号", "住所", "要介護度"],
    "population": "要介護認定を申請した者",
    "collection": "本人からの申請",
    "sensitive": True,
    "regular_recipients": [],
    "request_unit": "市民局市民情報室",
    "file_type": "60-2-1",
    "order21_7": False,
    "ordinance_sensitive": False,
}
UNIT = {"name": "市民局市民情報室", "address": "みなと野市中央1-1"}
FORM = {
    "proposer_kind": "entity",
    "proposer": "海原データ株式会社",
    "address": "東京都港区1-1",
    "representative": "海原 花子",
    "principal_count": 20_000,
    "wanted": {"要介護度": "as recorded"},
    "purpose": "a study",
    "business": "planning",
    "use_from": "2026-10-01",
    "use_to": "2026-11-01",
    "period_reason": "one month",
    "safeguards": "a closed room",
    "delivery_method": "optical_disc",
    "attachments": [{"kind": kind, "made": "2026-06-20"} for kind in ("pledge", "public_benefit", "registry_certificate")],
}
STAFF = {role: f"{role}-1:{role}" for role in ("owner", "coordinator", "head", "auditor", "finance")}
PROPOSER = "proposer-1:proposer"


@pytest.fixture
def file(http):
    body = {"body": "mayor", "principal_count": 20_000, "fields": FIELDS}
    entered = http(STAFF["owner"], "POST", "/files", body)
    assert entered.status_code == 201, entered.text
    subject = entered.json()["subject"]
    findings = [{"condition": f"60(3)({n})", "met": True, "reason": "it is"} for n in ("i", "ii", "iii")]
    assert http(STAFF["owner"], "POST", f"/files/{subject}/eligibility", {"findings": findings}).status_code == 200
    assert http(STAFF["head"], "POST", f"/files/{subject}/flag", {"unit": UNIT}).json()["events"] == ["FileFlagged"]
    return subject


@pytest.fixture
def call(http, file):
    body = {"number": "R8-01", "body": "mayor", "starts": "2026-07-01", "ends": "2026-08-31", "files": [file]}
    noticed = http(STAFF["head"], "POST", "/calls", body)
    assert noticed.status_code == 201, noticed.text
    assert http(STAFF["head"], "POST", "/calls", body).json()["events"] == []
    return noticed.json()["subject"]


@pytest.fixture
def opened(http, desk, clock, call):
    clock.set(datetime(2026, 7, 1, 3, tzinfo=UTC))
    owner = acting(desk)
    desk.take(owner, step(CALL, UUID(call), open_window, OpenCall(today=desk.today())))
    return call


def acting(desk):
    return service_actor("intake", "minatono")


def propose(http, call, file, who=PROPOSER, **changes):
    return http(who, "POST", "/proposals", {"call": call, "file": file, "form": {**FORM, **changes}})


def test_a_file_is_published_with_its_digest(http, file):
    seen = http(PROPOSER, "GET", f"/files/{file}").json()
    assert seen["flagged"] is True
    assert seen["version"] == 2
    assert seen["entry"]["proposal_unit"] == UNIT
    assert seen["entry_digest"].startswith("sha256:")
    assert "principal_count" not in seen
    assert http(STAFF["owner"], "GET", f"/files/{file}").json()["principal_count"] == 20_000
    (row,), (inside,) = (http(who, "GET", "/files").json() for who in (PROPOSER, STAFF["owner"]))
    assert row["name"] == "介護保険要介護認定ファイル"
    assert {*inside} - {*row} == {"principal_count", "eligible"}
    assert (inside["principal_count"], inside["eligible"]) == (20_000, True)


def test_a_proposal_becomes_a_case_that_cites_call_and_file(http, desk, file, opened):
    taken = propose(http, opened, file)
    assert taken.status_code == 201, taken.text
    assert taken.json()["events"] == ["PartyAdmitted", "ReceiptIssued", "ProposalSubmitted"]
    case = taken.json()["subject"]
    seen = http(PROPOSER, "GET", f"/proposals/{case}").json()
    assert seen["filed"]["receipt_number"] == "R8-0001"
    assert seen["filed"]["proposer"] == "海原データ株式会社"
    assert "file_principal_count" not in seen["filed"]
    assert http(STAFF["auditor"], "GET", f"/proposals/{case}").json()["filed"]["file_principal_count"] == 20_000
    ids = {one.about.id for stream in (f"call-{opened}", f"file-{file}") for one in desk.events.get(stream)}
    assert {UUID(seen["filed"]["call_event"]), UUID(seen["filed"]["file_event"])} <= ids
    assert propose(http, opened, file).json()["events"] == ["ReceiptIssued", "ProposalSubmitted"]
    assert [row["receipt_number"] for row in http(STAFF["finance"], "GET", "/proposals").json()] == ["R8-0001", "R8-0002"]


def test_the_same_request_again_is_the_same_case(http, file, opened):
    def ask(request: str, who: str = PROPOSER):
        return http(who, "POST", "/proposals", {"call": opened, "file": file, "form": FORM, "request": request}).json()

    first = ask("00000000-0000-4000-8000-000000000001")
    assert ask("00000000-0000-4000-8000-000000000001") == {"subject": first["subject"], "events": [], "position": None}
    assert ask("00000000-0000-4000-8000-000000000002")["subject"] != first["subject"]
    assert ask("00000000-0000-4000-8000-000000000001", "proposer-2:proposer")["subject"] != first["subject"]
    assert len(http(STAFF["finance"], "GET", "/proposals").json()) == 3


def test_only_its_proposer_and_staff_see_a_proposal(http, file, opened):
    case = propose(http, opened, file).json()["subject"]
    other = "proposer-2:proposer"
    assert http(other, "GET", f"/proposals/{case}").status_code == 404
    propose(http, opened, file, who=other)
    assert http(other, "GET", f"/proposals/{case}").status_code == 404
    assert len(http(other, "GET", "/proposals").json()) == 1
    assert http("nobody:proposer", "GET", "/proposals").json() == []
    assert http(STAFF["auditor"], "GET", f"/proposals/{case}").status_code == 200
    assert http(STAFF["finance"], "GET", f"/proposals/{case}").status_code == 403
    assert http("coordinator-1:coordinator:elsewhere", "GET", f"/proposals/{case}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        ({"purpose": ""}, "V12", "purpose"),
        ({"delivery_method": "Yamada_Taro"}, "V12", "delivery_method"),
        ({"attachments": [*FORM["attachments"], {"kind": "Yamada_Taro", "made": "2026-06-20"}]}, "V14", "attachments"),
        ({"principal_count": 999}, "V11", "principal_count"),
        ({"principal_count": 20_001}, "V11", "principal_count"),
        ({"wanted": {"病名": "x"}}, "V13", "wanted"),
        ({"attachments": []}, "V14", "attachments.pledge"),
    ],
)
def test_a_refused_form_leaves_nothing_behind(http, desk, file, opened, changes, rule, field):
    before = desk.recorder.max_notification_id()
    refused = propose(http, opened, file, **changes)
    assert (refused.status_code, refused.json()["rule"], refused.json()["field"]) == (422, rule, field)
    assert desk.recorder.max_notification_id() == before


def test_a_call_that_is_not_open_and_a_file_nobody_knows_are_named(http, file, call):
    refused = propose(http, call, file)
    assert (refused.status_code, refused.json()["rule"], refused.json()["field"]) == (422, "V09", "call")
    unknown = propose(http, call, str(UUID(int=5)))
    assert (unknown.status_code, unknown.json()["field"]) == (404, "file")
    assert propose(http, str(UUID(int=5)), file).json()["field"] == "call"


def test_completeness_and_register_fields_follow(http, desk, file, opened):
    case = propose(http, opened, file).json()["subject"]
    assert http(STAFF["coordinator"], "POST", f"/proposals/{case}/completeness").json()["events"] == ["ProposalFoundComplete"]
    body = {"unit": UNIT, "reuse_from": "2026-12-01", "reuse_to": "2029-03-31"}
    early = http(STAFF["coordinator"], "POST", f"/proposals/{case}/register", body)
    assert (early.status_code, early.json()["rule"], early.json()["field"]) == (422, "117", "extract")
    subject = UUID(case)
    desk.take(
        acting(desk),
        step(PROPOSAL, subject, note_extract, NoteExtract(records=19_400, items=("要介護度",))),
        step(PROPOSAL, subject, note_stage, NoteStage(stage="keys_destroyed")),
    )
    done = http(STAFF["coordinator"], "POST", f"/proposals/{case}/register", body).json()
    assert (done["subject"], done["events"]) == (case, ["FileOutlineEntered", "RegisterUpdated"])
    assert http(STAFF["coordinator"], "POST", f"/proposals/{case}/register", body).json()["events"] == []
    entry = http(PROPOSER, "GET", f"/files/{file}").json()
    registered = http(PROPOSER, "GET", f"/proposals/{case}").json()["registered"]
    assert (
        (entry["version"], entry["entry_digest"]) == (registered["version"], registered["entry_digest"]) == (3, registered["entry_digest"])
    )
    assert entry["entry"]["datasets"][0]["principal_count"] == 19_400
    later = propose(http, opened, file).json()["subject"]
    assert http(STAFF["auditor"], "GET", f"/proposals/{later}").json()["filed"]["register_version"] == 3


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        (PROPOSER, "POST", "/files"),
        (STAFF["owner"], "POST", "/calls"),
        (STAFF["coordinator"], "POST", "/proposals"),
        (PROPOSER, "POST", f"/proposals/{UUID(int=1)}/completeness"),
        (STAFF["owner"], "POST", f"/proposals/{UUID(int=1)}/register"),
    ],
)
def test_roles_are_kept_apart(http, who, method, path):
    assert http(who, method, path, {}).status_code == 403


def test_dates_are_today_s(http, desk, file, call):
    assert http(PROPOSER, "GET", f"/calls/{call}").json()["noticed"] == date(2026, 6, 25).isoformat()
    assert [row["status"] for row in http(PROPOSER, "GET", "/calls").json()] == ["noticed"]


@pytest.fixture
def overtaking(desk):
    """Let something happen between the next decision and its append."""
    return desk.recorder.first.append


@pytest.mark.parametrize("other", ["proposer-2:proposer", PROPOSER])
def test_two_proposals_at_once_get_two_numbers_and_an_account_one_party(http, file, opened, overtaking, other):
    overtaking(lambda: propose_elsewhere(http, opened, file, other))
    case = propose(http, opened, file).json()["subject"]
    rows = http(STAFF["auditor"], "GET", "/proposals").json()
    assert {row["receipt_number"] for row in rows} == {"R8-0001", "R8-0002"}
    assert [row["receipt_number"] for row in rows if row["case"] == case] == ["R8-0002"]
    assert len({row["party"] for row in rows}) == (1 if other == PROPOSER else 2)


def propose_elsewhere(http, call, file, who):
    with ThreadPoolExecutor(1) as another:
        assert another.submit(propose, http, call, file, who).result().status_code == 201
