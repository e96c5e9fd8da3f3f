"""What intake takes in when review and the anonymizer speak."""

from collections.abc import Callable, Iterator
from typing import Final

from contracts import anonymizer, review
from contracts.values import ContractEvent
from services.chassis.aggregate import Step, step
from services.chassis.heard import Heard, Reactions
from services.intake.events import Stage
from services.intake.proposal import PROPOSAL, NoteDecision, NoteExtract, NoteStage, note_decision, note_extract, note_stage


def on_screening_decided(heard: Heard[review.ScreeningDecided]) -> Iterator[Step]:
    """Take in the outcome."""
    yield step(PROPOSAL, heard.subject, note_decision, NoteDecision(outcome=heard.event.outcome))


def on_extract_verified(heard: Heard[anonymizer.ExtractVerified]) -> Iterator[Step]:
    """Take in what the register will say."""
    yield step(PROPOSAL, heard.subject, note_extract, NoteExtract(records=heard.event.records, items=heard.event.items))


def on_stage(stage: Stage) -> Callable[[Heard[ContractEvent]], Iterator[Step]]:
    """Give the reaction to an event that only says how far the case has come."""

    def on_event(heard: Heard[ContractEvent]) -> Iterator[Step]:
        yield step(PROPOSAL, heard.subject, note_stage, NoteStage(stage=stage))

    return on_event


REACTIONS: Final[Reactions] = {
    review.ScreeningDecided: on_screening_decided,
    review.ContractConcluded: on_stage("contracted"),
    review.UseEnded: on_stage("use_ended"),
    anonymizer.ExtractProduced: on_stage("created"),
    anonymizer.ExtractVerified: on_extract_verified,
    anonymizer.KeysDestroyed: on_stage("keys_destroyed"),
    anonymizer.ExtractDelivered: on_stage("delivered"),
    anonymizer.DeliveryAcknowledged: on_stage("acknowledged"),
}
