"""The row finance sees follows the fee and shows no typed text."""

from datetime import date
from uuid import UUID

from services.billing.events import ApplicationNoted, FeeEstimated, FeeInvoiced, FeeOverdue, FeePaid, FeePart, NumberTaken, OutcomeNoted
from services.billing.views import fold_fee
from services.chassis.views import Seen

DUE = date(2026, 12, 1)


def row(*events):
    folded = {}
    for position, event in enumerate(events, 1):
        seen = Seen(event=event, subject=UUID(int=1), tenant="minatono", position=position)
        folded = fold_fee(folded, seen) or folded
    return folded


def test_the_row_of_a_fee_paid_in_two_parts_after_it_was_due():
    parts = (FeePart(what="base", article="Order 31(1)", quantity=1, amount=21_000),)
    assert row(
        FeeEstimated(schedule="order-2023", creation_minutes=0, outsourcing=0, parts=parts),
        OutcomeNoted(outcome="conforming"),
        ApplicationNoted(notice_number="R8-0001", fee=21_000, due=DUE),
        FeeInvoiced(number="F-R8-0001", total=21_000, due=DUE, invoiced=date(2026, 11, 1)),
        FeeOverdue(due=DUE, outstanding=21_000),
        FeePaid(amount=20_000, received=date(2026, 12, 2), reference="typed text"),
        FeePaid(amount=1_000, received=date(2026, 12, 3), reference="typed text too"),
    ) == {
        "case": str(UUID(int=1)),
        "status": "paid",
        "schedule": "order-2023",
        "estimate": 21_000,
        "outcome": "conforming",
        "invoice_number": "F-R8-0001",
        "total": 21_000,
        "due": "2026-12-01",
        "paid": 21_000,
        "outstanding": 0,
        "overdue": True,
    }


def test_a_book_of_numbers_has_no_row():
    seen = Seen(event=NumberTaken(number="F-1", case=UUID(int=1)), subject=UUID(int=2), tenant="minatono", position=1)
    assert fold_fee({}, seen) is None
