"""Payments go in and fees come out over HTTP; each refusal names rule and field."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from contracts import review
from services.billing.events import ApplicationNoted, FeeEstimated, FeeInvoiced, FeePaid
from services.billing.fee import FEE
from services.billing.reactions import REACTIONS
from services.chassis.actor import service_actor
from services.chassis.heard import Heard

CASE, OTHER_CASE, PARTY = UUID(int=1), UUID(int=7), UUID(int=2)
TODAY = date(2026, 11, 1)


def hear(room, event, case=CASE, actor="service:review"):
    heard = Heard(event=event, id=UUID(int=9), subject=case, tenant="minatono", actor=actor, time=datetime.now(UTC), today=TODAY)
    return room.desk.take(service_actor("billing", "minatono"), *REACTIONS[type(event)](heard))


def hear_application(room, case=CASE):
    hear(
        room,
        review.CostEstimated(body="minatono", kind="NEW", party=PARTY, dataset=None, creation_minutes=480, outsourcing=0),
        case,
    )
    hear(
        room,
        review.ScreeningDecided(
            outcome="conforming",
            failed=(),
            reasons=None,
            specification=None,
            file=UUID(int=3),
            party=PARTY,
            principal_count=1000,
            fee=52_600,
        ),
        case,
    )
    return hear(
        room,
        review.ContractApplied(party=PARTY, notice_number="R8-0001", fee=52_600, payment_due=date(2026, 12, 1), applied=TODAY),
        case,
    )


def pay(room, who="fin-1/finance", **changed):
    body = {"amount": 52_600, "received": "2026-11-01", "reference": "bank-1"} | changed
    return room.call("POST", f"/cases/{CASE}/payments", who, **body)


def test_invoice_and_number_are_taken_in_one_append(room):
    assert hear_application(room).events == ("NumberTaken", "ApplicationNoted", "FeeInvoiced")


def test_a_second_case_under_the_same_notice_number_is_refused_whole(room):
    hear_application(room)
    with pytest.raises(Exception, match="belongs to another case"):
        hear_application(room, OTHER_CASE)
    assert room.desk.state(FEE, OTHER_CASE, service_actor("billing", "minatono")).application is None


def test_a_payment_settles_the_fee(room):
    hear_application(room)
    assert pay(room).json()["events"] == ["FeePaid"]
    assert pay(room).json()["events"] == []
    shown = room.call("GET", f"/cases/{CASE}", "fin-1/finance").json()
    assert (shown["invoice_number"], shown["total"], shown["due"]) == ("F-R8-0001", 52_600, "2026-12-01")
    assert (shown["paid"], shown["outstanding"], shown["overdue"]) == (52_600, 0, False)
    assert [part["amount"] for part in shown["parts"]] == [21_000, 31_600]
    assert room.call("GET", "/cases", "fin-1/finance").json()[0]["status"] == "paid"


@pytest.mark.parametrize(
    ("changed", "rule", "field"),
    [
        ({"amount": 0}, "119", "amount"),
        ({"amount": True}, "int_type", "body.amount"),
        ({"received": "2026-11-02"}, "119", "received"),
        ({"received": "2026-10-31"}, "119", "received"),
        ({"reference": "  "}, "119", "reference"),
    ],
)
def test_an_impossible_payment_is_a_problem_that_names_rule_and_field(room, changed, rule, field):
    hear_application(room)
    answer = pay(room, **changed)
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (422, rule, field)
    assert room.call("GET", f"/cases/{CASE}", "fin-1/finance").json()["paid"] == 0


def test_only_finance_records_payments(room):
    hear_application(room)
    assert pay(room, who="head-1/head").status_code == 403


def test_another_tenants_case_is_not_found(room):
    hear_application(room)
    assert room.call("GET", f"/cases/{CASE}", "fin-1/finance", tenant="sakae").status_code == 404
    assert room.call("GET", "/cases", "fin-1/finance", tenant="sakae").json() == []


def test_the_schedule_in_force_is_public_to_those_who_pay(room):
    assert room.call("GET", "/schedules?on=2026-11-01&body=minatono", "acct-1/proposer").json()["schedule"] == "order-2023"
    early = room.call("GET", "/schedules?on=2020-01-01&body=minatono", "acct-1/proposer")
    assert (early.status_code, early.json()["field"]) == (422, "on")


def test_stored_events_read_back_as_they_were(room):
    hear_application(room)
    pay(room)
    mapper = room.desk.events.mapper
    kinds = [type(mapper.to_domain_event(stored).event) for stored in room.recorder.select_notifications(start=1, limit=100)]
    assert [kind for kind in kinds if kind in {FeeEstimated, ApplicationNoted, FeeInvoiced, FeePaid}] == [
        FeeEstimated,
        ApplicationNoted,
        FeeInvoiced,
        FeePaid,
    ]


def test_a_proposer_sees_only_the_own_fee(room, submitted):
    hear(room, submitted, actor="acct-1")
    hear_application(room)
    assert room.call("GET", f"/cases/{CASE}", "acct-1/proposer").json()["total"] == 52_600
    assert room.call("GET", f"/cases/{CASE}", "acct-2/proposer").status_code == 404
    assert room.call("GET", "/cases", "acct-1/proposer").status_code == 403
