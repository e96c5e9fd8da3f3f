"""What the anonymizer does when intake, review and billing speak: it takes note, and people act on it."""

from collections.abc import Iterator
from typing import Final

from contracts import billing, intake, review
from services.anonymizer.extract import EXTRACT
from services.anonymizer.kept import SOURCE, NoteFile, note_file
from services.anonymizer.notes import (
    NoteContract,
    NoteDecision,
    NotePayment,
    NoteProposer,
    NoteRegister,
    note_contract,
    note_decision,
    note_payment,
    note_proposer,
    note_register,
)
from services.chassis.aggregate import Step, step
from services.chassis.heard import Heard, Reactions


def on_file_registered(heard: Heard[intake.FileRegistered]) -> Iterator[Step]:
    """Remember the recorded items a specification may speak of."""
    yield step(SOURCE, heard.subject, note_file, NoteFile(recorded_items=heard.event.recorded_items))


def on_proposal_submitted(heard: Heard[intake.ProposalSubmitted]) -> Iterator[Step]:
    """Remember who may collect the extract."""
    yield step(EXTRACT, heard.subject, note_proposer, NoteProposer(account=heard.actor))


def on_register_updated(heard: Heard[intake.RegisterUpdated]) -> Iterator[Step]:
    """Take in that the register says what was created."""
    yield step(EXTRACT, heard.subject, note_register, NoteRegister(version=heard.event.version))


def on_screening_decided(heard: Heard[review.ScreeningDecided]) -> Iterator[Step]:
    """Take in the decision, the digest and the number of persons it names."""
    command = NoteDecision(
        outcome=heard.event.outcome,
        specification=heard.event.specification,
        file=heard.event.file,
        party=heard.event.party,
        principal_count=heard.event.principal_count,
    )
    yield step(EXTRACT, heard.subject, note_decision, command)


def on_contract_concluded(heard: Heard[review.ContractConcluded]) -> Iterator[Step]:
    """Take in the contract."""
    command = NoteContract(
        contract_number=heard.event.contract_number, party=heard.event.party, delivery_method=heard.event.delivery_method
    )
    yield step(EXTRACT, heard.subject, note_contract, command)


def on_fee_paid(heard: Heard[billing.FeePaid]) -> Iterator[Step]:
    """Take in what is still outstanding."""
    yield step(EXTRACT, heard.subject, note_payment, NotePayment(outstanding=heard.event.outstanding))


REACTIONS: Final[Reactions] = {
    intake.FileRegistered: on_file_registered,
    intake.ProposalSubmitted: on_proposal_submitted,
    intake.RegisterUpdated: on_register_updated,
    review.ScreeningDecided: on_screening_decided,
    review.ContractConcluded: on_contract_concluded,
    billing.FeePaid: on_fee_paid,
}
