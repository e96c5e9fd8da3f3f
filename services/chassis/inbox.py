"""The inbox: takes batches off partitions, proves that none is missing, hands them on in order, exactly once.

A record whose position was taken before is passed over. In a hole (its previous position is not the one we have)
the partition keeps its place, applies nothing, reads on and warns, until the record that continues it arrives.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol

from structlog.stdlib import get_logger

from contracts.envelope import Undecodable
from contracts.topics import OWNERS
from services.chassis import metrics
from services.chassis.dead_letters import Cause, Letter
from services.chassis.inbox_store import AlreadyTaken
from services.chassis.received import RawRecord, Received, receive, source_of

log = get_logger(__name__)

PARTITION: Final = attrgetter("topic", "partition")
PLACE: Final = attrgetter("topic", "partition", "offset")


@dataclass(frozen=True, slots=True)
class Portion:
    """Records of one source, such as `intake/3`, that continue each other from the position taken last."""

    source: str
    since: int | None
    records: Sequence[Received]


class Listener(Protocol):
    """What a service does with records in order."""

    def places(self, sources: Collection[str]) -> dict[str, int]:
        """Give the position taken last from each source; one never read is missing."""

    def take(self, portions: Sequence[Portion]) -> None:
        """Take all portions in one transaction; raises AlreadyTaken, nothing taken, if a place has moved."""

    def bury(self, letters: Sequence[Letter]) -> None:
        """Keep records that could not be read."""


class Inbox:
    """One service's inbox over all the topics it hears."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.holes: dict[str, int] = {}

    def handle(self, batch: Sequence[RawRecord]) -> None:
        """Take one batch; it mixes partitions. Raises what the servers raise; the batch may be given again then."""
        by_source: dict[str, list[Received]] = {}
        letters: list[Letter] = []
        for (topic, partition), raws in groupby(sorted(batch, key=PLACE), key=PARTITION):
            source = source_of(topic, partition)
            received = by_source.setdefault(source, [])
            for raw in raws:
                try:
                    received.append(receive(raw))
                except Undecodable as error:
                    letters.append(Letter(raw, None, None, Cause.UNREADABLE, error.reason))
                    metrics.INBOX_RECORDS.labels(source.partition("/")[0], "unreadable").inc()
        if letters:
            self.listener.bury(letters)
        while True:
            places = self.listener.places(by_source)
            found = [self._portion(source, places.get(source), received) for source, received in by_source.items()]
            portions = [one for one in found if one.records]
            try:
                if portions:
                    self.listener.take(portions)
            except AlreadyTaken:
                log.info("another reader took the records", sources=sorted(by_source))
                continue
            break
        for one in portions:
            metrics.INBOX_RECORDS.labels(one.source.partition("/")[0], "taken").inc(len(one.records))

    def _portion(self, source: str, since: int | None, received: Sequence[Received]) -> Portion:
        place, continuing, hole = since, list[Received](), None
        outcomes: Counter[str] = Counter()
        for one in received:
            position = one.envelope.position
            if place is not None and position <= place:
                outcomes["known"] += 1
                continue
            if one.envelope.previousposition != place:
                outcomes["hole"] += 1
                hole = position
                continue
            continuing.append(one)
            place, hole = position, None
        for outcome, count in outcomes.items():
            metrics.INBOX_RECORDS.labels(source.partition("/")[0], outcome).inc(count)
        self._note(source, place, hole)
        return Portion(source, since, continuing)

    def _note(self, source: str, place: int | None, hole: int | None) -> None:
        before = self.holes.get(source)
        if hole is not None:
            self.holes[source] = hole
            if before is None:
                log.error("hole", source=source, have=place, next=hole)
        elif before is not None and place is not None and place >= before:
            del self.holes[source]
            log.info("hole closed", source=source, place=place)
        else:
            return
        self._count()

    def reads(self, sources: Collection[str]) -> None:
        """Know which sources this replica reads from now on: a hole in any other is no longer its to watch."""
        self.holes = {source: hole for source, hole in self.holes.items() if source in sources}
        self._count()

    def _count(self) -> None:
        for owner in OWNERS:
            metrics.INBOX_HOLES.labels(owner).set(sum(one.startswith(f"{owner}/") for one in self.holes))
