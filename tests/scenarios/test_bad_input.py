"""Bad input at the HTTP edge of the running services: a problem that names rule and field and no value; every case stays where it was."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from anken.case_file import read_case_file
from anken.client import Office, patiently
from anken.play import SOURCE, Play, Proposer
from anken.stack import Stack
from contracts.topics import OWNERS
from services.chassis.clock import JST
from services.chassis.issuer import DevelopmentIssuer
from services.chassis.limits import MOST_BYTES
from tests.scenarios.conftest import SAMPLE
from tests.scenarios.people import people, scattered, without, written

pytestmark = pytest.mark.slow

OTHER_DIGEST = "sha256:" + "0" * 64
QUIET_SECONDS = 0.5


def proposer(number: int) -> Proposer:
    return Proposer(f"bad-{number}", f"合同会社誤入力{number}", "みなと野市港町9-9-9", "架空 太郎")


@dataclass(slots=True)
class World:
    """A call with its file, another file, a closed call, and cases that wait at different points."""

    stack: Stack
    office: Office
    play: Play
    other_file: str = ""
    closed: str = ""
    submitted: str = ""
    screening: str = ""
    invoiced: str = ""
    contracted: str = ""
    produced: str = ""

    def form(self, **changes: object) -> dict[str, Any]:
        """Give the body of a proposal whose form has changed; a member changed to `...` is left out."""
        form = {**self.play.form(proposer(9)), **changes}
        return {
            "call": self.play.call,
            "file": self.play.file,
            "form": {name: value for name, value in form.items() if value is not ...},
        }

    def lay(self, name: str, content: bytes) -> None:
        """Lay a source file into the protected place."""
        folder = self.stack.vault / "sources" / self.office.tenant
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    def versions(self) -> dict[str, int]:
        """Give the version of every stream of every service."""
        one = "SELECT '{0}/' || originator_id, max(originator_version) FROM {0}.events GROUP BY 1"
        parts = " UNION ALL ".join(one.format(owner) for owner in OWNERS)
        with psycopg.connect(self.stack.database_url) as connection:
            return dict(connection.execute(parts).fetchall())

    def settle(self) -> None:
        """Wait until nothing is on its way any more."""
        known, since = self.versions(), time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            time.sleep(0.1)
            if (now := self.versions()) != known:
                known, since = now, time.monotonic()


@pytest.fixture(scope="module")
def world(stack: Stack, office: Office) -> Iterator[World]:
    play = Play(office, read_case_file(SAMPLE), datetime.now(JST).date(), lambda _day, _what: None)
    made = World(stack, office, play)
    play.open_call()
    entry = play.case_file.register_entry
    body = {"body": entry.body, "of_assembly": False, "principal_count": 5000, "fields": {**entry.fields, "name": "別のファイル"}}
    made.other_file = office.call("owner", "POST", "intake", "/files", body)["subject"]
    window = {"starts": str(play.day(6)), "ends": str(play.day(35))}
    closing = {"number": "R8-90", "body": entry.body, "files": [play.file], **window}
    made.closed = office.call("head", "POST", "intake", "/calls", closing)["subject"]
    made.lay("good.csv", written(people(1200)))
    play.keep_specification(stack.vault, stack.vault / "sources" / office.tenant / "good.csv")
    cases = [play.propose(proposer(number)) for number in range(5)]
    made.submitted, made.screening, made.invoiced, made.contracted, made.produced = cases
    play.find_complete(*cases[1:])
    for case in cases[2:]:
        play.screen(case)
    for case in cases[2:]:
        play.decide(case)
    play.at(25, "contract applied for")
    office.call("proposer", "POST", "review", f"/cases/{made.invoiced}/contract-application", account="bad-2")
    for number, case in ((3, made.contracted), (4, made.produced)):
        play.contract(case, proposer(number))
    play.at(37, "one extract produced; the other call is closed")
    plan = {"specification": play.specification, "source": SOURCE}
    for case in (made.contracted, made.produced):
        patiently(lambda case=case: office.call("creator", "POST", "anonymizer", f"/cases/{case}/plan", plan))
    office.call("creator", "POST", "anonymizer", f"/cases/{made.produced}/production")
    patiently(lambda: invoiced(office, made.invoiced))
    patiently(lambda: closed(office, made.closed))
    made.settle()
    yield made
    office.set_clock(datetime.now(JST))


def invoiced(office: Office, case: str) -> None:
    if office.call("finance", "GET", "billing", f"/cases/{case}")["total"] is None:
        raise office.not_yet("billing", "invoice")


def closed(office: Office, call: str) -> None:
    if office.call("head", "GET", "intake", f"/calls/{call}")["status"] != "closed":
        raise office.not_yet("intake", "call")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a client sends it; `body` goes as JSON, `content` as it is."""

    role: str
    method: str
    service: str
    path: str
    body: Any = None
    account: str = ""
    content: bytes | None = None
    kind: str = "application/json"
    token: str | None = None

    def sent_by(self, office: Office) -> httpx.Response:
        token = office.token(self.role, self.account) if self.token is None else self.token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = office.urls[self.service] + self.path
        content = json.dumps(self.body).encode() if self.body is not None else self.content
        if content is not None:
            headers["Content-Type"] = self.kind
        return office.http.request(self.method, url, content=content, headers=headers)


