"""The listener of a room: a whole batch, of many cases, is decided on one reading and stored in one transaction.

What spoils a batch (a version that somebody else took, a value the database refuses) is found by halving it, until it
stands alone and is tried again or becomes a letter; the other cases are stored without it.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from structlog.stdlib import get_logger

from services.chassis import metrics
from services.chassis.dead_letters import DeadLetterTopic, Letter
from services.chassis.desk import Desk
from services.chassis.heard import Reactions
from services.chassis.inbox import Portion
from services.chassis.inbox_store import InboxStore, Move, ParkingMoved, Taking
from services.chassis.loop import pause
from services.chassis.reactions import RECORDS_FAULT, Reacting, behind, failed
from services.chassis.received import Received
from services.chassis.recorder import VersionConflict

log = get_logger(__name__)

ATTEMPTS: Final = 20
Places = Mapping[str, int | None]


@dataclass(slots=True)
class Batch:
    """What is to be stored, and the outcomes to be counted once it is."""

    taking: Taking
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)


class ReactingListener:
    """Takes records in order: the events that follow and the places read are stored together."""

    def __init__(self, desk: Desk, reactions: Reactions, topic: DeadLetterTopic) -> None:
        self.desk = desk
        self.reacting = Reacting(desk, reactions)
        self.topic = topic
        self.store = InboxStore(desk.recorder)

    def places(self, sources: Collection[str]) -> dict[str, int]:
        """Give the position taken last from each source."""
        return self.store.places_of(sources)

    def bury(self, letters: Sequence[Letter]) -> None:
        """Keep records without an envelope; they have no place and park no case."""
        self.topic.tell(letters)
        self.store.store(Taking({}, (), letters, (), ()))

    def take(self, portions: Sequence[Portion]) -> None:
        """React to all records; raises AlreadyTaken if a place has moved."""
        records = [one for portion in portions for one in portion.records]
        self._take(records, {portion.source: portion.since for portion in portions})

    def _take(self, records: Sequence[Received], since: Places) -> None:
        spoilt: Letter | None = None
        for attempt in range(ATTEMPTS):
            batch = self._decided(records, since) if spoilt is None else _alone(records[0], since, spoilt)
            self.topic.tell(batch.taking.letters)
            try:
                self.store.store(batch.taking)
            except ParkingMoved:
                continue
            except (VersionConflict, *RECORDS_FAULT) as error:
                if len(records) > 1:
                    self._halves(records, since)
                    return
                if isinstance(error, VersionConflict):
                    metrics.VERSION_CONFLICTS.inc()
                    time.sleep(pause(attempt) / 4)
                else:
                    spoilt = failed(records[0], UUID(records[0].envelope.subject), error)
                continue
            for (kind, outcome), count in batch.outcomes.items():
                metrics.REACTIONS.labels(kind, outcome).inc(count)
            return
        raise VersionConflict(f"{ATTEMPTS} attempts met a newer version each time")

    def _halves(self, records: Sequence[Received], since: Places) -> None:
        half = len(records) // 2
        self._take(records[:half], {source: since[source] for source in sources(records[:half])})
        moved = {**since, **{one.raw.source: one.envelope.position for one in records[:half]}}
        self._take(records[half:], {source: moved[source] for source in sources(records[half:])})

    def _decided(self, records: Sequence[Received], since: Places) -> Batch:
        reactions = [self.reacting.reaction(one) for one in records]
        subjects = {one.subject for one in reactions if one.subject is not None}
        known = self.store.parked(subjects) if subjects else set()
        reading = self.desk.reading(step for one in reactions for step in one.steps)
        parked, letters, outcomes = set(known), list[Letter](), Counter[tuple[str, str]]()
        for one in reactions:
            if not one.concerns:
                continue
            if one.subject is not None and one.subject in parked:
                letter: Letter | None = behind(one.received, one.subject)
            else:
                letter = one.letter or self.reacting.decide(one, reading)
            if letter is not None:
                letters.append(letter)
                if letter.subject is not None:
                    parked.add(letter.subject)
            outcomes[one.received.envelope.type, "taken" if letter is None else letter.cause.value] += 1
        taking = Taking(moves(records, since), self.desk.stored(reading), letters, subjects, known)
        return Batch(taking, outcomes)


def _alone(record: Received, since: Places, letter: Letter) -> Batch:
    """Make the batch of one record whose events the database refuses."""
    outcomes = Counter({(record.envelope.type, letter.cause.value): 1})
    return Batch(Taking(moves([record], since), (), [letter], (), ()), outcomes)


def moves(records: Sequence[Received], since: Places) -> dict[str, Move]:
    """Give the moves of places that taking these records comes to."""
    return {one.raw.source: Move(since[one.raw.source], one.envelope.position) for one in records}


def sources(records: Sequence[Received]) -> set[str]:
    """Name the sources of records."""
    return {one.raw.source for one in records}
