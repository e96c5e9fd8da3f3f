"""A case from specification to acknowledged delivery over HTTP, with the real engine; and each way in which it is refused."""

import csv
import hashlib
import io
import json
import stat
import zipfile
from collections import Counter
from uuid import UUID

import pytest

from services.anonymizer import measure, processing
from tests.case_events import CASE, contract_concluded, fee_paid, file_registered, screening_decided


def problem(answer):
    return answer.status_code, answer.json().get("rule"), answer.json().get("field")


def collect(room, token, who="acct-1:proposer"):
    return room.call("GET", f"/deliveries/{token}", who)


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_case_from_specification_to_acknowledgement(room):
    room.deliverable()
    answer = room.step("delivery", "owner-1:owner").json()
    assert answer["events"] == ["ExtractDelivered"]
    bundle = collect(room, answer["token"])
    assert bundle.headers["content-type"] == "application/zip"
    assert sha256(bundle.content) == answer["bundle"]
    assert room.step("acknowledgement", "acct-1:proposer", received=sha256(bundle.content)).json()["events"] == ["DeliveryAcknowledged"]

    archive = zipfile.ZipFile(io.BytesIO(bundle.content))
    assert sorted(archive.namelist()) == ["description.json", "extract.csv", "extract.parquet"]
    described, shown = json.loads(archive.read("description.json")), room.shown("acct-1:proposer")
    for name, kind in (("extract.csv", "csv"), ("extract.parquet", "parquet")):
        assert sha256(archive.read(name)) == described["files"][name] == shown[kind]
    rows = [*csv.DictReader(io.StringIO(archive.read("extract.csv").decode()))]
    classes = Counter(row["年齢階級"] for row in rows)
    assert (len(rows), min(classes.values())) == (shown["records"], shown["smallest"])
    assert (shown["records_read"], shown["records_drawn"], shown["records_suppressed"], shown["records"]) == (1200, 1000, 0, 1000)
    assert shown["smallest"] >= shown["k"] == 5
    assert room.call("GET", "/cases", "maker:creator").json()[0]["status"] == "acknowledged"


def test_the_world_hears_the_six_steps_and_no_account_file_or_token(room):
    room.deliverable()
    token = room.step("delivery", "owner-1:owner").json()["token"]
    collect(room, token)
    room.step("acknowledgement", "acct-1:proposer", received=room.shown()["csv"])
    said = room.announced()
    assert len(said) == 6
    for secret in ("maker", "checker", "acct-1", "care.csv", token[32:], "架空", "氏名"):
        assert not any(secret in text for text in said)
    stored = [row.state.decode() for row in room.recorder._stored_events]
    assert not any(token[32:] in text or "架空" in text for text in stored)


def test_the_same_specification_is_kept_once_whether_yaml_or_json(room):
    text = json.dumps(room.specification())
    first = room.send("/specifications", "maker:creator", text).json()
    again = room.send("/specifications", "owner-1:owner", json.dumps(room.specification(), indent=2)).json()
    assert (first["events"], again["events"]) == (["SpecificationKept"], [])
    assert first["specification"] == again["specification"]
    assert (first["k"], first["items"]) == (5, ["年齢階級", "要介護度"])
    [row] = room.call("GET", "/specifications", "maker:creator").json()
    assert row["specification"] == first["specification"]


def test_the_processing_method_lies_in_the_protected_place_alone(room):
    room.kept()
    assert any("names a person" in path.read_text() for path in (room.vault.folder / "specifications").iterdir())
    assert not any("names a person" in row.state.decode() for row in room.recorder._stored_events)


@pytest.mark.parametrize(
    ("text", "field"),
    [("{", "specification"), (b"\xff", "specification"), ("spec_version: 1", "unit"), ("a" * ((1 << 20) + 1), "specification")],
)
def test_what_is_no_specification_is_refused(room, text, field):
    answer = room.send("/specifications", "maker:creator", text)
    assert (answer.status_code, answer.json()["rule"]) == (422, "62")
    assert field in answer.json()["field"]


def test_an_identifier_that_would_be_published_is_refused_by_name(room):
    specification = room.specification()
    specification["columns"][0]["technique"] = {"kind": "keep", "reason": "wanted"}
    answer = room.send("/specifications", "maker:creator", json.dumps(specification))
    assert problem(answer) == (422, "62", "columns.氏名")


def test_another_digest_than_the_decided_one_is_refused_and_the_case_stays(room):
    named = room.contracted()
    other = room.specification()
    other["risk"]["k"] = 3
    for wanted in (room.kept(other), f"sha256:{'0' * 64}"):
        assert problem(room.step("plan", specification=wanted, source="care.csv")) == (422, "116", "specification")
    assert not room.shown()["planned"]
    assert room.step("plan", specification=named, source="care.csv").json()["events"] == ["ProcessingPlanned"]


def test_a_source_outside_the_protected_place_is_refused(room):
    named = room.contracted()
    assert problem(room.step("plan", specification=named, source="../care.csv")) == (422, "116", "source")