def refused(world: World, request: Request, status: int, rule: str, field: str) -> httpx.Response:
    """Send what must be refused: a problem with this status, rule and field that repeats nothing, and no stream moves."""
    before = world.versions()
    answer = request.sent_by(world.office)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["rule"], problem["field"]) == (status, rule, field), answer.text
    assert problem["status"] == status
    assert problem["type"].startswith("urn:anken:problem:")
    assert problem["title"]
    assert problem["detail"]
    assert [value for value in values_of(request.body) if value in answer.text] == []
    assert world.versions() == before
    return answer


def values_of(body: object) -> Iterator[str]:
    """Give what somebody typed into a body: numbers and longer texts; a member's name is ours unless it is a wish."""
    match body:
        case dict():
            for name, value in body.items():
                yield from values_of(value)
                if not name.isascii():
                    yield name
        case list():
            for value in body:
                yield from values_of(value)
        case str() if len(body) > 6:
            yield body
        case int() if body > 9:
            yield str(body)


def propose(body: Mapping[str, Any]) -> Request:
    return Request("proposer", "POST", "intake", "/proposals", body, "bad-9")


# Form 7

ITEMS = (
    "proposer", "address", "representative", "principal_count", "wanted", "purpose", "business", "use_from", "use_to", "period_reason",
    "safeguards", "delivery_method",
)  # fmt: skip
TEXTS = ("proposer", "address", "representative", "purpose", "business", "period_reason", "safeguards")


@pytest.mark.parametrize("item", ITEMS)
def test_a_missing_item_is_named(world: World, item: str):
    refused(world, propose(world.form(**{item: ...})), 422, "V12", item)


@pytest.mark.parametrize("item", TEXTS)
def test_an_item_of_blanks_is_missing(world: World, item: str):
    refused(world, propose(world.form(**{item: " \u3000"})), 422, "V12", item)


def papers(world: World, *kinds: str, made: str = "") -> list[dict[str, str]]:
    return [{"kind": kind, "made": made or str(world.play.day(1))} for kind in kinds]


