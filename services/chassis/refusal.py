"""A reaction that its decision refused is a fact too: what we would have done, and the rule it broke."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from contracts.values import ReactionRefused as AnnouncedRefusal
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Event


class ReactionRefused(Event, topic="chassis.ReactionRefused"):
    """What was heard would have led here, and was no longer allowed."""

    rule: str
    field: str
    reaction: str
    event: UUID


@dataclass(frozen=True, slots=True)
class Refusals:
    """The events whose reactions were refused, per subject."""

    events: frozenset[UUID] = frozenset()


def evolve(refusals: Refusals, event: ReactionRefused) -> Refusals:
    """Remember the event."""
    return Refusals(refusals.events | {event.event})


class RecordRefusal(Command):
    """Keep a refusal."""

    rule: str
    field: str
    reaction: str
    event: UUID


def record_refusal(refusals: Refusals, command: RecordRefusal) -> Iterator[ReactionRefused]:
    """Record it once per event heard."""
    if command.event not in refusals.events:
        yield ReactionRefused(rule=command.rule, field=command.field, reaction=command.reaction, event=command.event)


def announce_refusal(event: ReactionRefused) -> AnnouncedRefusal:
    """Tell the world."""
    return AnnouncedRefusal(rule=event.rule, field=event.field, reaction=event.reaction, event=str(event.event))


REFUSAL: Final = Aggregate("refusal", Refusals(), evolve)