def test_a_source_changed_after_planning_is_not_processed(room):
    named = room.contracted()
    room.step("plan", specification=named, source="care.csv")
    room.lay_source(room.people(1300))
    assert problem(room.step("production")) == (422, "116", "source")
    assert [*(room.vault.folder / "extracts").iterdir()] == []
    assert room.step("plan", specification=named, source="care.csv").json()["events"] == ["ProcessingPlanned"]
    assert room.step("production").json()["events"] == ["ExtractProduced"]


@pytest.mark.parametrize(
    ("lines", "rule", "field"),
    [
        ("few", "V32", "records"),
        ("ragged", "116", "input.records"),
    ],
)
def test_what_the_engine_refuses_leaves_the_case_where_it_was(room, lines, rule, field):
    named = room.contracted()
    room.lay_source({"few": room.people(999), "ragged": room.people(1200) + "架空,20\n"}[lines])
    room.step("plan", specification=named, source="care.csv")
    assert problem(room.step("production")) == (422, rule, field)
    assert room.shown()["records"] is None
    assert [*(room.vault.folder / "extracts").iterdir()] == []


def test_an_extract_of_more_people_than_were_decided_is_not_recorded(room, monkeypatch):
    """Even if the draw did not do its work."""
    named = room.contracted()
    room.step("plan", specification=named, source="care.csv")
    monkeypatch.setattr(processing, "draw_people", lambda *_, **__: None)
    assert problem(room.step("production")) == (422, "112", "records")
    assert room.shown()["records"] is None
    monkeypatch.undo()
    assert room.step("production").json()["events"] == ["ExtractProduced"]
    assert room.shown()["records"] == 1000


def test_undecodable_bytes_are_refused_by_place_not_by_content(room):
    named = room.contracted()
    (room.vault.sources("minatono") / "care.csv").write_bytes(b"\x8e\x81\x96\xbc,x\n")
    room.step("plan", specification=named, source="care.csv")
    assert problem(room.step("production")) == (422, "116", "input.encoding")


def test_a_plan_is_carried_out_once(room, monkeypatch):
    room.produced()
    monkeypatch.setattr(processing, "produce", None)
    assert room.step("production").json() == {"subject": str(room.case), "events": [], "position": None}


def test_a_run_that_broke_off_before_its_event_is_repeated_with_the_same_result(room):
    room.produced()
    first = room.shown()
    broken = [row for row in room.recorder._stored_events if "ExtractProduced" not in row.topic]
    room.recorder._stored_events[:] = broken
    room.recorder._stored_events_index[f"extract-{room.case}"].pop(len(broken_stream(broken, room.case)) + 1)
    assert room.step("production").json()["events"] == ["ExtractProduced"]
    assert (room.shown()["parquet"], room.shown()["csv"]) == (first["parquet"], first["csv"])


def broken_stream(rows, case):
    return [row for row in rows if row.originator_id == f"extract-{case}"]


def test_nobody_checks_their_own_work(room):
    room.produced()
    assert problem(room.step("verification")) == (422, "V34", "checker")


def test_a_file_changed_after_production_is_rejected_and_produced_again_under_a_new_key(room):
    room.produced()
    key = room.vault.key(room.case)
    with (room.vault.extract(room.case) / "extract.csv").open("a") as file:
        file.write("9999,20-29,1\n")
    assert room.step("verification", "checker:creator").json()["events"] == ["ExtractRejected"]
    assert room.shown()["rejected"]
    assert room.step("production").json()["events"] == ["ExtractProduced"]
    assert room.vault.key(room.case) != key
    assert room.step("verification", "checker:creator").json()["events"] == ["ExtractVerified"]
    assert room.step("key-destruction").json()["events"] == ["KeysDestroyed"]
    assert len({*json.loads(room.announced()[-1])["fingerprints"]}) == 2


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("change", ["more", "gone"])
def test_a_file_changed_after_verification_is_not_delivered(room, kind, change):
    room.deliverable()
    file = room.vault.extract(room.case) / f"extract.{kind}"
    whole = file.read_bytes()
    file.unlink() if change == "gone" else file.write_bytes(whole + b"x")
    assert problem(room.step("delivery", "owner-1:owner")) == (422, "116", kind)
    assert [*(room.vault.folder / "bundles").iterdir()] == []
    file.write_bytes(whole)
    assert room.step("delivery", "owner-1:owner").json()["events"] == ["ExtractDelivered"]


@pytest.mark.parametrize("what", ["production", "verification", "key-destruction", "delivery"])
@pytest.mark.parametrize(("case", "tenant"), [(UUID(int=404), "minatono"), (CASE, "sakae")])
def test_a_case_that_is_not_there_is_not_locked(room, what, case, tenant):
    room.contracted()
    assert room.call("POST", f"/cases/{case}/{what}", "maker:creator", tenant=tenant).status_code == 404
    assert [*(room.vault.folder / "locks").iterdir()] == []


def test_a_value_that_looks_like_an_identifier_rejects_the_extract(room):
    named = room.contracted()
    room.lay_source(room.people(1200).replace(",1\n", ",090-1234-5678\n"))
    room.step("plan", specification=named, source="care.csv")
    room.step("production")
    assert room.step("verification", "checker:creator").json()["events"] == ["ExtractRejected"]
    assert json.loads(room.announced()[-1]) == {"rule": "62", "field": "output.phone"}