Changes = Callable[[World], dict[str, object]]
FORMS: dict[str, tuple[Changes, str, str]] = {
    "fewer than 1,000 people": (lambda _: {"principal_count": 999}, "V11", "principal_count"),
    "more people than the file has": (lambda _: {"principal_count": 20_001}, "V11", "principal_count"),
    "fewer than none": (lambda _: {"principal_count": -15_000}, "V11", "principal_count"),
    "no recorded item": (lambda _: {"wanted": {"性別": "そのまま", "血液型の項目": "そのまま"}}, "V13", "wanted"),
    "no granularity": (lambda _: {"wanted": {"性別": " "}}, "V13", "wanted"),
    "no pledge": (lambda w: {"attachments": papers(w, "public_benefit", "registry_certificate")}, "V14", "attachments.pledge"),
    "no public benefit": (lambda w: {"attachments": papers(w, "pledge", "registry_certificate")}, "V14", "attachments.public_benefit"),
    "no identity": (lambda w: {"attachments": papers(w, "pledge", "public_benefit")}, "V14", "attachments.identity"),
    "an old certificate": (
        lambda w: {"attachments": [*papers(w, "pledge", "public_benefit"), *papers(w, "registry_certificate", made="2020-04-01")]},
        "V15",
        "attachments.identity",
    ),
    "a use that ends before it begins": (lambda w: {"use_to": str(w.play.day(44))}, "V21", "use_to"),
    "false for a number": (lambda _: {"principal_count": False}, "int_type", "body.form.principal_count"),
    "text for a number": (lambda _: {"principal_count": "15000人"}, "int_type", "body.form.principal_count"),
    "a fraction of a person": (lambda _: {"principal_count": 1500.5}, "int_type", "body.form.principal_count"),
    "no date": (lambda _: {"use_from": "来年の四月一日"}, "date_parsing", "body.form.use_from"),
    "a date beyond the calendar": (lambda _: {"use_to": "9999-12-31"}, "unholdable", "body.form.use_to"),
    "a number beyond JSON": (lambda _: {"principal_count": 10**30}, "unholdable", "body.form.principal_count"),
    "a NUL character": (lambda _: {"purpose": "地区ごとの\0分析"}, "unholdable", "body.form.purpose"),
    "an unknown kind of proposer": (lambda _: {"proposer_kind": "組合その他"}, "literal_error", "body.form.proposer_kind"),
    "an unknown member": (lambda _: {"remarks": "備考の内容です"}, "extra_forbidden", "body.form.remarks"),
    "an unknown member somebody made up": (lambda _: {"備考の欄": "備考の内容です"}, "extra_forbidden", "body.form.*"),
    "no text for a wish": (lambda _: {"wanted": {"血液型の項目": 15}}, "string_type", "body.form.wanted.*"),
    "half a character": (lambda _: {"purpose": "\ud800分析の目的です"}, "json_invalid", "body"),
    "more than an event holds": (lambda _: {"purpose": "分析の目的" * 20_000}, "size", "proposal-submitted"),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_cannot_be_is_refused(world: World, name: str):
    changes, rule, field = FORMS[name]
    refused(world, propose(world.form(**changes(world))), 422, rule, field)


def test_an_unknown_file_an_unknown_call_a_closed_call_and_a_file_not_called_are_refused(world: World):
    refused(world, propose({**world.form(), "file": str(uuid4())}), 404, "exists", "file")
    refused(world, propose({**world.form(), "call": str(uuid4())}), 404, "exists", "call")
    refused(world, propose({**world.form(), "call": world.closed}), 422, "V09", "call")
    refused(world, propose({**world.form(), "file": world.other_file}), 422, "112", "file")
    refused(world, propose({**world.form(), "file": "別のファイルです"}), 422, "uuid_parsing", "body.file")


def test_the_form_that_is_right_is_taken(world: World):
    """The others were refused for what they say, not for what all of them share."""
    assert "ProposalSubmitted" in propose(world.form()).sent_by(world.office).json()["events"]
    world.settle()


# Calls and the register


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        (lambda w: {"ends": str(w.play.day(60))}, "V06", "ends"),
        (lambda w: {"starts": str(w.play.day(36))}, "V07", "starts"),
        (lambda w: {"files": [w.other_file]}, "V08", "files"),
        (lambda w: {"body": "chair"}, "V08", "files"),
        (lambda w: {"files": []}, "111", "files"),
        (lambda w: {"files": [str(UUID(int=5))]}, "", ""),
        (lambda w: {"number": "令和八年第一号"}, "string_pattern_mismatch", "body.number"),
        (lambda w: {"ends": "9999-12-31"}, "unholdable", "body.ends"),
        (lambda w: {"ends": ...}, "missing", "body.ends"),
    ],
)
def test_a_call_that_cannot_be_is_refused(world: World, changes: Changes, rule: str, field: str):
    window = {"starts": str(world.play.day(38)), "ends": str(world.play.day(80))}
    body = {"number": "R8-91", "body": world.play.case_file.register_entry.body, "files": [world.play.file], **window, **changes(world)}
    request = Request("head", "POST", "intake", "/calls", {name: value for name, value in body.items() if value is not ...})
    refused(world, request, *((422, rule, field) if rule else (404, "exists", "file")))


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        ({"principal_count": 999}, "V01", "principal_count"),
        ({"principal_count": True}, "int_type", "body.principal_count"),
        ({"fields": {"name": "架空の\0ファイル"}}, "missing", "body.fields.body_name"),
        ({"name": "架空のファイル"}, "extra_forbidden", "body.name"),
    ],
)
def test_a_file_that_cannot_be_registered_is_refused(world: World, changes: dict[str, object], rule: str, field: str):
    entry = world.play.case_file.register_entry
    body = {"body": entry.body, "of_assembly": False, "principal_count": 5000, "fields": entry.fields, **changes}
    refused(world, Request("owner", "POST", "intake", "/files", body), 422, rule, field)


