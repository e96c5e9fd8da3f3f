"""The inbox: takes batches off partitions, proves that none is missing, hands them on in order, exactly once.

A record whose position was taken before is passed over. In a hole (its previous position is not the one we have)
the partition keeps its place, applies nothing, reads on and warns, until the record that continues it arrives.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Protocol

from structlog.stdlib import get_logger

from contracts.envelope import Undecodable
from services.chassis.dead_letters import DeadLetters
from services.chassis.received import RawRecord, Received, receive
from services.chassis.recorder import AlreadyTaken

log = get_logger(__name__)


class Listener(Protocol):
    """What a service does with records in order."""

    def place(self, source: str) -> int | None:
        """Give the position taken last from a source such as `intake/3`."""

    def take(self, source: str, since: int | None, records: Sequence[Received]) -> None:
        """Take records that continue each other from `since`; raises AlreadyTaken if the place has moved."""


class Inbox:
    """One service's inbox over all the topics it hears."""

    def __init__(self, listener: Listener, dead_letters: DeadLetters) -> None:
        self.listener = listener
        self.dead_letters = dead_letters
        self.holes: dict[str, int] = {}

    def handle(self, batch: Sequence[RawRecord]) -> None:
        """Take one batch; it mixes partitions. Raises what the servers raise; the batch may be given again then."""
        for source, raws in groupby(sorted(batch, key=lambda raw: (raw.source, raw.offset)), key=lambda raw: raw.source):
            self._partition(source, self._decoded(raws))

    def _decoded(self, raws: Iterable[RawRecord]) -> list[Received]:
        decoded: list[Received] = []
        for raw in raws:
            try:
                decoded.append(receive(raw))
            except Undecodable as error:
                self.dead_letters.bury(raw, error.reason)
        return decoded

    def _partition(self, source: str, received: list[Received]) -> None:
        while True:
            since = self.listener.place(source)
            continuing = self._continuing(source, since, received)
            if not continuing:
                return
            try:
                self.listener.take(source, since, continuing)
            except AlreadyTaken:
                log.info("another reader took the records", source=source)
                continue
            return

    def _continuing(self, source: str, since: int | None, received: list[Received]) -> list[Received]:
        place, continuing, hole = since, [], None
        for one in received:
            position = one.envelope.position
            if place is not None and position <= place:
                continue
            if one.envelope.previousposition != place:
                hole = position
                continue
            continuing.append(one)
            place, hole = position, None
        self._note(source, place, hole)
        return continuing

    def _note(self, source: str, place: int | None, hole: int | None) -> None:
        before = self.holes.get(source)
        if hole is not None:
            self.holes[source] = hole
            if before is None:
                log.error("hole", source=source, have=place, next=hole)
        elif before is not None and place is not None and place >= before:
            del self.holes[source]
            log.info("hole closed", source=source, place=place)
