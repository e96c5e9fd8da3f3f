"""What review does when intake and billing speak."""

from collections.abc import Iterator
from typing import Final

from contracts import billing, intake
from contracts.law import law_on
from services.chassis.aggregate import Step, step
from services.chassis.heard import Heard, Reactions
from services.review.contract import CONTRACT, NotePayment, note_payment
from services.review.events import ProposalNoted
from services.review.screening import SCREENING, NoteCompleteness, NoteFee, NoteProposal, note_completeness, note_fee, note_proposal


def on_proposal_submitted(heard: Heard[intake.ProposalSubmitted]) -> Iterator[Step]:
    """Take in the proposal, and the account that sent it: only that one applies for the contract."""
    noted = ProposalNoted(
        account=heard.actor,
        kind=heard.event.kind,
        body=heard.event.body,
        file=heard.event.file,
        party=heard.event.party,
        principal_count=heard.event.principal_count,
        file_principal_count=heard.event.file_principal_count,
        use_from=heard.event.use_from,
        use_to=heard.event.use_to,
    )
    yield step(SCREENING, heard.subject, note_proposal, NoteProposal(noted=noted, criteria=law_on(heard.today).criteria))


def on_proposal_found_complete(heard: Heard[intake.ProposalFoundComplete]) -> Iterator[Step]:
    """Take in that it is complete."""
    yield step(SCREENING, heard.subject, note_completeness, NoteCompleteness(criteria=law_on(heard.today).criteria))


def on_fee_estimated(heard: Heard[billing.FeeEstimated]) -> Iterator[Step]:
    """Take in the fee that the notice will state."""
    yield step(SCREENING, heard.subject, note_fee, NoteFee(total=heard.event.total))


def on_fee_paid(heard: Heard[billing.FeePaid]) -> Iterator[Step]:
    """Take in a payment."""
    yield step(CONTRACT, heard.subject, note_payment, NotePayment(outstanding=heard.event.outstanding))


REACTIONS: Final[Reactions] = {
    intake.ProposalSubmitted: on_proposal_submitted,
    intake.ProposalFoundComplete: on_proposal_found_complete,
    billing.FeeEstimated: on_fee_estimated,
    billing.FeePaid: on_fee_paid,
}