def test_a_name_that_no_view_could_hold_does_not_enter_the_register(world: World):
    """PostgreSQL's JSON holds no NUL: such an event would stop intake's views for ever."""
    entry = world.play.case_file.register_entry
    body = {"body": entry.body, "of_assembly": False, "principal_count": 5000, "fields": {**entry.fields, "name": "架空の\0ファイル"}}
    refused(world, Request("owner", "POST", "intake", "/files", body), 422, "unholdable", "body.fields.name")


# Screening, fee and contract


@pytest.mark.parametrize(
    ("body", "rule", "field"),
    [
        ({"criterion": 8, "met": True, "reason": "要件に適合すると認める"}, "V22", "criterion"),
        ({"criterion": 1, "met": True, "reason": "  "}, "V22", "reason"),
        ({"criterion": 2, "met": False, "reason": "本人の数が足りないため"}, "V11", "met"),
        ({"criterion": 3, "met": True, "reason": "加工の方法は適合する"}, "116", "specification"),
        ({"criterion": 1, "met": True, "reason": "要件に適合すると認める", "specification": OTHER_DIGEST}, "116", "specification"),
        ({"criterion": 1, "met": 1, "reason": "要件に適合すると認める"}, "bool_type", "body.met"),
        ({"criterion": False, "met": True, "reason": "要件に適合すると認める"}, "int_type", "body.criterion"),
        ({"criterion": 1, "met": True, "reason": "要件に適合すると認める", "specification": "sha256:abcdef"},
         "string_pattern_mismatch", "body.specification"),
        ({"criterion": 1, "met": True}, "missing", "body.reason"),
        ({"criterion": 1, "met": True, "reason": "要件" * 30_000}, "size", "criterion-found"),
    ],
)  # fmt: skip
def test_a_finding_that_cannot_be_is_refused(world: World, body: dict[str, object], rule: str, field: str):
    refused(world, Request("coordinator", "POST", "review", f"/cases/{world.screening}/findings", body), 422, rule, field)


