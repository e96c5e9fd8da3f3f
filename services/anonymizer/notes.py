"""What the anonymizer takes in of a case from other services: always accepted, each fact once, in whatever order."""

from collections.abc import Iterator
from uuid import UUID

from services.anonymizer.events import ContractNoted, DecisionNoted, ExtractEvent, ProposerNoted, RegisterNoted, SettlementNoted
from services.anonymizer.extract import Extract
from services.chassis.events import Command


class NoteProposer(Command):
    account: str


def note_proposer(extract: Extract, command: NoteProposer) -> Iterator[ExtractEvent]:
    """Remember which account sent the proposal."""
    if extract.proposer is None:
        yield ProposerNoted(account=command.account)


class NoteDecision(Command):
    outcome: str
    specification: str | None
    file: UUID
    party: UUID
    principal_count: int


def note_decision(extract: Extract, command: NoteDecision) -> Iterator[ExtractEvent]:
    """Take in the head's decision (Art. 114(2)(3))."""
    if extract.decision is None:
        yield DecisionNoted.model_validate(command.model_dump())


class NotePayment(Command):
    outstanding: int


def note_payment(extract: Extract, command: NotePayment) -> Iterator[ExtractEvent]:
    """Take in that the fee is settled; a part payment settles nothing (Art. 119)."""
    if command.outstanding == 0 and not extract.settled:
        yield SettlementNoted()


class NoteContract(Command):
    contract_number: str
    party: UUID
    delivery_method: str


def note_contract(extract: Extract, command: NoteContract) -> Iterator[ExtractEvent]:
    """Take in the contract (Art. 115)."""
    if extract.contract is None:
        yield ContractNoted(contract_number=command.contract_number, party=command.party, delivery_method=command.delivery_method)


class NoteRegister(Command):
    version: int


def note_register(extract: Extract, command: NoteRegister) -> Iterator[ExtractEvent]:
    """Take in that the register was updated (Art. 117)."""
    if not extract.registered:
        yield RegisterNoted(version=command.version)
