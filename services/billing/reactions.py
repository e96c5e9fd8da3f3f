"""What billing does when intake and review speak."""

from collections.abc import Iterator
from typing import Final

from contracts import intake, review
from contracts.law import schedule_on
from services.billing.fee import (
    FEE,
    EstimateFee,
    NoteApplication,
    NoteOutcome,
    NoteProposer,
    estimate,
    note_application,
    note_outcome,
    note_proposer,
)
from services.billing.numbers import NUMBERS, TakeNumber, book, invoice_number, take_number
from services.chassis.aggregate import Step, step
from services.chassis.heard import Heard, Reactions


def on_proposal_submitted(heard: Heard[intake.ProposalSubmitted]) -> Iterator[Step]:
    """Remember who may see the payment notice."""
    yield step(FEE, heard.subject, note_proposer, NoteProposer(account=heard.actor))


def on_cost_estimated(heard: Heard[review.CostEstimated]) -> Iterator[Step]:
    """Work out the fee under the schedule in force today for that body."""
    command = EstimateFee(
        kind=heard.event.kind,
        creation_minutes=heard.event.creation_minutes,
        outsourcing=heard.event.outsourcing,
        schedule=schedule_on(heard.today, heard.event.body),
        today=heard.today,
    )
    yield step(FEE, heard.subject, estimate, command)


def on_screening_decided(heard: Heard[review.ScreeningDecided]) -> Iterator[Step]:
    """Take in the decision."""
    yield step(FEE, heard.subject, note_outcome, NoteOutcome(outcome=heard.event.outcome, today=heard.today))


def on_contract_applied(heard: Heard[review.ContractApplied]) -> Iterator[Step]:
    """Take the invoice's number, then take in the application, which invoices when all else is known."""
    number = invoice_number(heard.event.notice_number)
    yield step(NUMBERS, book(heard.tenant, heard.event.applied), take_number, TakeNumber(number=number, case=heard.subject))
    command = NoteApplication(notice_number=heard.event.notice_number, fee=heard.event.fee, due=heard.event.payment_due, today=heard.today)
    yield step(FEE, heard.subject, note_application, command)


REACTIONS: Final[Reactions] = {
    intake.ProposalSubmitted: on_proposal_submitted,
    review.CostEstimated: on_cost_estimated,
    review.ScreeningDecided: on_screening_decided,
    review.ContractApplied: on_contract_applied,
}
