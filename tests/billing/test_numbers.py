"""An invoice number belongs to one case of the tenant's fiscal year."""

from datetime import date
from uuid import UUID

import pytest

from services.billing.events import NumberTaken
from services.billing.numbers import NUMBERS, TakeNumber, book, fiscal_year, take_number
from services.chassis.events import Refused

ONE, OTHER = UUID(int=1), UUID(int=2)
TAKEN = NumberTaken(number="F-R8-0001", case=ONE)


def test_a_free_number_is_taken():
    assert [*take_number(NUMBERS.initial, TakeNumber(number="F-R8-0001", case=ONE))] == [TAKEN]


def test_the_same_case_takes_it_once():
    assert [*take_number(NUMBERS.fold([TAKEN]), TakeNumber(number="F-R8-0001", case=ONE))] == []


def test_another_case_is_refused():
    with pytest.raises(Refused, match="another case"):
        [*take_number(NUMBERS.fold([TAKEN]), TakeNumber(number="F-R8-0001", case=OTHER))]


@pytest.mark.parametrize(("day", "year"), [(date(2027, 3, 31), 2026), (date(2027, 4, 1), 2027)])
def test_the_fiscal_year_begins_in_april(day, year):
    assert fiscal_year(day) == year


def test_each_tenant_and_year_has_a_book_of_its_own():
    books = {book(tenant, day) for tenant in ("minatono", "sakae") for day in (date(2027, 3, 31), date(2027, 4, 1), date(2027, 4, 2))}
    assert len(books) == 4
