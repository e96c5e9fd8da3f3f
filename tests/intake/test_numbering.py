"""Receipt numbers and party ids: one each, no gaps, the same party across cases."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.events import Refused
from services.intake.events import PartyAdmitted
from services.intake.overtaken import ATTEMPTS, Overtaken, deciding_again
from services.intake.party import PARTY, AdmitParty, admit, party_subject
from services.intake.receipts import RECEIPTS, IssueReceipt, fiscal_year, issue, receipts_subject


@pytest.mark.parametrize(
    ("day", "number"),
    [(date(2026, 4, 1), "R8-0001"), (date(2027, 3, 31), "R8-0001"), (date(2026, 3, 31), "R7-0001"), (date(2027, 4, 1), "R9-0001")],
)
def test_a_number_names_the_fiscal_year(day, number):
    assert RECEIPTS.initial.next_number(day) == number


@given(st.lists(st.integers(0, 30), max_size=60))
def test_every_case_has_one_number_and_the_numbers_have_no_gap(cases):
    receipts, today = RECEIPTS.initial, date(2026, 11, 23)
    for case in cases:
        number = receipts.numbers.get(UUID(int=case)) or receipts.next_number(today)
        receipts = RECEIPTS.fold(issue(receipts, IssueReceipt(number=number, case=UUID(int=case))), receipts)
    assert set(receipts.numbers) == {UUID(int=case) for case in cases}
    assert sorted(receipts.numbers.values()) == [f"R8-{place:04d}" for place in range(1, len(set(cases)) + 1)]


def test_a_number_that_another_case_got_meanwhile_is_asked_for_again():
    receipts = RECEIPTS.fold(issue(RECEIPTS.initial, IssueReceipt(number="R8-0001", case=UUID(int=1))))
    for command in (IssueReceipt(number="R8-0001", case=UUID(int=2)), IssueReceipt(number="R8-0002", case=UUID(int=1))):
        with pytest.raises(Overtaken):
            list(issue(receipts, command))


def test_tenants_and_fiscal_years_have_receipt_books_of_their_own():
    days = (date(2026, 3, 31), date(2026, 4, 1), date(2027, 3, 31))
    assert [fiscal_year(day) for day in days] == [2025, 2026, 2026]
    assert len({receipts_subject(tenant, day) for tenant in ("a", "b") for day in days}) == 4


def test_an_account_has_one_party_id():
    first = AdmitParty(party=UUID(int=1))
    admitted = PARTY.fold(admit(PARTY.initial, first))
    assert admitted.party == UUID(int=1)
    assert list(admit(admitted, first)) == []
    with pytest.raises(Overtaken):
        list(admit(admitted, AdmitParty(party=UUID(int=2))))


def test_the_account_is_not_written_down():
    assert "account" not in PartyAdmitted.model_fields
    assert party_subject("a", "x") != party_subject("b", "x")


def test_deciding_again_ends_with_the_first_success_and_gives_up_at_last():
    calls = []

    def third_time():
        calls.append(1)
        if len(calls) < 3:
            raise Overtaken("112", "receipt_number", "taken")
        return "done"

    def never():
        calls.append(1)
        raise Overtaken("112", "receipt_number", "taken")

    assert (deciding_again(third_time), len(calls)) == ("done", 3)
    calls.clear()
    with pytest.raises(Refused):
        deciding_again(never)
    assert len(calls) == ATTEMPTS
