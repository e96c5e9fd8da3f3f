"""Numbers of notices and contracts: one numbered each, no gaps."""

from datetime import date
from uuid import UUID

import pytest

from services.review.events import NumberIssued
from services.review.numbers import NUMBERS, IssueNumber, Numbered, issue, series_subject


@pytest.mark.parametrize(
    ("numbered", "day", "number"),
    [
        (Numbered.NOTICE, date(2026, 4, 1), "R8-N0001"),
        (Numbered.CONTRACT, date(2027, 3, 31), "R8-C0001"),
        (Numbered.NOTICE, date(2026, 3, 31), "R7-N0001"),
    ],
)
def test_a_number_names_fiscal_year_and_numbered(numbered, day, number):
    assert list(issue(NUMBERS.initial, IssueNumber(numbered=numbered, case=UUID(int=1), today=day))) == [
        NumberIssued(number=number, case=UUID(int=1))
    ]


def test_a_case_gets_the_next_number_and_keeps_it():
    first, second = (IssueNumber(numbered=Numbered.NOTICE, case=UUID(int=place), today=date(2026, 11, 23)) for place in (1, 2))
    numbers = NUMBERS.fold(issue(NUMBERS.initial, first))
    assert list(issue(numbers, first)) == []
    assert list(issue(numbers, second)) == [NumberIssued(number="R8-N0002", case=UUID(int=2))]


def test_notices_and_contracts_tenants_and_years_are_numbered_apart():
    days = (date(2026, 3, 31), date(2026, 4, 1), date(2027, 3, 31))
    assert len({series_subject(tenant, numbered, day) for tenant in ("a", "b") for numbered in Numbered for day in days}) == 8
