"""What can have happened to a fee (APPI Art. 119), and what was learned from other services about its case."""

from datetime import date, timedelta
from uuid import UUID

from services.chassis.events import Event, Sealed, Value

Yen = int


class FeePart(Value):
    """One line of the explanation: what, from which rule, how many, how much."""

    what: str
    article: str
    quantity: int
    amount: Yen


class FeeEstimated(Event, topic="billing.FeeEstimated"):
    """The fee was worked out from the minutes and yen that review estimated, under a dated schedule."""

    schedule: str
    creation_minutes: int
    outsourcing: Yen
    parts: tuple[FeePart, ...]

    @property
    def total(self) -> Yen:
        """The fee in yen: the sum of its parts."""
        return sum(part.amount for part in self.parts)


class FeeInvoiced(Event, topic="billing.FeeInvoiced"):
    """The payment notice went out."""

    number: str
    total: Yen
    due: date
    invoiced: date


class FeePaid(Event, topic="billing.FeePaid"):
    """A payment was booked; the bank's reference is typed text and therefore sealed."""

    amount: Yen
    received: date
    reference: Sealed

    def effective_on(self) -> date:
        """A payment takes effect on the day the money came in."""
        return self.received


class FeeOverdue(Event, topic="billing.FeeOverdue"):
    """The due date passed with something outstanding."""

    due: date
    outstanding: Yen

    def effective_on(self) -> date:
        """Overdue begins on the day after the due date, however late it is noticed."""
        return self.due + timedelta(days=1)


class ProposerNoted(Event, topic="billing.ProposerNoted"):
    """Intake received the proposal: the account that sent it may see its own payment notice."""

    account: str


class OutcomeNoted(Event, topic="billing.OutcomeNoted"):
    """Review decided; only a conforming proposal is ever invoiced (Art. 114(2)(3))."""

    outcome: str


class ApplicationNoted(Event, topic="billing.ApplicationNoted"):
    """The proposer applied for the contract; fee and due date are those of the result notice (Rule 59(2))."""

    notice_number: str
    fee: Yen
    due: date


FeeEvent = FeeEstimated | FeeInvoiced | FeePaid | FeeOverdue | ProposerNoted | OutcomeNoted | ApplicationNoted


class NumberTaken(Event, topic="billing.NumberTaken"):
    """An invoice number now belongs to a case and to no other of the tenant's fiscal year."""

    number: str
    case: UUID
