"""The use contract: applied for by its proposer, concluded after payment, over by date."""

from datetime import date
from uuid import UUID

import pytest

from services.chassis.events import Refused
from services.review.contract import (
    CONTRACT,
    ApplyForContract,
    ConcludeContract,
    Contract,
    EndUse,
    NotePayment,
    apply_for,
    conclude,
    end_use,
    note_payment,
)
from services.review.due import DUE, USE_ENDS
from services.review.events import ContractApplied, ContractConcluded, PaymentNoted, ProposalNoted, ResultNotified, UseEnded

CASE = UUID(int=9)
USE_TO = date(2026, 11, 1)
NOTED = ProposalNoted(
    account="proposer-1",
    kind="NEW",
    body="mayor",
    file=UUID(int=1),
    party=UUID(int=2),
    principal_count=20_000,
    file_principal_count=20_000,
    use_from=date(2026, 10, 1),
    use_to=USE_TO,
)
NOTICE = ResultNotified(
    notice_number="R8-N0001",
    form="9",
    outcome="conforming",
    failed=(),
    reasons=None,
    fee=52_600,
    payment_method="payment_notice",
    payment_due=date(2026, 9, 30),
    delivery_method="optical_disc",
    notified=date(2026, 9, 10),
)
REFUSAL = NOTICE.model_copy(
    update={"form": "11", "outcome": "non_conforming", "fee": None, "payment_due": None, "payment_method": None, "delivery_method": None}
)
CONCLUDE = ConcludeContract(contract_number="R8-C0001", today=date(2026, 9, 25))


def applying(account: str = "proposer-1", notice: ResultNotified | None = NOTICE, today: date = date(2026, 9, 15)) -> ApplyForContract:
    return ApplyForContract(account=account, proposal=NOTED, notice=notice, today=today)


def applied() -> Contract:
    return CONTRACT.fold(apply_for(CONTRACT.initial, applying()))


def paid(contract: Contract) -> Contract:
    return CONTRACT.fold(note_payment(contract, NotePayment(outstanding=0)), contract)


def concluded() -> Contract:
    return CONTRACT.fold(conclude(paid(applied()), CONCLUDE), paid(applied()))


def refusal(events) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        list(events)
    return refused.value.rule, refused.value.field


def test_the_proposer_applies_on_the_notice_s_terms():
    (event,) = apply_for(CONTRACT.initial, applying())
    assert event == ContractApplied(
        party=UUID(int=2),
        notice_number="R8-N0001",
        fee=52_600,
        payment_due=date(2026, 9, 30),
        delivery_method="optical_disc",
        use_from=date(2026, 10, 1),
        use_to=USE_TO,
        applied=date(2026, 9, 15),
    )
    assert list(apply_for(applied(), applying(today=date(2026, 12, 1)))) == []


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (applying(account="proposer-2"), "party"),
        (applying(notice=None), "notice"),
        (applying(notice=REFUSAL), "notice"),
        (applying(today=date(2026, 10, 1)), "payment_due"),
    ],
)
def test_nobody_else_applies_and_not_without_a_conforming_notice_in_time(command, field):
    assert refusal(apply_for(CONTRACT.initial, command)) == ("115", field)


def test_the_contract_waits_for_application_and_payment():
    assert refusal(conclude(CONTRACT.initial, CONCLUDE)) == ("115", "application")
    assert refusal(conclude(paid(CONTRACT.initial), CONCLUDE)) == ("115", "application")
    assert refusal(conclude(applied(), CONCLUDE)) == ("115", "fee")


def test_a_part_payment_does_not_conclude():
    assert list(note_payment(applied(), NotePayment(outstanding=1))) == []
    assert list(note_payment(applied(), NotePayment(outstanding=0))) == [PaymentNoted()]
    assert list(note_payment(paid(applied()), NotePayment(outstanding=0))) == []


def test_a_paid_contract_is_concluded_once():
    (event,) = conclude(paid(applied()), CONCLUDE)
    assert event == ContractConcluded(
        contract_number="R8-C0001",
        party=UUID(int=2),
        use_from=date(2026, 10, 1),
        use_to=USE_TO,
        delivery_method="optical_disc",
        concluded=date(2026, 9, 25),
    )
    assert list(conclude(concluded(), CONCLUDE.model_copy(update={"contract_number": "R8-C0002"}))) == []


def test_a_contract_is_not_concluded_after_its_period_of_use():
    assert refusal(conclude(paid(applied()), CONCLUDE.model_copy(update={"today": date(2026, 11, 2)}))) == ("115", "use_to")


def test_use_ends_the_day_after_its_last_and_once():
    assert refusal(end_use(concluded(), EndUse(today=USE_TO))) == ("112", "use_to")
    (event,) = end_use(concluded(), EndUse(today=date(2026, 11, 2)))
    assert event == UseEnded(contract_number="R8-C0001", ended=USE_TO)
    assert event.effective_on() == USE_TO
    assert list(end_use(CONTRACT.fold([event], concluded()), EndUse(today=date(2026, 12, 1)))) == []
    assert refusal(end_use(applied(), EndUse(today=date(2026, 12, 1)))) == ("115", "contract")


def test_a_concluded_contract_wakes_review_after_the_last_day_of_use():
    (event,) = conclude(paid(applied()), CONCLUDE)
    (due,) = DUE.set_by(event, CASE)
    assert (due.kind, due.subject, due.on) == (USE_ENDS, CASE, date(2026, 11, 2))
    step = DUE.steps[USE_ENDS](due, due.on)
    assert [type(event) for event in step.decide(concluded(), step.command)] == [UseEnded]
    assert list(DUE.set_by(PaymentNoted(), CASE)) == []
