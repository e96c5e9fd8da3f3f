"""The second person's recount believes the written files, not the one who wrote them."""

from dataclasses import replace

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from services.anonymizer.extract_files import CSV, PARQUET, digest_of_file
from services.anonymizer.leftovers import is_my_number, leftovers_in
from services.anonymizer.measure import recount, verify
from services.anonymizer.specification import specification_from
from services.chassis.events import Refused


@pytest.fixture
def specification(document):
    return specification_from(document)


@pytest.fixture
def production(run, document, people):
    return run(people, document)


def rewrite(folder, change):
    """Change the Parquet file's table and write both files anew from it."""
    table = change(pa.parquet.read_table(folder / PARQUET))
    pa.parquet.write_table(table, folder / PARQUET)
    pa.csv.write_csv(table, folder / CSV, pa.csv.WriteOptions(quoting_style="needed"))


def fault(folder, specification, *, min_principals=1):
    with pytest.raises(Refused) as refused:
        verify(recount(folder, specification), specification, min_principals=min_principals)
    return refused.value.rule, refused.value.field


def test_a_sound_extract_is_counted_alike_in_both_files(production, specification):
    counted = recount(production.folder, specification)
    verify(counted, specification, min_principals=40)
    assert (counted.parquet.records, counted.parquet.smallest, counted.csv.records, counted.csv.smallest) == (40, 10, 40, 10)
    assert (counted.parquet.digest, counted.csv.digest) == (production.parquet, production.csv)
    assert counted.parquet.columns == counted.csv.columns == ("行", "性別", "年齢階級", "備考")
    assert counted.agree
    assert counted.row_numbers_in_order
    assert counted.leftovers == {"my_number": 0, "phone": 0, "mail": 0}


def test_pyarrow_reads_the_same_records(production):
    table = pa.parquet.read_table(production.parquet_file)
    assert table.num_rows == production.records
    assert pa.csv.read_csv(production.csv_file).equals(table.cast(pa.csv.read_csv(production.csv_file).schema))


def test_the_recount_changes_nothing(production, specification):
    recount(production.folder, specification)
    assert [production.parquet, production.csv, production.report] == [
        digest_of_file(file) for file in (production.parquet_file, production.csv_file, production.report_file)
    ]
    assert len(list(production.folder.iterdir())) == 3


def test_a_class_below_k_is_found(production, specification):
    rewrite(production.folder, lambda table: table.slice(0, 40).set_column(1, "性別", pa.array(["X", *table["性別"].to_pylist()[1:]])))
    assert fault(production.folder, specification) == ("62", "risk.k")


def test_a_missing_quasi_value_is_a_class(production, specification):
    rewrite(production.folder, lambda table: table.set_column(1, "性別", pa.array([None, *table["性別"].to_pylist()[1:]])))
    assert fault(production.folder, specification) == ("62", "risk.k")


def test_too_few_records_are_found(production, specification):
    assert fault(production.folder, specification, min_principals=41) == ("V32", "records")


def test_a_column_too_many_is_found(production, specification):
    rewrite(production.folder, lambda table: table.append_column("氏名", pa.array(["架空"] * 40)))
    assert fault(production.folder, specification) == ("62", "output.columns")


def test_a_column_too_few_is_found(production, specification):
    rewrite(production.folder, lambda table: table.drop_columns(["年齢階級"]))
    assert fault(production.folder, specification) == ("62", "output.columns")


def test_files_that_differ_in_one_cell_are_found(production, specification):
    text = production.csv_file.read_text(encoding="utf-8")
    production.csv_file.write_text(text.replace("甲", "乙", 1), encoding="utf-8")
    assert fault(production.folder, specification) == ("62", "output.files")


def test_a_record_missing_from_one_file_is_found(production, specification):
    text = production.csv_file.read_text(encoding="utf-8")
    production.csv_file.write_text(text[: text.rindex("\n40,") + 1], encoding="utf-8")
    assert fault(production.folder, specification) == ("62", "output.files")


def test_row_numbers_that_are_no_sequence_are_found(production, specification):
    rewrite(production.folder, lambda table: table.set_column(0, "行", pa.array([*range(2, 41), 1])))
    assert fault(production.folder, specification) == ("62", "output.row_number")


@pytest.mark.parametrize(("value", "kind"), [("1234-5678-9018", "my_number"), ("045-671-2121", "phone"), ("someone@example.jp", "mail")])
def test_a_leftover_identifier_is_found(production, specification, value, kind):
    rewrite(production.folder, lambda table: table.set_column(3, "備考", pa.array([f"連絡 {value}", *["甲"] * 39])))
    assert fault(production.folder, specification) == ("62", f"output.{kind}")


LEFT = [
    ("123456789018", {"my_number"}),
    ("\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff10\uff11\uff18", {"my_number"}),
    ("1234 5678 9018", {"my_number"}),
    ("123456789017", set()),
    ("1123456789018", set()),
    ("0312345678", {"phone"}),
    ("09012345678", {"phone"}),
    ("090\uff0d1234\uff0d5678", {"phone"}),
    ("03(1234)5678", {"phone"}),
    ("a.b+c@city.example.jp", {"mail"}),
    ("2024-04-01", set()),
    ("1930-1934", set()),
    ("要介護5", set()),
    ("R7.4.1", set()),
]


@pytest.mark.parametrize(("text", "kinds"), LEFT)
def test_identifiers_are_known_by_their_form(text, kinds):
    assert leftovers_in(text) == kinds


def test_exactly_one_check_digit_fits():
    for stem in ("12345678901", "00000000000", "98765432109"):
        assert sum(is_my_number(stem + str(digit)) for digit in range(10)) == 1


def test_verify_reads_nothing_but_the_recount(production, specification):
    counted = recount(production.folder, specification)
    with pytest.raises(Refused) as refused:
        verify(replace(counted, csv=replace(counted.csv, smallest=1)), specification, min_principals=1)
    assert refused.value.field == "risk.k"


def test_the_version_in_the_event_is_the_engines(production):
    assert production.engine == f"duckdb-{duckdb.__version__}"
