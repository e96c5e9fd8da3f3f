"""Numbers of notices and contracts: one series each, no gaps."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.events import Refused
from services.review.numbers import NUMBERS, IssueNumber, Series, fiscal_year, issue, series_subject
from services.review.overtaken import ATTEMPTS, Overtaken, deciding_again


@pytest.mark.parametrize(
    ("series", "day", "number"),
    [
        (Series.NOTICE, date(2026, 4, 1), "R8-N0001"),
        (Series.CONTRACT, date(2027, 3, 31), "R8-C0001"),
        (Series.NOTICE, date(2026, 3, 31), "R7-N0001"),
    ],
)
def test_a_number_names_fiscal_year_and_series(series, day, number):
    assert NUMBERS.initial.next_number(series, day) == number


@given(st.lists(st.integers(0, 30), max_size=60))
def test_every_case_has_one_number_and_the_numbers_have_no_gap(cases):
    numbers, today = NUMBERS.initial, date(2026, 11, 23)
    for case in cases:
        number = numbers.numbers.get(UUID(int=case)) or numbers.next_number(Series.NOTICE, today)
        numbers = NUMBERS.fold(issue(numbers, IssueNumber(number=number, case=UUID(int=case))), numbers)
    assert sorted(numbers.numbers.values()) == [f"R8-N{place:04d}" for place in range(1, len(set(cases)) + 1)]


def test_a_number_that_another_case_got_meanwhile_is_asked_for_again():
    numbers = NUMBERS.fold(issue(NUMBERS.initial, IssueNumber(number="R8-N0001", case=UUID(int=1))))
    for command in (IssueNumber(number="R8-N0001", case=UUID(int=2)), IssueNumber(number="R8-N0002", case=UUID(int=1))):
        with pytest.raises(Overtaken):
            list(issue(numbers, command))


def test_notices_and_contracts_tenants_and_years_are_numbered_apart():
    days = (date(2026, 3, 31), date(2026, 4, 1), date(2027, 3, 31))
    assert [fiscal_year(day) for day in days] == [2025, 2026, 2026]
    assert len({series_subject(tenant, series, day) for tenant in ("a", "b") for series in Series for day in days}) == 8


def test_deciding_again_gives_up_at_last():
    calls = []

    def never():
        calls.append(1)
        raise Overtaken("114", "number", "taken")

    with pytest.raises(Refused):
        deciding_again(never)
    assert len(calls) == ATTEMPTS
