"""A processing reaches k or is refused, is repeatable, leaves nothing behind and tells no value."""

import hashlib
import hmac
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.anonymizer.engine import EngineFailed, opened_engine
from services.anonymizer.era import read_date
from services.anonymizer.extract_files import FILES, digest_of_file
from services.anonymizer.measure import recount, verify
from services.anonymizer.ordering import KEYED_ORDER, fingerprint, order_parameters
from services.anonymizer.processing import produce
from services.anonymizer.specification import digest, specification_from
from services.chassis.events import Refused


def rows(production):
    return production.csv_file.read_text(encoding="utf-8").splitlines()[1:]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(run, source, document, **options):
    with pytest.raises(Refused) as refusal:
        run(source, document, **options)
    return refusal.value.rule, refusal.value.field


def test_a_production_says_what_its_files_are(run, document, people, key):
    production = run(people, document)
    assert production.records_read == production.records == 40
    assert (production.k, production.smallest_before, production.smallest) == (2, 2, 10)
    assert production.items == ("性別", "年齢階級", "備考")
    assert production.specification == digest(specification_from(document))
    assert production.key_fingerprint == fingerprint(key)
    assert [production.parquet, production.csv, production.report] == [digest_of_file(production.folder / name) for name in FILES]
    assert names(production.folder) == sorted(FILES)
    assert all((production.folder / name).stat().st_mode & 0o077 == 0 for name in FILES)
    assert production.folder.stat().st_mode & 0o077 == 0
    assert production.csv_file.read_bytes().startswith("行,性別,年齢階級,備考\n1,".encode())


def test_records_of_small_classes_are_deleted(run, document, people):
    production = run(people + "9001,架空 次郎,女,101,乙\n", document)
    assert (production.records_suppressed, production.records, production.smallest) == (1, 40, 10)
    assert "90+" not in production.csv_file.read_text(encoding="utf-8")


def test_a_missing_value_is_a_class_of_its_own(run, document, people):
    production = run(people + "9001,a,,61,甲\n9002,b,,62,甲\n9003,c,,,甲\n", document)
    assert (production.records_suppressed, production.smallest) == (1, 2)
    assert sum(row.split(",")[1] == "" for row in rows(production)) == 2


def test_k_that_no_class_reaches_is_refused(run, document, people):
    document["risk"]["k"] = 11
    assert refused(run, people, document) == ("62", "risk.k")


def test_a_greater_loss_than_approved_is_refused(run, document, people):
    document["risk"]["max_suppressed_per_mille"] = 24
    odd = people + "9001,架空 次郎,女,101,乙\n"
    assert refused(run, odd, document) == ("62", "risk.max_suppressed_per_mille")
    document["risk"]["max_suppressed_per_mille"] = 25
    assert run(odd, document).records_suppressed == 1


def test_fewer_persons_than_the_law_asks_for_are_refused(run, document, people):
    odd = people + "9001,架空 次郎,女,101,乙\n"
    assert refused(run, odd, document, min_principals=41) == ("V32", "records")
    assert run(odd, document, min_principals=40).records == 40


def test_nothing_is_left_behind_by_a_refusal(run, document, people, tmp_path):
    document["risk"]["k"] = 11
    refused(run, people, document)
    assert names(tmp_path) == ["source.csv"]


def test_nothing_but_the_extract_is_left_behind_by_a_success(run, document, people, tmp_path):
    run(people, document)
    assert names(tmp_path) == ["extract", "source.csv"]


def test_an_extract_is_never_overwritten(run, document, people, tmp_path):
    run(people, document)
    with pytest.raises(FileExistsError):
        run(people, document)
    (tmp_path / "empty").mkdir()
    assert run(people, document, out="empty").records == 40


def test_equal_input_specification_and_key_give_equal_bytes(run, document, people):
    first, second = run(people, document, out="a"), run(people, document, out="b")
    assert (first.parquet, first.csv, first.report) == (second.parquet, second.csv, second.report)


def test_another_key_gives_another_order_of_the_same_records(tmp_path, document, people):
    header, *records = people.splitlines()
    source = tmp_path / "source.csv"
    source.write_text("\n".join([header, *(f"{record}{number:02d}" for number, record in enumerate(records))]), encoding="utf-8")
    keys = (bytes([1] * 32), bytes([2] * 32))
    extracts = [produce(source, specification_from(document), each, tmp_path / each.hex(), people=40, min_principals=1) for each in keys]
    first, second = ([row.rsplit(",", 1)[1] for row in rows(extract)] for extract in extracts)
    in_file_order = [f"甲{number:02d}" for number in range(40)]
    assert first != second != in_file_order != first
    assert sorted(first) == sorted(second) == in_file_order
    assert [row.split(",")[0] for row in rows(extracts[0])] == [str(number) for number in range(1, 41)]


def test_the_order_of_the_source_changes_no_record(run, document, people):
    header, *records = people.splitlines(keepends=True)
    there, back = run(people, document, out="a"), run(header + "".join(reversed(records)), document, out="b")
    assert Counter(row.split(",", 1)[1] for row in rows(there)) == Counter(row.split(",", 1)[1] for row in rows(back))


def test_the_keyed_order_is_the_published_hmac(tmp_path, key):
    with opened_engine(tmp_path) as connection:
        query = f"SELECT {KEYED_ORDER} FROM (SELECT CAST(1234 AS BIGINT) AS record)"  # noqa: S608 - the order under test
        (order,) = connection.execute(query, order_parameters(key)).fetchone()
    assert order == hmac.new(key, b"1234", hashlib.sha256).hexdigest()


