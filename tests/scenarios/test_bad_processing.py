"""Bad specifications and source files, and steps out of order: refused by rule and field, and nothing is left behind."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from anken.play import SOURCE
from tests.scenarios.people import people, scattered, without, written
from tests.scenarios.world import OTHER_DIGEST, Request, World, refused

pytestmark = pytest.mark.slow


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
