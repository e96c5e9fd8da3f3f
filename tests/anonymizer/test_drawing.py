"""An extract never holds more people than were decided: of a greater file exactly as many are drawn, by the key alone."""

import csv
import hashlib
import hmac
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.anonymizer.drawing import drawing_key
from services.anonymizer.measure import recount, verify
from services.anonymizer.ordering import fingerprint
from services.anonymizer.processing import produce
from services.anonymizer.specification import specification_from
from services.chassis.events import Refused

pytestmark = pytest.mark.slow

CELLS = ("番号", "氏名", "性別", "年齢", "備考")


@pytest.fixture
def everybody_kept(document):
    """Give a specification under which no class is too small."""
    specification = specification_from(document)
    return specification.model_copy(update={"risk": specification.risk.model_copy(update={"k": 1})})


def person(number):
    return f"{number:04d}", f"架空 太郎{number}", "男女"[number % 2], str(60 + number % 20), f"甲{number}"


def file_of(people):
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n" for cells in (CELLS, *people))


def held(production):
    """Give what the extract holds of each person but the row number, as a multiset."""
    with production.csv_file.open(encoding="utf-8", newline="") as lines:
        return Counter((sex, age, note) for _, sex, age, note in [*csv.reader(lines)][1:])


def report_of(production):
    return json.loads(production.report_file.read_text(encoding="utf-8"))


def drawn_in_python(people, key, count):
    """Draw in plain Python, the second opinion on the engine."""
    lots, seen = [], Counter()
    for cells in people:
        written = json.dumps([cell or None for cell in cells], ensure_ascii=False, separators=(",", ":"))
        content = hashlib.sha256(written.encode()).hexdigest()
        seen[content] += 1
        lots.append((hmac.new(drawing_key(key), f"{content} {seen[content]}".encode(), hashlib.sha256).hexdigest(), cells))
    return [cells for _, cells in sorted(lots)[:count]]


FORTY = [person(number) for number in range(40)]


def test_exactly_as_many_are_drawn_as_were_decided(run, document):
    production = run(file_of(FORTY), document, people=25)
    assert (production.records_read, production.records_drawn) == (40, 25)
    assert production.records_suppressed + production.records == 25
    verify(recount(production.folder, specification_from(document)), specification_from(document), min_principals=1)


def test_the_draw_is_the_published_hmac(run, everybody_kept, key):
    expected = drawn_in_python([*FORTY, *FORTY], key, 25)
    production = run(file_of([*FORTY, *FORTY]), everybody_kept, people=25)
    assert Counter(note for _, _, note in held(production).elements()) == Counter(cells[4] for cells in expected)


def test_the_key_of_the_draw_is_neither_the_ordering_key_nor_its_fingerprint(key):
    assert key != drawing_key(key) != drawing_key(bytes(32))
    assert drawing_key(key).hex() not in fingerprint(key)


def test_classes_and_cells_are_counted_on_the_drawn(run, document, key):
    """Of a pair that would make a class of k = 2 one is left out: the other is measured as a class of one and deleted."""
    pair = [("9001", "架空 次郎", "女", "101", "乙"), ("9002", "架空 三郎", "女", "102", "乙")]
    people = [*FORTY, *pair]
    count = next(n for n in range(30, 42) if sum(cells in pair for cells in drawn_in_python(people, key, n)) == 1)
    production = run(file_of(people), document, people=count)
    assert (production.records_suppressed, production.records) == (1, count - 1)
    report = report_of(production)
    assert report["risk"]["generalised"]["smallest"] == 1
    assert {column["cells_filled"] for column in report["columns"]} == {count}


def test_the_report_reconciles_with_a_draw(run, document):
    document["input"]["max_rejected"] = 1
    report = report_of(run(file_of(FORTY) + "9002,余り\n", document, people=25))
    intake = report["intake"]
    assert intake["records_read"] == intake["records_accepted"] + intake["records_rejected"] == 41
    assert intake["records_accepted"] == report["records_drawn"] + report["records_left_out"] == 40
    assert report["records_drawn"] == report["records_suppressed"] + report["records_delivered"] == report["records_decided"] == 25


@pytest.mark.parametrize("people", [40, 41])
def test_nothing_is_drawn_from_a_file_of_no_more_people(run, document, people):
    all_of_them = run(file_of(FORTY), document, people=1_000_000, out="all")
    production = run(file_of(FORTY), document, people=people)
    assert (production.records_drawn, report_of(production)["records_left_out"]) == (40, 0)
    assert (production.parquet, production.csv) == (all_of_them.parquet, all_of_them.csv)


def test_the_same_key_draws_the_same_bytes_and_another_draws_others(tmp_path, everybody_kept, key):
    source = tmp_path / "source.csv"
    source.write_text(file_of(FORTY), encoding="utf-8")
    keys = {"a": key, "b": key, "c": bytes(32)}
    first, second, third = (
        produce(source, everybody_kept, each, tmp_path / name, people=20, min_principals=1) for name, each in keys.items()
    )
    assert (first.parquet, first.csv, first.report) == (second.parquet, second.csv, second.report)
    assert held(first) != held(third)


def test_equal_people_are_drawn_one_by_one_and_as_often_as_others(tmp_path, everybody_kept):
    """Of forty, half of them alike, twenty are drawn twenty times: about half of those are of the equal ones, never all or none."""
    source = tmp_path / "source.csv"
    source.write_text(file_of([*FORTY[:20], *[("0099", "架空 花子", "女", "70", "乙")] * 20]), encoding="utf-8")
    alike = []
    for number in range(20):
        production = produce(source, everybody_kept, bytes([number]) * 32, tmp_path / str(number), people=20, min_principals=1)
        alike.append(held(production)["女", "70-79", "乙"])
    assert all(2 < count < 18 for count in alike)
    assert abs(sum(alike) / 20 - 10) < 1


def test_too_few_decided_for_an_extract_are_refused(run, document, tmp_path):
    with pytest.raises(Refused) as refusal:
        run(file_of(FORTY), document, people=20, min_principals=21)
    assert (refusal.value.rule, refusal.value.field) == ("V32", "records")
    assert [path.name for path in tmp_path.iterdir()] == ["source.csv"]


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(["", "1", '"1"', "[]"]),
        st.sampled_from(["", "null", "a"]),
        st.sampled_from(["男", ""]),
        st.sampled_from(["61", "", "85"]),
        st.sampled_from(["甲", "乙\n", '"', "\x01"]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE, decided=st.integers(1, 35), key=st.binary(min_size=32, max_size=32), data=st.data())
def test_never_more_than_decided_and_the_same_people_whatever_their_order(everybody_kept, people, decided, key, data):
    """Of any file, equal and empty cells included."""
    extracts = []
    with TemporaryDirectory() as folder:
        for name, order in {"there": people, "back": data.draw(st.permutations(people))}.items():
            source = Path(folder) / name
            source.write_bytes(file_of(order).encode())
            production = produce(source, everybody_kept, key, Path(folder) / f"{name}.extract", people=decided, min_principals=1)
            assert production.records_read == len(people)
            assert production.records_drawn == production.records_suppressed + production.records == min(decided, len(people))
            counted = recount(production.folder, everybody_kept)
            assert counted.agree
            assert counted.parquet.records == counted.csv.records == production.records <= decided
            extracts.append(held(production))
    assert extracts[0] == extracts[1]
