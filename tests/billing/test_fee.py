"""given events, when a command, then events: the fee from estimate to payment."""

from datetime import date
from functools import reduce

import pytest

from contracts.law import schedule_on
from services.billing.events import ApplicationNoted, FeeEstimated, FeeInvoiced, FeeOverdue, FeePaid, OutcomeNoted
from services.billing.fee import (
    EstimateFee,
    Fee,
    NoteApplication,
    NoteOutcome,
    NoticeOverdue,
    RecordPayment,
    estimate,
    evolve,
    note_application,
    note_outcome,
    notice_overdue,
    record_payment,
)
from services.billing.schedule import fee_parts
from services.chassis.events import Refused

TODAY = date(2026, 11, 1)
DUE = date(2026, 12, 1)
ORDER = schedule_on(TODAY, "minatono")


def costs(minutes=480, outsourcing=0, kind="NEW"):
    return EstimateFee(kind=kind, creation_minutes=minutes, outsourcing=outsourcing, schedule=ORDER, today=TODAY)


def estimated(minutes=480, outsourcing=0):
    parts = fee_parts(ORDER, minutes, outsourcing)
    return FeeEstimated(schedule=ORDER.schedule, creation_minutes=minutes, outsourcing=outsourcing, parts=parts)


CONFORMING = OutcomeNoted(outcome="conforming")
APPLIED = ApplicationNoted(notice_number="R8-0001", fee=52_600, due=DUE)
INVOICED = FeeInvoiced(number="F-R8-0001", total=52_600, due=DUE, invoiced=TODAY)
APPLY = NoteApplication(notice_number="R8-0001", fee=52_600, due=DUE, today=TODAY)


def given(*events):
    return reduce(evolve, events, Fee())


def paid(amount=52_600, received=date(2026, 11, 20), reference="bank-1"):
    return FeePaid(amount=amount, received=received, reference=reference)


def pay(amount=52_600, received=date(2026, 11, 20), reference="bank-1", today=date(2026, 11, 20)):
    return RecordPayment(amount=amount, received=received, reference=reference, today=today)


def test_the_estimate_names_its_schedule_and_parts():
    [event] = estimate(given(), costs())
    assert event == estimated()
    assert (event.schedule, event.total) == ("order-2023", 52_600)


def test_the_same_costs_again_change_nothing():
    assert [*estimate(given(estimated()), costs())] == []


def test_other_costs_estimate_anew_until_the_decision():
    assert [*estimate(given(estimated()), costs(minutes=60))] == [estimated(minutes=60)]
    with pytest.raises(Refused) as refused:
        [*estimate(given(estimated(), CONFORMING), costs(minutes=60))]
    assert (refused.value.rule, refused.value.field) == ("119", "creation_minutes")


def test_the_use_of_an_existing_dataset_is_refused():
    with pytest.raises(Refused) as refused:
        [*estimate(given(), costs(kind="REUSE"))]
    assert (refused.value.rule, refused.value.field) == ("118", "kind")


def test_the_application_is_invoiced_with_the_notices_due_date():
    assert [*note_application(given(estimated(), CONFORMING), APPLY)] == [APPLIED, INVOICED]


def test_the_invoice_follows_whichever_fact_comes_last():
    assert [*estimate(given(CONFORMING, APPLIED), costs())] == [estimated(), INVOICED]
    assert [*note_outcome(given(APPLIED, estimated()), NoteOutcome(outcome="conforming", today=TODAY))] == [CONFORMING, INVOICED]


def test_a_non_conforming_case_is_never_invoiced():
    refusal = OutcomeNoted(outcome="non_conforming")
    assert [*note_application(given(estimated(), refusal), APPLY)] == [APPLIED]
    assert [*estimate(given(refusal, APPLIED), costs())] == [estimated()]


def test_another_fee_than_the_notices_is_refused():
    with pytest.raises(Refused) as refused:
        [*note_application(given(estimated(minutes=60), CONFORMING), APPLY)]
    assert (refused.value.rule, refused.value.field) == ("119", "fee")


def test_an_application_is_invoiced_once():
    assert [*note_application(given(estimated(), CONFORMING, APPLIED, INVOICED), APPLY)] == []


def test_nothing_is_paid_before_the_invoice():
    with pytest.raises(Refused, match="nothing has been invoiced"):
        [*record_payment(given(estimated()), pay())]


def test_payments_add_up_and_settle():
    due = given(estimated(), CONFORMING, APPLIED, INVOICED)
    assert [*record_payment(due, pay())] == [paid()]
    assert evolve(due, paid(amount=52_599)).outstanding == 1
    assert evolve(evolve(due, paid(amount=52_599)), paid(amount=1, reference="bank-2")).outstanding == 0


def test_more_than_is_owed_is_accepted():
    due = given(estimated(), CONFORMING, APPLIED, INVOICED)
    [event] = record_payment(due, pay(amount=60_000))
    assert evolve(due, event).outstanding == 0


def test_the_same_bank_reference_books_once():
    assert [*record_payment(given(estimated(), CONFORMING, APPLIED, INVOICED, paid()), pay())] == []


@pytest.mark.parametrize(
    ("payment", "field"),
    [
        (pay(amount=0), "amount"),
        (pay(amount=-1), "amount"),
        (pay(reference=" "), "reference"),
        (pay(received=date(2026, 11, 21)), "received"),
        (pay(received=date(2026, 10, 31)), "received"),
    ],
)
def test_an_impossible_payment_is_refused(payment, field):
    with pytest.raises(Refused) as refused:
        [*record_payment(given(estimated(), CONFORMING, APPLIED, INVOICED), payment)]
    assert (refused.value.rule, refused.value.field) == ("119", field)


def test_a_payment_takes_effect_on_the_day_it_came_in():
    assert paid().effective_on() == date(2026, 11, 20)


@pytest.mark.parametrize(
    ("today", "payments", "said"),
    [
        (DUE, (), []),
        (date(2026, 12, 2), (), [FeeOverdue(due=DUE, outstanding=52_600)]),
        (date(2026, 12, 9), (paid(amount=2_600),), [FeeOverdue(due=DUE, outstanding=50_000)]),
        (date(2026, 12, 2), (paid(),), []),
    ],
)
def test_overdue_is_said_the_day_after(today, payments, said):
    fee = given(estimated(), CONFORMING, APPLIED, INVOICED, *payments)
    assert [*notice_overdue(fee, NoticeOverdue(today=today))] == said
    assert [*notice_overdue(reduce(evolve, said, fee), NoticeOverdue(today=today))] == []


def test_overdue_takes_effect_the_day_after_however_late_it_is_noticed():
    assert FeeOverdue(due=DUE, outstanding=1).effective_on() == date(2026, 12, 2)
