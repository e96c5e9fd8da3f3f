"""Every technique, value by value."""

import pytest

from services.chassis.events import Refused


def made(run, specification, values, **options):
    """Give the published values of a file of one column; every value stands twice so that none is suppressed."""
    production = run("x\n" + "".join(f'"{value}"\n"{value}"\n' for value in values), specification, **options)
    return sorted(line.removeprefix('"').removesuffix('"') for line in production.csv_file.read_text(encoding="utf-8").splitlines()[1:])[
        ::2
    ]


def refusal(run, specification, values):
    with pytest.raises(Refused) as refused:
        made(run, specification, values)
    assert all(value not in refused.value.message for value in values if len(value) > 1)
    return refused.value.rule, refused.value.field, refused.value.message


BAND = {"kind": "generalise", "by": "band", "width": 10}
NUMBERS = [
    (BAND, "39", "30-39"),
    (BAND, "40", "40-49"),
    (BAND, "39.5", "30-39"),
    (BAND, "-1", "-10--1"),
    (BAND, "\uff14\uff10", "40-49"),
    (BAND, " 040 ", "40-49"),
    (BAND | {"origin": 5}, "4", "-5-4"),
    (BAND | {"origin": 5}, "5", "5-14"),
    (BAND | {"top": {"at": 90, "label": "90+"}}, "90", "90+"),
    (BAND | {"top": {"at": 90, "label": "90+"}}, "89", "80-89"),
    (BAND | {"top": {"at": 90, "label": "90+"}}, "89.999999", "80-89"),
    (BAND | {"bottom": {"at": 20, "label": "-19"}}, "20", "20-29"),
    (BAND | {"bottom": {"at": 20, "label": "-19"}}, "19.9", "-19"),
    ({"kind": "cap", "top": {"at": 90, "label": "90+"}}, "89", "89"),
    ({"kind": "cap", "top": {"at": 90, "label": "90+"}}, "116", "90+"),
    ({"kind": "cap", "bottom": {"at": 150, "label": "<150"}}, "150.50", "150.5"),
    ({"kind": "cap", "bottom": {"at": 150, "label": "<150"}}, "149.99", "<150"),
    ({"kind": "cap", "top": {"at": 900, "label": "x"}}, "100", "100"),
    ({"kind": "cap", "top": {"at": 900, "label": 'it\'s "odd" $top0'}}, "900", 'it\'s ""odd"" $top0'),
]


@pytest.mark.parametrize(("technique", "value", "expected"), NUMBERS)
def test_a_number_is_banded_or_capped(run, one_column, technique, value, expected):
    assert made(run, one_column(technique), [value]) == [expected]


@pytest.mark.parametrize("technique", [BAND, {"kind": "cap", "top": {"at": 90, "label": "90+"}}])
@pytest.mark.parametrize("value", ["六十", "1e3", "1,000", "0x1F", "12345678901234567", "--1"])
def test_what_is_no_number_is_refused_by_count(run, one_column, technique, value):
    rule, field, message = refusal(run, one_column(technique), ["40", value])
    assert (rule, field) == ("62", "columns.x")
    assert message.startswith("2 records")


DATE = {"kind": "generalise", "by": "date", "to": "year"}
DATES = [
    (DATE, "昭和64年1月7日", "1989"),
    (DATE | {"to": "year_month"}, "H1.1.8", "1989-01"),
    (DATE | {"to": "year_month"}, "令和元年5月", "2019-05"),
    (DATE | {"to": "five_years"}, "1934-12-31", "1930-1934"),
    (DATE | {"to": "five_years"}, "1935-01-01", "1935-1939"),
    (DATE | {"to": "ten_years"}, "昭和50年", "1970-1979"),
    (DATE | {"bottom": {"at": 1930, "label": "1929以前"}}, "昭和4年12月31日", "1929以前"),
    (DATE | {"bottom": {"at": 1930, "label": "1929以前"}}, "昭和5年1月1日", "1930"),
    (DATE | {"top": {"at": 1960, "label": "1960以後"}}, "昭和35年1月1日", "1960以後"),
    (DATE | {"era_overrun": "accept"}, "平成31年5月1日", "2019"),
    (DATE | {"impossible": "null"}, "平成元年1月7日", ""),
    (DATE | {"impossible": "null", "to": "year_month"}, "昭和50年", ""),
]


