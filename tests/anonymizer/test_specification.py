"""A specification is accepted whole or refused with rule and field, and its digest never moves."""

from pathlib import Path

import pytest

from services.anonymizer.specification import canonical, digest, read_document, read_specification, specification_from
from services.chassis.events import Refused


def column(document, name):
    return next(column for column in document["columns"] if column["name"] == name)


def changed(document, path, value):
    """Set the member at `path`; a text in a list of columns means the column of that name. None removes it."""
    *steps, last = path
    place = document
    for step in steps:
        place = column({"columns": place}, step) if isinstance(place, list) else place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


DROP = {"kind": "drop", "reason": "r"}
KEEP = {"kind": "keep", "reason": "r"}
BAD = [
    (("columns", "氏名", "technique"), KEEP, "62", "columns.氏名"),
    (("columns", "番号", "technique"), {"kind": "generalise", "by": "prefix", "characters": 2}, "62", "columns.番号"),
    (("columns", "番号", "role"), "linking_code", "62", "columns.番号.rule_items"),
    (("columns", "年齢", "rule_items"), [], "62", "columns.年齢.rule_items"),
    (("columns", "年齢", "technique"), {"kind": "cap"}, "62", "columns.年齢.technique"),
    (
        ("columns", "年齢", "technique"),
        {"kind": "generalise", "by": "mapping", "categories": {}},
        "62",
        "columns.年齢.technique.categories",
    ),
    (
        ("columns", "年齢", "technique"),
        {"kind": "generalise", "by": "mapping", "categories": {"a": ["1"], "b": ["1"]}},
        "62",
        "columns.年齢.technique.categories",
    ),
    (
        ("columns", "年齢", "technique"),
        {"kind": "cap", "bottom": {"at": 9, "label": "a"}, "top": {"at": 3, "label": "b"}},
        "62",
        "columns.年齢.technique.bottom",
    ),
    (("columns", "年齢", "technique"), {"kind": "blur"}, "62", "columns.年齢.technique"),
    (("columns", "年齢", "technique"), {"kind": "generalise", "by": "luck"}, "62", "columns.年齢.technique"),
    (("columns", "年齢", "technique", "width"), "10", "62", "columns.年齢.technique.width"),
    (("columns", "年齢", "technique", "width"), 1, "62", "columns.年齢.technique.width"),
    (("columns", "年齢", "surprise"), "x", "62", "columns.年齢.surprise"),
    (("columns", "備考", "name"), "氏名", "62", "columns.氏名"),
    (("standard", "P3"), None, "V30", "standard.P3"),
    (("standard", "P3"), {"measure": "m", "not_applicable": "n"}, "V30", "standard.P3"),
    (("standard", "P3"), {}, "V30", "standard.P3"),
    (("standard", "P3"), {"measure": "nobody carries it out"}, "V30", "standard.P3"),
    (("standard", "P2"), {"not_applicable": "n"}, "V30", "standard.P2"),
    (("standard", "P1"), {"not_applicable": "n"}, "V30", "standard.P1"),
    (("standard", "P6"), {"measure": "m"}, "62", "standard.P6"),
    (("risk", "k"), 1, "62", "risk.k"),
    (("risk", "k"), None, "62", "risk.k"),
    (("risk", "quasi"), ["性別"], "62", "risk.quasi"),
    (("risk", "quasi"), [], "62", "risk.quasi"),
    (("risk", "quasi"), ["性別", "年齢", "備考"], "62", "risk.quasi"),
    (("risk", "quasi"), ["性別", "年齢", "年齢"], "62", "risk.quasi.年齢"),
    (("input", "encoding"), "shift_jis", "62", "input.encoding"),
    (("input", "delimiter"), "x", "62", "input.delimiter"),
    (("input", "person_key"), "y", "V13", "input.person_key"),
    (("output", "row_number"), "性別", "62", "output.columns.性別"),
    (("output", "columns"), [{"column": "性別", "name": "性別"}], "62", "output.columns.備考"),
    (("spec_version",), 2, "62", "spec_version"),
    (("spec_version",), None, "62", "spec_version"),
    (("unit",), "household", "62", "unit"),
]


@pytest.mark.parametrize(("path", "value", "rule", "field"), BAD)
def test_an_unlawful_specification_is_refused_with_rule_and_field(document, path, value, rule, field):
    made = changed(document, path, value)
    with pytest.raises(Refused) as refused:
        specification_from(made)
    assert (refused.value.rule, refused.value.field) == (rule, field)


@pytest.mark.parametrize("bad", [None, [], "x", 3, {"a": {1, 2}}, {"spec_version": float("nan")}])
def test_what_is_no_document_is_refused(bad):
    with pytest.raises(Refused) as refused:
        specification_from(bad)
    assert refused.value.rule == "62"


def test_stored_bytes_that_are_no_json_are_refused():
    with pytest.raises(Refused) as refused:
        read_specification(b"\xff{")
    assert (refused.value.rule, refused.value.field) == ("62", "specification")


def test_an_error_never_repeats_a_value(document):
    document["columns"][3]["technique"]["width"] = "秘密の値"
    with pytest.raises(Refused) as refused:
        specification_from(document)
    assert "秘密の値" not in str(refused.value)


def test_an_unknown_tag_is_not_repeated(document):
    document["columns"][3]["technique"]["kind"] = "秘密の値"
    with pytest.raises(Refused, match="'drop'") as refused:
        specification_from(document)
    assert "秘密の値" not in str(refused.value)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000,
        '{"a":' * 2_000 + "1" + "}" * 2_000,
        '{"a": "\\ud800"}',
        "a: 2026-13-01",
        "a: !!int x",
        "a: 1" + "0" * 5_000,
        "&a [*a]",
        BOMB,
    ],
    ids=["deep lists", "deep tables", "half a character", "no date", "no number", "5,001 digits", "itself", "terabytes"],
)
def test_a_document_that_would_break_its_reader_is_refused(text):
    with pytest.raises(Refused) as refused:
        specification_from(read_document(text))
    assert (refused.value.rule, refused.value.field) == ("62", "specification")


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(Refused) as refused:
        read_document("a: {x: 1, x: 2}\n")
    assert refused.value.field == "x"


def test_text_that_is_no_yaml_is_refused_with_its_line():
    with pytest.raises(Refused, match="line 3"):
        read_document("a: 1\nb: [\n")


def test_canonical_bytes_come_back_as_the_same_specification(document):
    specification = specification_from(document)
    assert read_specification(canonical(specification)) == specification
    assert canonical(read_specification(canonical(specification))) == canonical(specification)


def test_the_digest_does_not_depend_on_how_the_document_was_written(document):
    reordered = {name: document[name] for name in reversed(document)}
    assert digest(specification_from(reordered)) == digest(specification_from(document))


def test_the_digest_changes_with_every_member(document):
    first = digest(specification_from(document))
    document["risk"]["k"] = 3
    second = digest(specification_from(document))
    document["columns"][0]["technique"]["reason"] = "another"
    assert len({first, second, digest(specification_from(document))}) == 3


def test_the_digest_of_version_1_is_fixed_for_ever(document):
    """Kept specifications are named by it: a change of this value breaks every decision that was made."""
    assert digest(specification_from(document)) == "sha256:65d3057debfc52bd1652c9d0aef381eab99f61041466e9ab6cc9ddb565483114"


def test_the_specification_module_needs_no_engine():
    source = (Path(__file__).parents[2] / "services/anonymizer/specification.py").read_text(encoding="utf-8")
    assert "duckdb" not in source
    assert "engine" not in source
