"""Bad input of people at the HTTP edge: a problem that names rule and field and repeats no value; every case stays where it was."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.scenarios.world import OTHER_DIGEST, Request, World, refused

pytestmark = pytest.mark.slow


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
    "a name for a paper": (lambda w: {"attachments": papers(w, "pledge", "Yamada_Taro")}, "V14", "attachments"),
    "a name for a method of delivery": (lambda _: {"delivery_method": "Yamada_Taro"}, "V12", "delivery_method"),
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
        ({"body": "Yamada_Taro"}, "75", "body"),
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
