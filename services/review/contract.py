"""The use contract of one case: applied for, paid, concluded, over (Art. 115, Rule 61). Pure: no clock, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, assert_never

from contracts.values import Number
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused
from services.review.events import ContractApplied, ContractConcluded, ContractEvent, PaymentNoted, ProposalNoted, ResultNotified, UseEnded


@dataclass(frozen=True, slots=True)
class Contract:
    """State folded from events."""

    applied: ContractApplied | None = None
    paid: bool = False
    concluded: ContractConcluded | None = None
    ended: bool = False


def evolve(contract: Contract, event: ContractEvent) -> Contract:
    """Fold one event."""
    match event:
        case ContractApplied():
            return replace(contract, applied=event)
        case PaymentNoted():
            return replace(contract, paid=True)
        case ContractConcluded():
            return replace(contract, concluded=event)
        case UseEnded():
            return replace(contract, ended=True)
        case _:
            assert_never(event)


class ApplyForContract(Command):
    account: str
    proposal: ProposalNoted
    notice: ResultNotified | None
    today: date


def apply_for(contract: Contract, command: ApplyForContract) -> Iterator[ContractEvent]:
    """Return Form 10 (Rule 61): only the proposer's account, only on a conforming notice, until its due date has passed."""
    if command.account != command.proposal.account:
        raise Refused("115", "party", "only who made the proposal applies for its contract")
    notice = command.notice
    if notice is None or notice.fee is None or notice.payment_due is None or notice.delivery_method is None:
        raise Refused("115", "notice", "there is no notice that a contract can be concluded (Art. 114(2))")
    if contract.applied is not None:
        return
    if command.today > notice.payment_due:
        raise Refused("115", "payment_due", f"the date in the notice, {notice.payment_due}, has passed")
    yield ContractApplied(
        party=command.proposal.party,
        notice_number=notice.notice_number,
        fee=notice.fee,
        payment_due=notice.payment_due,
        delivery_method=notice.delivery_method,
        use_from=command.proposal.use_from,
        use_to=command.proposal.use_to,
        applied=command.today,
    )


class NotePayment(Command):
    outstanding: int


def note_payment(contract: Contract, command: NotePayment) -> Iterator[ContractEvent]:
    """Take in a payment; only the one that leaves nothing outstanding matters here. Always accepted."""
    if command.outstanding == 0 and not contract.paid:
        yield PaymentNoted()


class ConcludeContract(Command):
    contract_number: Number
    today: date


def conclude(contract: Contract, command: ConcludeContract) -> Iterator[ContractEvent]:
    """Conclude the contract (Art. 115) that was applied for, after its fee was paid and before its period of use is over."""
    if contract.concluded is not None:
        return
    applied = contract.applied
    if applied is None:
        raise Refused("115", "application", "nobody has applied for the contract (Rule 61)")
    if not contract.paid:
        raise Refused("115", "fee", "the fee is not paid")
    if command.today > applied.use_to:
        raise Refused("115", "use_to", f"the period of use ended on {applied.use_to}")
    yield ContractConcluded(
        contract_number=command.contract_number,
        party=applied.party,
        use_from=applied.use_from,
        use_to=applied.use_to,
        delivery_method=applied.delivery_method,
        concluded=command.today,
    )


class EndUse(Command):
    today: date


def end_use(contract: Contract, command: EndUse) -> Iterator[ContractEvent]:
    """Record that the period of use is over (Art. 112(2)(vi)), the day after its last; once."""
    if contract.concluded is None:
        raise Refused("115", "contract", "no contract was concluded")
    if command.today <= contract.concluded.use_to:
        raise Refused("112", "use_to", f"the data may be used up to and including {contract.concluded.use_to}")
    if not contract.ended:
        yield UseEnded(contract_number=contract.concluded.contract_number, ended=contract.concluded.use_to)


CONTRACT: Final = Aggregate("contract", Contract(), evolve)
