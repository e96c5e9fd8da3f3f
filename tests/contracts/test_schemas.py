"""The committed schemas are what the models say, and judge the events on their own."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contracts import publication
from contracts.catalog import CATALOG, Entry
from contracts.publication import FOLDER, differences, file_name, main, rendered
from contracts.values import SealedText
from tests.contracts.kinds import fields, leaves, said

EACH = pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: f"{entry.owner}-{entry.name}")
CHECKER = FormatChecker(("uuid", "date"))


@cache
def committed(entry: Entry) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / file_name(entry)).read_text("utf-8"))
    return schema


@cache
def judge(entry: Entry) -> Draft202012Validator:
    return Draft202012Validator(committed(entry), format_checker=CHECKER)


def test_committed_schemas_are_the_generated_ones():
    assert differences() == []


def test_the_same_models_give_the_same_bytes():
    assert rendered() == rendered()


def test_check_lists_what_differs_and_writing_mends_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(publication, "FOLDER", tmp_path)
    publication.write()
    changed, left_over, missing = "intake/call-opened.v1.json", "intake/never-was.v1.json", "review/use-ended.v1.json"
    (tmp_path / changed).write_bytes((tmp_path / changed).read_bytes() + b" ")
    (tmp_path / left_over).write_text("{}")
    (tmp_path / missing).unlink()
    assert main(["--check"]) == 1
    assert capsys.readouterr().out.split() == [changed, left_over, missing]
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert not (tmp_path / left_over).exists()


@EACH
def test_a_schema_is_well_formed_and_carries_its_urn(entry):
    schema = committed(entry)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == entry.dataschema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema["title"], schema["description"]) == (entry.model.__name__, entry.model.__doc__)


@EACH
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_what_is_said_satisfies_the_committed_schema_and_is_read_as_it_was_said(entry, data):
    event = data.draw(said(entry))
    text = event.model_dump_json()
    judge(entry).validate(json.loads(text))
    assert entry.model.model_validate_json(text) == event


@EACH
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_the_schema_misses_no_member(entry, data):
    event = json.loads(data.draw(said(entry)).model_dump_json())
    for name in event:
        assert not judge(entry).is_valid({other: value for other, value in event.items() if other != name}), name


@EACH
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_what_a_newer_author_adds_is_passed_over(entry, data):
    event = data.draw(said(entry))
    longer = {**json.loads(event.model_dump_json()), "added_later": {"anything": [1]}}
    assert entry.model.model_validate_json(json.dumps(longer)) == event
    judge(entry).validate(longer)


def test_members_of_a_part_added_later_are_passed_over():
    entry = next(one for one in CATALOG if one.name == "fee-estimated")
    part = {"what": "base", "article": "Order 31(1)", "quantity": 1, "amount": 21_000, "added_later": True}
    event = {"schedule": "order-2023", "parts": [part], "total": 21_000}
    assert not hasattr(entry.model.model_validate_json(json.dumps(event)).parts[0], "added_later")
    judge(entry).validate(event)


@EACH
def test_sealed_members_are_recognisable_and_take_no_plain_text(entry):
    schema = committed(entry)
    sealed = {name for name, kind in fields(entry.model).items() if SealedText in [one for _, one in leaves(kind, name)]}
    marked = {name for name, member in schema["properties"].items() if '"format": "sealed"' in json.dumps(member)}
    assert marked == sealed
    for name in sealed:
        member = Draft202012Validator({**schema["properties"][name], "$defs": schema.get("$defs", {})})
        assert member.is_valid("sealed:v1:AAAA")
        assert not member.is_valid("株式会社みなと分析研究所")


def test_sealing_is_used():
    marked = [entry.name for entry in CATALOG if '"format": "sealed"' in json.dumps(committed(entry))]
    assert {"proposal-submitted", "criterion-found", "screening-decided", "result-notified"} <= set(marked)
