"""Billing over HTTP: payments in, fees and schedules out."""

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from contracts.law import FeeSchedule, NoLawInForce, schedule_on
from contracts.values import Code
from services.billing.events import FeePart, Yen
from services.billing.fee import FEE, Fee, RecordPayment, record_payment
from services.chassis.actor import Acting
from services.chassis.aggregate import next_step
from services.chassis.answering import routes_of
from services.chassis.desk import Desk
from services.chassis.events import Refused
from services.chassis.reading import NotFound
from services.chassis.views import Row
from services.chassis.web import Body, Taken, acting_as

STAFF: Final = ("finance", "coordinator", "owner", "head", "auditor")
Finance = Annotated[Acting, Depends(acting_as("finance"))]
Staff = Annotated[Acting, Depends(acting_as(*STAFF))]
Reader = Annotated[Acting, Depends(acting_as(*STAFF, "proposer"))]


class PaymentBody(Body):
    """One payment as the bank reports it."""

    amount: Yen
    received: date
    reference: Annotated[str, Field(min_length=1, max_length=200)]


class FeeAnswer(BaseModel):
    """A fee as staff and the proposer see it, in yen; what has not happened yet is null or zero."""

    case: UUID
    outcome: str | None
    schedule: str | None
    parts: tuple[FeePart, ...]
    estimate: Yen | None
    invoice_number: str | None
    total: Yen | None
    due: date | None
    paid: Yen
    outstanding: Yen
    overdue: bool


def answer(case: UUID, fee: Fee) -> FeeAnswer:
    """Show a fee; bank references stay inside."""
    estimate, invoice = fee.estimate, fee.invoice
    return FeeAnswer(
        case=case,
        outcome=fee.outcome,
        schedule=estimate.schedule if estimate else None,
        parts=estimate.parts if estimate else (),
        estimate=estimate.total if estimate else None,
        invoice_number=invoice.number if invoice else None,
        total=invoice.total if invoice else None,
        due=invoice.due if invoice else None,
        paid=fee.paid,
        outstanding=fee.outstanding,
        overdue=fee.overdue,
    )


def router(desk: Desk) -> APIRouter:
    """Make billing's routes."""
    routes = routes_of("billing")

    @routes.post("/cases/{case}/payments")
    def record(case: UUID, body: PaymentBody, acting: Finance) -> Taken:
        command = RecordPayment(amount=body.amount, received=body.received, reference=body.reference, today=desk.today())
        return desk.take(acting, next_step(FEE, case, record_payment, command))

    @routes.get("/cases")
    def fees(acting: Staff) -> list[Row]:
        return desk.rows("fees", acting)

    @routes.get("/cases/{case}")
    def fee(case: UUID, acting: Reader) -> FeeAnswer:
        found = desk.state(FEE, case, acting)
        if acting.role == "proposer" and acting.actor != found.proposer:
            raise NotFound(FEE.name, case)
        return answer(case, found)

    @routes.get("/schedules")
    def schedule(_: Reader, on: date, body: Code) -> FeeSchedule:
        try:
            return schedule_on(on, body)
        except NoLawInForce as error:
            raise Refused("119", "on", str(error)) from None

    return routes