def test_the_check_counts_again_instead_of_believing(room, monkeypatch):
    room.produced()
    counted = measure.recount

    def recount(folder, specification):
        found = counted(folder, specification)
        return replace_smallest(found)

    monkeypatch.setattr(measure, "recount", recount)
    assert room.step("verification", "checker:creator").json()["events"] == ["ExtractRejected"]


def replace_smallest(found):
    return type(found)(**{**fields_of(found), "parquet": type(found.parquet)(**{**fields_of(found.parquet), "smallest": 6})})


def fields_of(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_a_refused_destruction_leaves_the_key_where_it_is(room):
    room.produced()
    key = room.vault.key(room.case)
    assert problem(room.step("key-destruction")) == (422, "V31", "keys")
    assert room.vault.key(room.case) == key


def test_destroyed_keys_are_gone_from_the_disk_and_stay_so(room):
    room.deliverable()
    assert [*(room.vault.folder / "keys").iterdir()] == []
    assert room.step("key-destruction").json()["events"] == []


def test_nothing_is_delivered_before_the_register_says_so(room):
    room.produced()
    assert problem(room.step("delivery", "owner-1:owner")) == (422, "116", "extract")
    room.step("verification", "checker:creator")
    assert problem(room.step("delivery", "owner-1:owner")) == (422, "V31", "keys")
    room.step("key-destruction")
    assert problem(room.step("delivery", "owner-1:owner")) == (422, "117", "register")
    assert [*(room.vault.folder / "bundles").iterdir()] == []


@pytest.mark.parametrize("missing", ["fee", "contract"])
def test_nothing_is_planned_before_fee_and_contract(room, missing):
    room.lay_source(room.people(1200))
    named = room.kept()
    for event in (file_registered(), screening_decided(specification=named), contract_concluded() if missing == "fee" else fee_paid()):
        room.hear(event)
    answer = problem(room.step("plan", specification=named, source="care.csv"))
    assert answer == (422, {"fee": "119", "contract": "115"}[missing], missing)


def test_a_token_opens_once_and_a_fresh_one_replaces_it(room):
    room.deliverable()
    first = room.step("delivery", "owner-1:owner").json()["token"]
    assert problem(collect(room, first, "acct-2:proposer")) == (422, "109", "account")
    assert collect(room, first).status_code == 200
    assert problem(collect(room, first)) == (422, "109", "token")
    fresh = room.step("delivery", "owner-1:owner").json()
    assert fresh["events"] == ["DeliveryReissued"]
    assert problem(collect(room, first)) == (422, "109", "token")
    assert collect(room, fresh["token"]).status_code == 200


@pytest.mark.parametrize("token", ["x", "0" * 75, "zz" * 40])
def test_what_is_no_token_opens_nothing(room, token):
    room.deliverable()
    assert problem(collect(room, token)) == (422, "109", "token")


def test_another_digest_acknowledges_nothing(room):
    room.deliverable()
    collect(room, room.step("delivery", "owner-1:owner").json()["token"])
    assert problem(room.step("acknowledgement", "acct-1:proposer", received=f"sha256:{'0' * 64}")) == (422, "109", "received")


def test_the_report_is_for_staff_and_is_the_one_that_was_announced(room):
    room.produced()
    report = room.call("GET", f"/cases/{room.case}/report", "aud-1:auditor")
    assert sha256(report.content) == room.shown()["report"]
    assert room.call("GET", f"/cases/{room.case}/report", "acct-1:proposer").status_code == 403
    (room.vault.extract(room.case) / "report.json").write_text("{}")
    assert problem(room.call("GET", f"/cases/{room.case}/report", "aud-1:auditor")) == (422, "116", "report")


def test_a_proposer_sees_only_the_own_extract(room):
    room.produced()
    assert room.call("GET", f"/cases/{room.case}", "acct-1:proposer").status_code == 200
    assert room.call("GET", f"/cases/{room.case}", "acct-2:proposer").status_code == 404
    assert room.call("GET", f"/cases/{room.case}", "maker:creator", tenant="sakae").status_code == 404


def test_every_file_of_a_finished_case_is_private(room):
    room.deliverable()
    room.step("delivery", "owner-1:owner")
    ours = [path for path in room.vault.folder.rglob("*") if path.is_file() and "sources" not in path.parts]
    assert ours
    assert {stat.S_IMODE(path.stat().st_mode) for path in ours} == {0o600}


def test_the_row_of_a_case_follows_its_steps(room):
    def status():
        return room.call("GET", "/cases", "maker:creator").json()[0]["status"]

    named = room.contracted()
    assert status() == "proposed"
    room.step("plan", specification=named, source="care.csv")
    assert status() == "planned"
    room.step("production")
    assert status() == "produced"
    room.step("verification", "checker:creator")
    assert status() == "verified"
    room.step("key-destruction")
    assert status() == "keys_destroyed"