@pytest.mark.parametrize(("technique", "value", "expected"), DATES)
def test_a_date_becomes_its_run_of_years(run, one_column, technique, value, expected):
    assert made(run, one_column(technique), [value]) == [expected]


@pytest.mark.parametrize(
    ("value", "why"), [("平成31年5月1日", "past the end of its era"), ("平成元年1月7日", "no possible date"), ("不詳", "no possible date")]
)
def test_a_date_that_is_none_is_refused_by_count(run, one_column, value, why):
    rule, field, message = refusal(run, one_column(DATE), ["2020-01-01", value])
    assert (rule, field) == ("62", "columns.x")
    assert message.startswith("2 records")
    assert why in message


def test_dates_are_counted_by_outcome(run, one_column):
    specification = one_column(DATE | {"impossible": "null", "era_overrun": "accept"}, unknown=["不詳"])
    production = run("x\n" + "R1.5.1\n" * 2 + "S64.1.8\n" * 3 + "H1.1.7\n" * 4 + "不詳\n" * 5, specification)
    report = production.report_file.read_text(encoding="utf-8")
    assert '"dates":{"accepted":2,"past_the_end_of_their_era":3,"impossible":4}' in report
    assert '"cells_filled":14,"cells_declared_unknown":5,"cells_changed":14' in report


MAPPING = {"kind": "generalise", "by": "mapping", "categories": {"軽": ["要支援1", "要支援\uff11"], "重": ["要介護5"]}}


def test_a_mapping_replaces_every_listed_value(run, one_column):
    assert made(run, one_column(MAPPING), ["要支援1", "要支援\uff11", "要介護5"]) == ["軽", "軽", "重"]


def test_a_value_that_no_category_covers_is_refused_by_count(run, one_column):
    rule, field, message = refusal(run, one_column(MAPPING), ["要支援1", "要介護4"])
    assert (rule, field) == ("62", "columns.x")
    assert message == "2 records carry a value that the categories do not cover"


def test_a_missing_value_stays_missing_and_is_a_category_of_its_own(run, one_column):
    assert made(run, one_column(MAPPING), ["", "要介護5"]) == ["", "重"]


def test_a_value_declared_unknown_becomes_missing(run, one_column):
    assert made(run, one_column(MAPPING, unknown=["不明"]), ["不明", "要介護5"]) == ["", "重"]


BEGINNING = {"kind": "generalise", "by": "beginning", "categories": {"市内": ["みなと野市"], "中部": ["みなと野市中央"], "市外": ["東"]}}


def test_the_longest_beginning_decides(run, one_column):
    values = ["みなと野市中央1丁目", "みなと野市港町2", "東"]
    assert made(run, one_column(BEGINNING), values) == ["中部", "市内", "市外"]


def test_an_address_that_begins_otherwise_is_refused(run, one_column):
    assert refusal(run, one_column(BEGINNING), ["東", "みなと"])[:2] == ("62", "columns.x")


def test_a_prefix_keeps_the_first_characters(run, one_column):
    assert made(run, one_column({"kind": "generalise", "by": "prefix", "characters": 3}), ["231-0005", "23", "横浜市中区"]) == [
        "23",
        "231",
        "横浜市",
    ]


def test_kept_values_are_untouched(run, one_column):
    values = ["㈱髙﨑", " a ", "\uff11", "'; DROP TABLE source; --"]
    assert made(run, one_column({"kind": "keep", "reason": "r"}), values) == sorted(values)
