"""Admission: in which order the records that wait become entries, so that every cause stands before its effect.

Pure. A record is admitted when the record before it in its own source is, when everything its author had taken in before
(`ce_after`) is, and when the event that caused it (`ce_causationid`) is. The cause may be of another partition, where
`ce_after` is silent, so it is always looked for by its id.
"""

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from contracts.envelope import Envelope
from contracts.topics import OWNERS
from services.caselog.entry import Entry

PLACE: Final = re.compile(r"([a-z]+)=([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record as it arrived from a source such as `intake/3`; without an entry it only keeps its place."""

    source: str
    envelope: Envelope
    entry: Entry | None

    @property
    def position(self) -> int:
        """The record's place in its author's store."""
        return self.envelope.position

    def needs(self) -> Iterator[tuple[str, int]]:
        """Give the places in other sources that the author had read; owners that nobody hears cannot be waited for."""
        partition = self.source.partition("/")[2]
        for owner, position in PLACE.findall(self.envelope.after):
            if owner in OWNERS:
                yield f"{owner}/{partition}", int(position)


def lacking(arrival: Arrival, admitted: Mapping[str, int], known: Collection[UUID]) -> Iterator[str]:
    """Give what an arrival still waits for, as places `intake/3@1041` and events `event <id>`; nothing if it can be admitted."""
    before = arrival.envelope.previousposition
    if admitted.get(arrival.source) != before:
        yield f"{arrival.source}@{'the first' if before is None else before}"
    for source, position in arrival.needs():
        if admitted.get(source, -1) < position:
            yield f"{source}@{position}"
    cause = arrival.envelope.causationid
    if cause is not None and cause not in known:
        yield f"event {cause}"


def admit(admitted: Mapping[str, int], known: Collection[UUID], waiting: Iterable[Arrival]) -> Iterator[Arrival]:
    """Give the arrivals that can be admitted, in causal order.

    `admitted` is the last place per source, `known` holds the ids among the causes that are in the log (or left out of it
    for good). The same arrivals in another order give the same set, unless more has arrived meanwhile.
    """
    places, ids = dict(admitted), set(known)
    queues: dict[str, deque[Arrival]] = {}
    for arrival in sorted(waiting, key=lambda one: (one.source, one.position)):
        queues.setdefault(arrival.source, deque()).append(arrival)
    moving = True
    while moving:
        moving = False
        for queue in queues.values():
            while queue and not any(lacking(queue[0], places, ids)):
                arrival = queue.popleft()
                places[arrival.source] = arrival.position
                ids.add(arrival.envelope.id)
                moving = True
                yield arrival
