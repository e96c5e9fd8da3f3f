"""The fee of one case, from estimate to payment. Pure: no clock, no I/O, no framework."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, assert_never

from contracts.law import FeeSchedule
from services.billing.events import (
    ApplicationNoted,
    FeeEstimated,
    FeeEvent,
    FeeInvoiced,
    FeeOverdue,
    FeePaid,
    OutcomeNoted,
    ProposerNoted,
    Yen,
)
from services.billing.numbers import invoice_number
from services.billing.schedule import fee_parts
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused

CONFORMING: Final = "conforming"
NEW: Final = "NEW"


@dataclass(frozen=True, slots=True)
class Fee:
    """State folded from events; only what a decision needs to know."""

    proposer: str | None = None
    estimate: FeeEstimated | None = None
    outcome: str | None = None
    application: ApplicationNoted | None = None
    invoice: FeeInvoiced | None = None
    paid: Yen = 0
    references: frozenset[str] = frozenset()
    overdue: bool = False

    @property
    def outstanding(self) -> Yen:
        """What is still to be paid, in yen; an overpayment leaves nothing outstanding."""
        return max(0, (self.invoice.total if self.invoice else 0) - self.paid)


def evolve(fee: Fee, event: FeeEvent) -> Fee:
    """Fold one event into the fee."""
    match event:
        case ProposerNoted(account=account):
            return replace(fee, proposer=account)
        case FeeEstimated():
            return replace(fee, estimate=event)
        case OutcomeNoted(outcome=outcome):
            return replace(fee, outcome=outcome)
        case ApplicationNoted():
            return replace(fee, application=event)
        case FeeInvoiced():
            return replace(fee, invoice=event)
        case FeePaid(amount=amount, reference=reference):
            return replace(fee, paid=fee.paid + amount, references=fee.references | {reference})
        case FeeOverdue():
            return replace(fee, overdue=True)
        case _:
            assert_never(event)


class NoteProposer(Command):
    account: str


def note_proposer(fee: Fee, command: NoteProposer) -> Iterator[FeeEvent]:
    """Remember which account sent the proposal."""
    if fee.proposer is None:
        yield ProposerNoted(account=command.account)


class EstimateFee(Command):
    kind: str
    creation_minutes: int
    outsourcing: Yen
    schedule: FeeSchedule
    today: date


def estimate(fee: Fee, command: EstimateFee) -> Iterator[FeeEvent]:
    """Work out the fee that the result notice must state (Rule 59(2)(i)), and invoice it if all else is known.

    Other costs estimate anew until the head has decided; afterwards the notified fee stands.
    A proposal to use an existing dataset has another fee rule and is refused here (Art. 118, Order 31(2)).
    """
    if command.kind != NEW:
        raise Refused("118", "kind", "fees for the use of an existing dataset are not worked out by this release")
    estimated = FeeEstimated(
        schedule=command.schedule.schedule,
        creation_minutes=command.creation_minutes,
        outsourcing=command.outsourcing,
        parts=fee_parts(command.schedule, command.creation_minutes, command.outsourcing),
    )
    if estimated == fee.estimate:
        return
    if fee.estimate is not None and fee.outcome is not None:
        raise Refused("119", "creation_minutes", "the fee was decided on another estimate")
    yield estimated
    yield from _invoice(evolve(fee, estimated), command.today)


class NoteOutcome(Command):
    outcome: str
    today: date


def note_outcome(fee: Fee, command: NoteOutcome) -> Iterator[FeeEvent]:
    """Take in the head's decision; after a non-conforming one nothing is ever invoiced (Art. 114(3))."""
    if fee.outcome is not None:
        return
    noted = OutcomeNoted(outcome=command.outcome)
    yield noted
    yield from _invoice(evolve(fee, noted), command.today)


class NoteApplication(Command):
    notice_number: str
    fee: Yen
    due: date
    today: date


def note_application(fee: Fee, command: NoteApplication) -> Iterator[FeeEvent]:
    """Take in the application for the contract, which is when the fee is invoiced (Art. 119(3), procedure T16)."""
    if fee.application is not None:
        return
    noted = ApplicationNoted(notice_number=command.notice_number, fee=command.fee, due=command.due)
    yield noted
    yield from _invoice(evolve(fee, noted), command.today)


def _invoice(fee: Fee, today: date) -> Iterator[FeeEvent]:
    """Invoice once estimate, conforming decision and application are all known, whichever came last.

    Amount and due date are the notice's (Rule 59(2)(i)(iii)); an amount that is not the estimate's is refused.
    """
    if fee.estimate is None or fee.application is None or fee.outcome != CONFORMING or fee.invoice is not None:
        return
    if fee.estimate.total != fee.application.fee:
        raise Refused("119", "fee", f"the notice says {fee.application.fee} yen, the estimate {fee.estimate.total}")
    number = invoice_number(fee.application.notice_number)
    yield FeeInvoiced(number=number, total=fee.estimate.total, due=fee.application.due, invoiced=today)


class RecordPayment(Command):
    amount: Yen
    received: date
    reference: str
    today: date


def record_payment(fee: Fee, command: RecordPayment) -> Iterator[FeeEvent]:
    """Book one payment (Art. 119(3)); the bank's reference makes it idempotent. More than is owed is accepted."""
    if fee.invoice is None:
        raise Refused("119", "invoice", "nothing has been invoiced")
    if command.reference in fee.references:
        return
    if not command.reference.strip():
        raise Refused("119", "reference", "a payment carries the bank's reference")
    if command.amount <= 0:
        raise Refused("119", "amount", "a payment is more than 0 yen")
    if command.received > command.today:
        raise Refused("119", "received", "that day lies in the future")
    if command.received < fee.invoice.invoiced:
        raise Refused("119", "received", f"that day lies before the invoice of {fee.invoice.invoiced}")
    yield FeePaid(amount=command.amount, received=command.received, reference=command.reference)


class NoticeOverdue(Command):
    today: date


def notice_overdue(fee: Fee, command: NoticeOverdue) -> Iterator[FeeEvent]:
    """Say once that the due date has passed with something outstanding (Rule 59(2)(iii))."""
    if fee.invoice is None or fee.overdue or not fee.outstanding or command.today <= fee.invoice.due:
        return
    yield FeeOverdue(due=fee.invoice.due, outstanding=fee.outstanding)


FEE: Final = Aggregate("fee", Fee(), evolve)
