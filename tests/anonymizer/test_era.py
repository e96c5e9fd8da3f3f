"""Dates as offices write them, and the days on which the eras change."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anonymizer.era import ERAS, Reading, read_date

ACCEPTED = [
    ("平成31年4月30日", (2019, 4, 30)),
    ("令和元年5月1日", (2019, 5, 1)),
    ("令和1年5月1日", (2019, 5, 1)),
    ("R1.5.1", (2019, 5, 1)),
    ("S64.1.7", (1989, 1, 7)),
    ("H1.1.8", (1989, 1, 8)),
    ("平成元年1月8日", (1989, 1, 8)),
    ("H31/04/30", (2019, 4, 30)),
    ("R7-04-01", (2025, 4, 1)),
    ("R070401", (2025, 4, 1)),
    ("昭和元年12月25日", (1926, 12, 25)),
    ("大正15年12月25日", (1926, 12, 25)),
    ("明治45年7月30日", (1912, 7, 30)),
    ("大正元年7月30日", (1912, 7, 30)),
    ("昭15.2.29", (1940, 2, 29)),
    ("令和\uff17年\uff14月\uff11日", (2025, 4, 1)),
    ("\uff11\uff19\uff15\uff10/\uff10\uff14/\uff10\uff11", (1950, 4, 1)),
    ("2025-04-01", (2025, 4, 1)),
    ("2025/4/1", (2025, 4, 1)),
    ("2025.4.1", (2025, 4, 1)),
    ("20250401", (2025, 4, 1)),
    ("2025年4月1日", (2025, 4, 1)),
    (" 令和7年 4月 1日 ", (2025, 4, 1)),
    ("令和7年4月", (2025, 4, None)),
    ("R7.4", (2025, 4, None)),
    ("2025-04", (2025, 4, None)),
    ("202504", (2025, 4, None)),
    ("昭和50年", (1975, None, None)),
    ("R7", (2025, None, None)),
    ("昭和64年1月", (1989, 1, None)),
    ("平成元年1月", (1989, 1, None)),
]
OVERRUN = [
    ("昭和64年1月8日", (1989, 1, 8)),
    ("平成31年5月1日", (2019, 5, 1)),
    ("平成33年1月1日", (2021, 1, 1)),
    ("昭和100年4月1日", (2025, 4, 1)),
    ("明治45年7月31日", (1912, 7, 31)),
    ("大正15年12月26日", (1926, 12, 26)),
    ("平成31年5月", (2019, 5, None)),
]
IMPOSSIBLE = [
    "平成元年1月7日",
    "令和元年4月30日",
    "昭和元年12月24日",
    "大正元年7月29日",
    "平成33年2月30日",
    "令和7年13月1日",
    "令和0年1月1日",
    "2025-02-29",
    "1850-01-01",
    "不詳",
    "",
    "X7.4.1",
    "7.4.1",
    "昭和200年1月1日",
    "2025-4-1-1",
]


@pytest.mark.parametrize(("written", "day"), ACCEPTED)
def test_an_office_date_is_read(written, day):
    assert read_date(written) == Reading("accepted", *day)


@pytest.mark.parametrize(("written", "day"), OVERRUN)
def test_a_date_past_its_eras_end_is_marked(written, day):
    assert read_date(written) == Reading("overrun", *day)


@pytest.mark.parametrize("written", IMPOSSIBLE)
def test_an_impossible_date_is_none(written):
    assert read_date(written) == Reading("impossible")


@given(st.dates(min_value=date(1868, 1, 25), max_value=date(2100, 12, 31)), st.sampled_from(sorted(ERAS)))
def test_a_day_inside_an_era_is_accepted_and_outside_never(day, name):
    era = ERAS[name]
    year = day.year - era.first.year + 1
    reading = read_date(f"{name}{year}年{day.month}月{day.day}日")
    inside = era.first <= day and (era.last is None or day <= era.last)
    assert (reading.outcome == "accepted") == inside
    if era.last is not None and day == era.last + timedelta(days=1):
        assert reading.outcome == "overrun"


@given(st.text(max_size=14))
def test_any_text_is_read_without_an_error(written):
    assert read_date(written).outcome in {"accepted", "overrun", "impossible"}
