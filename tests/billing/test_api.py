"""Payments go in and fees come out over HTTP; each refusal names rule and field."""

from datetime import date
from uuid import UUID

import pytest

from services.billing.events import ApplicationNoted, FeeEstimated, FeeInvoiced, FeePaid
from services.billing.fee import FEE
from services.billing.reactions import REACTIONS
from services.chassis.actor import service_actor
from services.chassis.events import Refused
from tests.case_events import CASE, contract_applied, cost_estimated, proposal_submitted, screening_decided
from tests.interleaving import heard

OTHER_CASE = UUID(int=7)
FINANCE = "fin-1:finance"


@pytest.fixture
def hear(desk):
    def hear(event, case=CASE, actor="service:review"):
        told = heard(event, desk.today(), actor=actor, subject=case)
        return desk.take(service_actor("billing", "minatono"), *REACTIONS[type(event)](told))

    return hear


@pytest.fixture
def hear_application(hear):
    def hear_application(case=CASE):
        hear(cost_estimated(), case)
        hear(screening_decided(), case)
        return hear(contract_applied(payment_due=date(2026, 12, 1)), case)

    return hear_application


@pytest.fixture
def pay(http):
    def pay(who=FINANCE, **changed):
        body = {"amount": 52_600, "received": "2026-11-01", "reference": "bank-1"} | changed
        return http(who, "POST", f"/cases/{CASE}/payments", body)

    return pay


def test_invoice_and_number_are_taken_in_one_append(hear_application):
    assert hear_application().events == ("NumberTaken", "ApplicationNoted", "FeeInvoiced")


def test_a_second_case_under_the_same_notice_number_is_refused_whole(desk, hear_application):
    hear_application()
    with pytest.raises(Refused, match="belongs to another case"):
        hear_application(OTHER_CASE)
    assert desk.state(FEE, OTHER_CASE, service_actor("billing", "minatono")).application is None


def test_a_payment_settles_the_fee(http, hear_application, pay):
    hear_application()
    assert pay().json()["events"] == ["FeePaid"]
    assert pay().json()["events"] == []
    shown = http(FINANCE, "GET", f"/cases/{CASE}").json()
    assert (shown["invoice_number"], shown["total"], shown["due"]) == ("F-R8-N0001", 52_600, "2026-12-01")
    assert (shown["paid"], shown["outstanding"], shown["overdue"]) == (52_600, 0, False)
    assert [part["amount"] for part in shown["parts"]] == [21_000, 31_600]
    assert http(FINANCE, "GET", "/cases").json()[0]["status"] == "paid"


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
def test_an_impossible_payment_is_a_problem_that_names_rule_and_field(http, hear_application, pay, changed, rule, field):
    hear_application()
    answer = pay(**changed)
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (422, rule, field)
    assert http(FINANCE, "GET", f"/cases/{CASE}").json()["paid"] == 0


def test_only_finance_records_payments(hear_application, pay):
    hear_application()
    assert pay(who="head-1:head").status_code == 403


def test_another_tenants_case_is_not_found(http, hear_application):
    hear_application()
    assert http("fin-1:finance:sakae", "GET", f"/cases/{CASE}").status_code == 404
    assert http("fin-1:finance:sakae", "GET", "/cases").json() == []


def test_the_schedule_in_force_is_public_to_those_who_pay(
    http,
):
    assert http("acct-1:proposer", "GET", "/schedules?on=2026-11-01&body=minatono").json()["schedule"] == "order-2023"
    early = http("acct-1:proposer", "GET", "/schedules?on=2020-01-01&body=minatono")
    assert (early.status_code, early.json()["field"]) == (422, "on")


def test_stored_events_read_back_as_they_were(desk, hear_application, pay):
    hear_application()
    pay()
    mapper = desk.events.mapper
    kinds = [type(mapper.to_domain_event(stored).event) for stored in desk.recorder.select_notifications(start=1, limit=100)]
    assert [kind for kind in kinds if kind in {FeeEstimated, ApplicationNoted, FeeInvoiced, FeePaid}] == [
        FeeEstimated,
        ApplicationNoted,
        FeeInvoiced,
        FeePaid,
    ]


def test_a_proposer_sees_only_the_own_fee(http, hear, hear_application):
    hear(proposal_submitted(), actor="acct-1")
    hear_application()
    assert http("acct-1:proposer", "GET", f"/cases/{CASE}").json()["total"] == 52_600
    assert http("acct-2:proposer", "GET", f"/cases/{CASE}").status_code == 404
    assert http("acct-1:proposer", "GET", "/cases").status_code == 403
