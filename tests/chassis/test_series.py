"""A series gives each case one number, in order and without a gap, and begins anew in April."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.series import NumberGiven, Series, evolve, fiscal_year


@given(st.lists(st.integers(0, 30), unique=True))
def test_numbers_have_no_gap(cases):
    series = Series()
    for case in cases:
        series = evolve(series, NumberGiven(number=series.next_number(date(2026, 11, 23), "N"), case=UUID(int=case)))
    assert [*series.numbers.items()] == [(UUID(int=case), f"R8-N{place:04d}") for place, case in enumerate(cases, 1)]


@pytest.mark.parametrize(("day", "year", "number"), [(date(2027, 3, 31), 2026, "R8-0001"), (date(2027, 4, 1), 2027, "R9-0001")])
def test_the_fiscal_year_begins_in_april(day, year, number):
    assert (fiscal_year(day), Series().next_number(day)) == (year, number)