@pytest.mark.parametrize("short", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_an_error(tmp_path, document, people, short):
    source = tmp_path / "source.csv"
    source.write_text(people, encoding="utf-8")
    with pytest.raises(ValueError, match="32 bytes"):
        produce(source, specification_from(document), short, tmp_path / "out", people=40, min_principals=1)
    assert not (tmp_path / "out").exists()


def test_the_report_reconciles_and_tells_no_value(run, document, people, key):
    document["input"]["max_rejected"] = 1
    production = run(people + "9001,架空 次郎,女,101,乙\n9002,余り\n", document)
    text = production.report_file.read_text(encoding="utf-8")
    report = json.loads(text)
    intake = report["intake"]
    assert intake["records_read"] == intake["records_accepted"] + intake["records_rejected"] == 42
    assert intake["records_accepted"] == report["records_drawn"] + report["records_left_out"] == 41
    assert report["records_drawn"] == report["records_suppressed"] + report["records_delivered"] == 41
    assert report["risk"]["before"]["smallest"] == 1
    assert report["risk"]["generalised"]["smallest"] == 1
    assert report["risk"]["delivered"]["smallest"] == 10
    withheld = next(size for size in report["risk"]["generalised"]["sizes"] if size["size"] == "1")
    assert withheld == {"size": "1", "classes": None, "records": None}
    assert [item["item"] for item in report["standard"]] == ["P1", "P2", "P3", "P4", "P5"]
    assert [(column["technique"], column["rule_items"], column["cells_changed"]) for column in report["columns"]] == [
        ("drop", ["P2"], 41),
        ("drop", ["P1"], 41),
        ("keep", [], 0),
        ("generalise by band", ["P1"], 41),
        ("keep", [], 0),
    ]
    for value in ("架空", "次郎", "余り", "甲", "乙", "男", "女", "60-69", "90+", key.hex()):
        assert value not in text


def test_a_single_withheld_count_cannot_be_found_by_subtraction(run, document, people):
    report = json.loads(run(people + "9001,架空 次郎,女,101,乙\n", document).report_file.read_text(encoding="utf-8"))
    assert sum(size["records"] is None for size in report["risk"]["generalised"]["sizes"]) == 2


def test_the_engine_reaches_no_other_file_and_no_network(tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n", encoding="utf-8")
    private = tmp_path / "private"
    private.mkdir()
    for query in (
        f"SELECT * FROM read_csv('{outside}')",  # noqa: S608 - a path of the test
        f"COPY (SELECT 1) TO '{outside}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ):
        with pytest.raises(EngineFailed) as failed, opened_engine(private) as connection:
            connection.execute(query)
        assert str(outside) not in str(failed.value)
        assert failed.value.__suppress_context__
    assert outside.read_text(encoding="utf-8") == "a\n1\n"


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
PERSON = st.tuples(
    st.sampled_from(["", "男", "女", "-", "a\nb", 'q"']),
    st.integers(-30, 130),
    st.sampled_from(["S25.4.1", "昭和26年", "1950-07-01", "不詳", ""]),
    CELLS,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PERSON, max_size=40), st.integers(2, 5), st.integers(1, 12))
def test_every_extract_of_any_table_reaches_k_or_is_refused(document_of_any_table, key, people, k, min_principals):
    with TemporaryDirectory() as folder:
        place = Path(folder)
        document_of_any_table["risk"]["k"] = k
        specification = specification_from(document_of_any_table)
        text = "".join(
            ",".join('"' + str(cell).replace('"', '""') + '"' for cell in person) + "\n" for person in [("s", "n", "d", "t"), *people]
        )
        (place / "source.csv").write_bytes(text.encode())
        expected = classes_of(people)
        kept = sum(size for size in expected.values() if size >= k)
        if kept < max(min_principals, 1):
            with pytest.raises(Refused) as refusal:
                produce(place / "source.csv", specification, key, place / "out", people=len(people), min_principals=min_principals)
            assert (refusal.value.rule, refusal.value.field) == (("V32", "records") if kept else ("62", "risk.k"))
            return
        production = produce(place / "source.csv", specification, key, place / "out", people=len(people), min_principals=min_principals)
        counted = recount(production.folder, specification)
        assert (
            production.smallest == counted.parquet.smallest == counted.csv.smallest == min(size for size in expected.values() if size >= k)
        )
        assert production.records == counted.parquet.records == counted.csv.records == kept
        assert counted.agree
        assert counted.row_numbers_in_order
        verify(replace(counted, leftovers={}), specification, min_principals=min_principals)


def classes_of(people):
    """Count classes in plain Python, the second opinion on the engine."""
    return Counter((sex, band(number), read_date(day).year if day not in {"", "不詳"} else None) for sex, number, day, _ in people)


def band(number):
    return "90+" if number >= 90 else number // 10


@pytest.fixture
def document_of_any_table(document):
    return document | {
        "columns": [
            {"name": "s", "role": "quasi", "technique": {"kind": "keep", "reason": "r"}},
            document["columns"][3] | {"name": "n"},
            {
                "name": "d",
                "role": "quasi",
                "rule_items": ["P5"],
                "unknown": ["不詳"],
                "technique": {"kind": "generalise", "by": "date", "to": "year"},
            },
            {"name": "t", "role": "other", "technique": {"kind": "keep", "reason": "r"}},
        ],
        "standard": document["standard"] | {"P2": {"not_applicable": "none"}},
        "risk": {"k": 2, "quasi": ["s", "n", "d"]},
        "output": {"row_number": "no", "columns": [{"column": name, "name": f"out {name} \"'"} for name in "sndt"]},
    }
