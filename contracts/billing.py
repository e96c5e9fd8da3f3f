"""What billing tells: estimate, invoice, payment (APPI Art. 119)."""

from datetime import date

from contracts.values import Article, Code, ContractEvent, ContractValue, Number, ReactionRefused, Yen


class FeePart(ContractValue):
    """One line of the fee: what it is for, the rule it comes from, how much."""

    what: Code
    article: Article
    quantity: int
    amount: Yen


class FeeEstimated(ContractEvent):
    """The fee was worked out under a dated schedule (Art. 119(3), Order Art. 31)."""

    schedule: Code
    parts: tuple[FeePart, ...]
    total: Yen


class FeeInvoiced(ContractEvent):
    """The payment notice went out; the due date is the one in the result notice (Rule 59(2)(iii))."""

    invoice_number: Number
    total: Yen
    due: date


class FeePaid(ContractEvent):
    """A payment was booked; the fee is settled when nothing is outstanding."""

    amount: Yen
    received: date
    outstanding: Yen


class FeeOverdue(ContractEvent):
    """The due date passed with something outstanding."""

    due: date
    outstanding: Yen


EVENTS: tuple[type[ContractEvent], ...] = (FeeEstimated, FeeInvoiced, FeePaid, FeeOverdue, ReactionRefused)
