"""Readiness: consuming and relaying, not just running; each check names what it misses."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from services.chassis.backlog import OLDEST_UNSENT, RELAY_POSITION, Backlog
from services.chassis.consumer import Consumer
from services.chassis.loop import Loop

PATIENCE_SECONDS: Final = 60


class StoreCheck:
    """Misses the database, its schema, or anybody who relays what was announced.

    Which relay leads does not matter: whoever it is moves the place. Old events alone are no sign either, since after an
    outage or a rewind they are old while they flow; only old events and a place that rests are.
    """

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self.position: float | None = None
        self.moved = time.monotonic()

    def __call__(self) -> Iterator[str]:
        """Look at the store."""
        sight = self.backlog.look()
        if not sight.up:
            yield "database"
        elif not sight.current:
            yield "schema"
        elif RELAY_POSITION in sight.figures:
            if sight.figures[RELAY_POSITION] != self.position:
                self.position, self.moved = sight.figures[RELAY_POSITION], time.monotonic()
            if sight.figures[OLDEST_UNSENT] > PATIENCE_SECONDS and time.monotonic() - self.moved > PATIENCE_SECONDS:
                yield "relaying"


def loops_turning(loops: Sequence[Loop]) -> Iterable[str]:
    """Name the loops that do not turn: gone, waiting for a server, stalled, or in one turn for more than a minute."""
    return [loop.name for loop in loops if not loop.is_well()]


def consuming(consumer: Consumer) -> Iterable[str]:
    """Miss the consumer where it has no partitions, hears nothing from Kafka, or has been in one batch for too long."""
    return () if consumer.is_well() else ("consumer",)