def test_a_screening_moves_only_in_its_order(world: World):
    def asked(role: str, case: str, what: str, body: object = None, account: str = "") -> Request:
        return Request(role, "POST", "review", f"/cases/{case}/{what}", body, account)

    refused(world, asked("head", world.screening, "decision", {"outcome": "conforming"}), 422, "V22", "criterion")
    refused(world, asked("coordinator", world.screening, "notice", {}), 422, "114", "decision")
    refused(world, asked("owner", world.screening, "cost", {"creation_minutes": 0}), 422, "V26", "creation_minutes")
    refused(world, asked("owner", world.screening, "cost", {"creation_minutes": -480}), 422, "greater_than_equal", "body.creation_minutes")
    refused(world, asked("proposer", world.screening, "contract-application", None, "bad-1"), 422, "115", "notice")
    refused(world, asked("proposer", world.invoiced, "contract-application", None, "bad-3"), 422, "115", "party")
    refused(
        world,
        asked("head", world.invoiced, "decision", {"outcome": "non_conforming", "reasons": "要件を満たさない"}),
        422,
        "114",
        "outcome",
    )
    refused(world, asked("head", world.invoiced, "contract"), 422, "115", "fee")


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        ({"amount": False}, "int_type", "body.amount"),
        ({"amount": -52_600}, "119", "amount"),
        ({"amount": 0}, "119", "amount"),
        ({"received": "2999-01-01"}, "119", "received"),
        ({"received": "2000-01-01"}, "119", "received"),
        ({"received": "0001-01-01"}, "unholdable", "body.received"),
        ({"reference": ""}, "string_too_short", "body.reference"),
        ({"payer_name": "架空の銀行の名義人"}, "extra_forbidden", "body.payer_name"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(world: World, changes: dict[str, object], rule: str, field: str):
    body = {"amount": 52_600, "received": str(world.play.day(37)), "reference": "bank-000001", **changes}
    refused(world, Request("finance", "POST", "billing", f"/cases/{world.invoiced}/payments", body), 422, rule, field)


# Specification and processing


def specification(world: World, change: Callable[[dict[str, Any]], object]) -> bytes:
    document = deepcopy(world.play.case_file.specification)
    change(document)
    return json.dumps(document, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        (lambda d: d["risk"].update(k=1), "62", "risk.k"),
        (lambda d: d["risk"]["quasi"].append("血液型"), "62", "risk.quasi"),
        (lambda d: d["output"]["columns"].append({"column": "血液型", "name": "血液型"}), "62", "output.columns.血液型"),
        (lambda d: d["columns"][1]["technique"].update(kind="keep"), "62", "columns.氏名"),
        (lambda d: d["columns"][1]["technique"].update(kind="秘密の加工方法"), "62", "columns.氏名.technique"),
        (lambda d: d["standard"].pop("P3"), "V30", "standard.P3"),
        (lambda d: d["input"].update(person_key="整理番号"), "V13", "input.person_key"),
        (lambda d: d.pop("risk"), "62", "risk"),
    ],
)
def test_a_specification_that_the_standard_does_not_allow_is_refused(world: World, change: Callable, rule: str, field: str):
    answer = refused(
        world, Request("creator", "POST", "anonymizer", "/specifications", content=specification(world, change)), 422, rule, field
    )
    assert "秘密" not in answer.text


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe", b"{", b"a: [", b"[" * 5_000, b"a: 2026-13-01", b'{"a": "\\ud800"}', b" " * ((1 << 20) + 1)],
    ids=["no UTF-8", "cut off", "no YAML", "too deep", "no date", "half a character", "too long"],
)
def test_what_is_no_specification_is_refused(world: World, text: bytes):
    request = Request("creator", "POST", "anonymizer", "/specifications", content=text, kind="application/yaml")
    refused(world, request, 422, "62", "specification")


def plan(world: World, case: str, source: str, specification: str | None = None) -> Request:
    body = {"specification": specification or world.play.specification, "source": source}
    return Request("creator", "POST", "anonymizer", f"/cases/{case}/plan", body)


def test_another_digest_than_the_decided_one_is_refused(world: World):
    kept = Request("creator", "POST", "anonymizer", "/specifications", content=specification(world, lambda d: d["risk"].update(k=3)))
    other = kept.sent_by(world.office).json()["specification"]
    for digest in (other, OTHER_DIGEST):
        refused(world, plan(world, world.contracted, SOURCE, digest), 422, "116", "specification")
    refused(world, plan(world, world.contracted, SOURCE, "sha256:abcdef"), 422, "string_pattern_mismatch", "body.specification")


@pytest.mark.parametrize("name", ["absent.csv", "../keys/absent.csv", "absent\n.csv"])
def test_a_source_that_is_not_in_the_protected_place_is_refused(world: World, name: str):
    refused(world, plan(world, world.contracted, name), 422, "116", "source")


ODD = {"住所": "みなと野市港町3-3"}
SOURCES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "undecodable bytes": (lambda: written(people(1200)) + b"\x81\x20\r\n", "116", "input.encoding"),
    "bytes that only Python decodes": (lambda: written(people(1200)) + b"\xfd\xfe\r\n", "116", "input.encoding"),
    "another encoding": (lambda: written(people(1200)).decode("cp932").encode("utf-16"), "116", "input.encoding"),
    "a NUL character": (lambda: written(people(1200, 氏名="架空\0花子")), "116", "input.encoding"),
    "a column too many": (lambda: written([{**row, "備考": "秘密"} for row in people(1200)]), "V13", "input.header"),
    "a column too few": (lambda: without("住所"), "V13", "columns.住所"),
    "no header": (lambda: written(people(1200)).split(b"\r\n", 1)[1], "V13", "columns.被保険者番号"),
    "nothing at all": (lambda: b"", "V13", "columns.被保険者番号"),
    "a ragged record": (lambda: written(people(1200)) + "架空,花子\r\n".encode("cp932"), "116", "input.records"),
    "quotes that do not close": (lambda: written(people(1200)) + '"架空'.encode("cp932"), "116", "input.records"),
    "one person twice": (lambda: written(people(1200, 被保険者番号=f"{0:010d}")), "62", "input.person_key"),
    "a value that no category covers": (lambda: written(people(1200, 要介護度="要介護9")), "62", "columns.要介護度"),
    "an impossible date": (lambda: written(people(1200, 生年月日="昭和20年13月41日")), "62", "columns.生年月日"),
    "k not reached by anybody": (lambda: written(people(5)), "62", "risk.k"),
    "k reached by too few": (
        lambda: written([*people(1200), *scattered(80)]), "62", "risk.max_suppressed_per_mille",
    ),
    "fewer than 1,000 left": (lambda: written(people(999)), "V32", "records"),
    "fewer than 1,000 left after suppression": (lambda: written(people(1000, **ODD)), "V32", "records"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_the_specification_does_not_fit_is_refused(world: World, name: str):
    content, rule, field = SOURCES[name]
    file = f"bad-{[*SOURCES].index(name)}.csv"
    world.lay(file, content())
    assert plan(world, world.contracted, file).sent_by(world.office).status_code == 200  # heard by the case log alone
    request = Request("creator", "POST", "anonymizer", f"/cases/{world.contracted}/production")
    answer = refused(world, request, 422, rule, field)
    assert not any(secret in answer.text for secret in ("架空", "花子", "港町", "秘密", "要介護9", "昭和"))
    assert not (world.stack.vault / "extracts" / world.contracted).exists()


def test_a_source_that_changed_after_planning_is_refused(world: World):
    world.lay("changing.csv", written(people(1200)))
    assert plan(world, world.contracted, "changing.csv").sent_by(world.office).status_code == 200
    world.lay("changing.csv", written(people(1300)))
    refused(world, Request("creator", "POST", "anonymizer", f"/cases/{world.contracted}/production"), 422, "116", "source")


def test_nothing_is_processed_before_the_fee_nor_delivered_before_fee_and_contract(world: World):
    refused(world, plan(world, world.invoiced, SOURCE), 422, "119", "fee")
    refused(world, Request("owner", "POST", "anonymizer", f"/cases/{world.invoiced}/delivery"), 422, "V29", "contract")
    refused(world, Request("creator", "POST", "anonymizer", f"/cases/{world.invoiced}/production"), 422, "116", "plan")
    refused(world, Request("owner", "POST", "anonymizer", f"/cases/{world.contracted}/delivery"), 422, "116", "extract")


def test_who_produced_does_not_check_and_keys_stay_until_somebody_did(world: World):
    def asked(what: str, role: str = "creator", body: object = None, account: str = "") -> Request:
        return Request(role, "POST", "anonymizer", f"/cases/{world.produced}/{what}", body, account)

    refused(world, asked("verification"), 422, "V34", "checker")
    refused(world, asked("key-destruction", account="creator-2"), 422, "V31", "keys")
    refused(world, asked("delivery", "owner"), 422, "116", "extract")
    refused(world, asked("acknowledgement", "proposer", {"received": OTHER_DIGEST}, "bad-4"), 422, "109", "delivery")
    refused(world, asked("acknowledgement", "proposer", {"received": OTHER_DIGEST}, "bad-3"), 422, "109", "account")
    unit = {"unit": {"name": "市民情報室", "address": "みなと野市中央1-1"}, "reuse_from": "2027-04-01", "reuse_to": "2028-03-31"}
    refused(world, Request("coordinator", "POST", "intake", f"/proposals/{world.produced}/register", unit), 422, "117", "extract")


@pytest.mark.parametrize("token", ["f" * 32 + "x" * 43, "no-token", "\u3042"])
def test_a_token_that_opens_nothing_is_refused(world: World, token: str):
    refused(world, Request("proposer", "GET", "anonymizer", f"/deliveries/{token}"), 422, "109", "token")


# Who may, what exists, what a body is: in every service

PLAN = {"specification": OTHER_DIGEST, "source": "source.csv"}
PAYMENT = {"amount": 52_600, "received": "2026-08-01", "reference": "bank-000001"}
REGISTER = {"unit": {"name": "市民情報室", "address": "みなと野市中央1-1"}, "reuse_from": "2027-04-01", "reuse_to": "2028-03-31"}
ROUTES: tuple[tuple[str, str, str, str, Any], ...] = (
    ("coordinator", "GET", "intake", "/proposals/{}", None),
    ("coordinator", "POST", "intake", "/proposals/{}/completeness", None),
    ("coordinator", "POST", "intake", "/proposals/{}/register", REGISTER),
    ("coordinator", "GET", "review", "/cases/{}", None),
    ("coordinator", "POST", "review", "/cases/{}/findings", {"criterion": 1, "met": True, "reason": "要件に適合すると認める"}),
    ("owner", "POST", "review", "/cases/{}/cost", {"creation_minutes": 480}),
    ("head", "POST", "review", "/cases/{}/decision", {"outcome": "conforming"}),
    ("coordinator", "POST", "review", "/cases/{}/notice", {}),
    ("proposer", "POST", "review", "/cases/{}/contract-application", None),
    ("head", "POST", "review", "/cases/{}/contract", None),
    ("finance", "GET", "billing", "/cases/{}", None),
    ("finance", "POST", "billing", "/cases/{}/payments", PAYMENT),
    ("creator", "GET", "anonymizer", "/cases/{}", None),
    ("creator", "GET", "anonymizer", "/cases/{}/report", None),
    ("creator", "POST", "anonymizer", "/cases/{}/plan", PLAN),
    ("creator", "POST", "anonymizer", "/cases/{}/production", None),
    ("creator", "POST", "anonymizer", "/cases/{}/verification", None),
    ("creator", "POST", "anonymizer", "/cases/{}/key-destruction", None),
    ("owner", "POST", "anonymizer", "/cases/{}/delivery", None),
    ("proposer", "POST", "anonymizer", "/cases/{}/acknowledgement", {"received": OTHER_DIGEST}),
    ("auditor", "GET", "caselog", "/cases/{}/history", None),
)
WITH_BODY = [route for route in ROUTES if route[4]]
NAMES: dict[str, str] = {"review": "screening", "billing": "fee", "anonymizer": "extract", "caselog": "case", "intake": "proposal"}


def named(routes: Any) -> list[str]:
    return [f"{method} {service}{path}" for _, method, service, path, _ in routes]


@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_an_unknown_case_and_another_tenants_case_are_not_found(world: World, route: tuple[str, str, str, str, Any]):
    role, method, service, path, body = route
    refused(world, Request(role, method, service, path.format(uuid4()), body), 404, "exists", NAMES[service])
    elsewhere = world.office.issuer.token(f"{role}-1", role, tenant="elsewhere")
    refused(world, Request(role, method, service, path.format(world.produced), body, token=elsewhere), 404, "exists", NAMES[service])
    refused(world, Request(role, method, service, path.format("no-such-case"), body), 422, "uuid_parsing", "path.case")


@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_without_a_token_that_holds_and_the_role_nothing_is_done(world: World, tmp_path: Path, route: tuple[str, str, str, str, Any]):
    role, method, service, path, body = route
    issuer = world.office.issuer
    tokens = {
        "none": "",
        "garbage": "no.such.token",
        "expired": issuer.token(f"{role}-1", role, tenant="minatono", seconds=-10),
        "another audience": issuer.token(f"{role}-1", role, tenant="minatono", audience="another"),
        "another issuer's": DevelopmentIssuer(tmp_path).token(f"{role}-1", role, tenant="minatono"),
    }
    for token in tokens.values():
        request = Request(role, method, service, path.format(world.produced), body, token=token)
        answer = refused(world, request, 401, "token", "Authorization")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert not token or token not in answer.text
    stranger = "operator" if service != "caselog" else "proposer"
    refused(world, Request(stranger, method, service, path.format(world.produced), body), 403, "role", "Authorization")


@pytest.mark.parametrize("route", WITH_BODY, ids=named(WITH_BODY))
def test_a_body_that_is_none_is_refused(world: World, route: tuple[str, str, str, str, Any]):
    role, method, service, path, body = route

    def sent(content: bytes, kind: str = "application/json") -> Request:
        return Request(role, method, service, path.format(world.produced), content=content, kind=kind)

    whole = json.dumps(body).encode()
    refused(world, sent(whole[:-1]), 422, "json_invalid", f"body.{len(whole) - 1}")
    refused(world, sent(b"[]"), 422, "model_attributes_type", "body")
    refused(world, sent(b"null"), 422, "model_attributes_type", "body")
    refused(world, sent(b""), 422, "missing", "body")
    refused(world, sent(b'"\xff"'), 400, "http", "request")
    refused(world, sent(whole, "text/plain"), 422, "model_attributes_type", "body")
    refused(world, sent(b" " * (MOST_BYTES + 1)), 413, "size", "body")
    surplus = Request(role, method, service, path.format(world.produced), {**body, "surplus": "余分な内容です"})
    refused(world, surplus, 422, "extra_forbidden", "body.surplus")


@pytest.mark.parametrize("service", [*OWNERS, "caselog"])
def test_an_unknown_path_and_a_wrong_method_are_problems(world: World, service: str):
    refused(world, Request("head", "GET", service, "/nowhere"), 404, "http", "request")
    answer = refused(world, Request("head", "DELETE", service, "/cases" if service != "intake" else "/calls"), 405, "http", "request")
    assert answer.headers["allow"]


def test_a_history_as_of_no_day_is_refused(world: World):
    for when in ("yesterday", "2026-13-01", "2026-02-30"):
        refused(world, Request("auditor", "GET", "caselog", f"/cases/{world.produced}/history?as-of={when}"), 422, "rfc3339", "as-of")


def test_the_services_are_still_well_and_took_no_defect_for_granted(world: World):
    """Nothing above was answered by accident: no service logged a defect, none stopped consuming or relaying."""
    for service, url in world.office.urls.items():
        assert world.office.http.get(f"{url}/readyz").status_code == 200
        logged = world.stack.services.log(service).read_text()
        assert "request failed" not in logged
        assert "loop failed" not in logged
    assert timedelta() < world.play.today - world.play.day(37)
