"""Receipt numbers and party ids: one each, no gaps, the same party across cases."""

from datetime import date
from uuid import UUID

import pytest

from services.chassis.events import Refused
from services.intake.events import PartyAdmitted, ReceiptIssued
from services.intake.party import PARTY, AdmitParty, admit, party_subject
from services.intake.receipts import RECEIPTS, IssueReceipt, issue, receipts_subject


@pytest.mark.parametrize(
    ("day", "number"),
    [(date(2026, 4, 1), "R8-0001"), (date(2027, 3, 31), "R8-0001"), (date(2026, 3, 31), "R7-0001"), (date(2027, 4, 1), "R9-0001")],
)
def test_a_number_names_the_fiscal_year(day, number):
    assert RECEIPTS.initial.next_number(day) == number


def test_a_case_gets_the_next_number_and_keeps_it():
    first, second = (IssueReceipt(case=UUID(int=place), today=date(2026, 11, 23)) for place in (1, 2))
    receipts = RECEIPTS.fold(issue(RECEIPTS.initial, first))
    assert list(issue(receipts, first)) == []
    assert list(issue(receipts, second)) == [ReceiptIssued(number="R8-0002", case=UUID(int=2))]


def test_tenants_and_fiscal_years_have_receipt_books_of_their_own():
    days = (date(2026, 3, 31), date(2026, 4, 1), date(2027, 3, 31))
    assert len({receipts_subject(tenant, day) for tenant in ("a", "b") for day in days}) == 4


def test_an_account_has_one_party_id():
    first = AdmitParty(party=UUID(int=1))
    admitted = PARTY.fold(admit(PARTY.initial, first))
    assert admitted.party == UUID(int=1)
    assert list(admit(admitted, first)) == []
    with pytest.raises(Refused):
        list(admit(admitted, AdmitParty(party=UUID(int=2))))


def test_the_account_is_not_written_down():
    assert "account" not in PartyAdmitted.model_fields
    assert party_subject("a", "x") != party_subject("b", "x")
