"""The comparison of stores, topics and case log with each other and with what the driver was told. Pure.

Each book goes on from where it was: a round compares what is new, and the run's end reads everything again into fresh books.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from contracts.catalog import BY_TYPE
from services.chassis.announcement import headers_of
from services.chassis.recorder import Outgoing
from tests.chaos.damage import Damage
from tests.chaos.ledger import Acknowledged
from tests.chaos.reading import Logged, Record, Stored

DATA: Final = b',"data":'
FIRST: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Announced:
    """An announced event as the world must hear it; `digest` covers key, value and headers."""

    event: UUID
    type: str
    partition: int
    previous: int | None
    value: bytes
    digest: bytes


def digest_of(key: bytes, value: bytes, headers: Iterable[tuple[str, bytes]]) -> bytes:
    """Digest a record, each part with its length."""
    parts = [key, value, *(part for name, content in headers for part in (name.encode(), content))]
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


@dataclass(slots=True)
class StoreBook:
    """One owner's store as far as it was compared."""

    owner: str
    last: int = 0
    recorded: datetime | None = None
    names: dict[int, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    announced: dict[int, Announced] = field(default_factory=dict)
    events: set[UUID] = field(default_factory=set)

    def compare(self, rows: Sequence[Stored], damage: Damage) -> None:
        """Go on with the next rows: positions and versions without a gap, recorded time never back, each partition's chain whole."""
        for row in rows:
            place = f"{self.owner} {row.position}"
            if row.position > self.last + 1:
                damage.lose(f"{self.owner} {self.last + 1} to {row.position - 1} in the store", row.position - 1 - self.last)
            if row.version != self.versions.get(row.stream, 0) + 1:
                damage.misorder(f"{place}: version {row.version} of its stream follows {self.versions.get(row.stream, 0)}")
            if row.event in self.events:
                damage.double(f"{place}: its id is in the store already")
            if self.recorded is not None and row.recorded < self.recorded:
                damage.misorder(f"{place}: recorded before the event before it")
            self.last, self.recorded = row.position, row.recorded
            self.versions[row.stream] = row.version
            self.names[row.position] = row.topic
            self.events.add(row.event)
            if row.partition is not None and row.value is not None and row.attributes is not None:
                if row.previous != self.ends.get(row.partition):
                    damage.misorder(f"{place}: previous {row.previous}, the partition ended with {self.ends.get(row.partition)}")
                self.ends[row.partition] = row.position
                self._announce(row, row.partition, row.value, row.attributes)

    def _announce(self, row: Stored, partition: int, value: bytes, attributes: bytes) -> None:
        headers = headers_of(
            Outgoing(row.position, row.previous, row.stream, row.recorded, row.after or "", partition, bytes(value), bytes(attributes))
        )
        digest = digest_of(str(row.subject).encode(), bytes(value), headers)
        kind = dict(headers)["ce_type"].decode()
        self.announced[row.position] = Announced(row.event, kind, partition, row.previous, bytes(value), digest)

    def confirm(self, told: Iterable[Acknowledged], damage: Damage) -> None:
        """Find every acknowledged event at its place."""
        for one in told:
            for position, name in zip(range(one.position - len(one.events) + 1, one.position + 1), one.events, strict=True):
                found = self.names.get(position, "nothing")
                if found.rpartition(".")[2] != name:
                    damage.lose(f"{self.owner} {position}: {name} was acknowledged, the store has {found}")


@dataclass(slots=True)
class TopicBook:
    """One owner's topic as far as it was compared. A repeat of a position is harmless if it has the same bytes."""

    owner: str
    places: dict[int, int] = field(default_factory=dict)
    repeats: int = 0
    holes: int = 0

    def begin(self, store: StoreBook, first: int) -> None:
        """Expect nothing before a position: the topic was trimmed, and sent again from there."""
        for position, said in store.announced.items():
            if position < first:
                self.places[said.partition] = position

    def compare(self, store: StoreBook, found: Mapping[int, Sequence[Record]], damage: Damage, *, trimmed: bool) -> None:
        """Go on with the next records of each partition; ahead of a hole nothing counts, and only a trimmed topic may have one."""
        for partition, records in found.items():
            for record in records:
                self._one(store, partition, record, damage, trimmed=trimmed)
        for partition, end in store.ends.items():
            place = self.places.get(partition, 0)
            missing = [at for at, one in store.announced.items() if one.partition == partition and at > place]
            if missing:
                damage.lose(f"{self.owner}/{partition}: from {missing[0]} to {end} in the topic", len(missing))

    def _one(self, store: StoreBook, partition: int, record: Record, damage: Damage, *, trimmed: bool) -> None:
        position = int(record.attributes["position"])
        place = f"{self.owner}/{partition}@{record.offset} (position {position})"
        said = store.announced.get(position)
        if said is None:
            damage.differ(f"{place}: the store announced no such event")
            return
        if said.partition != partition or digest_of(record.key, record.value, record.headers) != said.digest:
            damage.differ(f"{place}: not the bytes that the store announced")
        before = self.places.get(partition)
        if before is not None and position <= before:
            self.repeats += 1
        elif said.previous == before:
            self.places[partition] = position
        else:
            self.holes += 1
            if not trimmed:
                damage.misorder(f"{place}: follows {before} in the topic, {said.previous} in the store")


@dataclass(slots=True)
class LogBook:
    """The case log as far as it was compared."""

    size: int = 0
    chains: dict[UUID, tuple[int, bytes]] = field(default_factory=dict)
    places: dict[tuple[str, int], int] = field(default_factory=dict)
    events: set[UUID] = field(default_factory=set)
    histories: dict[UUID, list[str]] = field(default_factory=dict)

    def compare(self, stores: Mapping[str, StoreBook], entries: Sequence[Logged], damage: Damage) -> None:
        """Go on with the next entries: the index, each chain and each source in order, every announced event once, its bytes untouched."""
        for entry in entries:
            self._one(stores[entry.owner], entry, damage)
        for owner, store in stores.items():
            missing = [at for at, one in store.announced.items() if one.event not in self.events]
            if missing:
                damage.lose(f"{owner}: {len(missing)} events are not in the case log, the first at {missing[0]}", len(missing))

    def _one(self, store: StoreBook, entry: Logged, damage: Damage) -> None:
        place = f"case log {entry.idx} ({entry.owner}/{entry.partition}@{entry.position})"
        if entry.idx != self.size:
            damage.lose(f"{place}: the entry before it has index {self.size - 1}")
        self.size = entry.idx + 1
        if entry.event in self.events:
            damage.double(f"{place}: its event is in the log already")
        self.events.add(entry.event)
        seq, leaf = self.chains.get(entry.subject, (0, FIRST))
        head, _, data = bytes(entry.line).partition(DATA)
        members = json.loads(head + b"}")
        if (entry.seq, members["seq"]) != (seq + 1, seq + 1):
            damage.misorder(f"{place}: place {entry.seq} of its chain follows {seq}")
        if members["prev"] != leaf.hex() or hashlib.sha256(b"\0" + bytes(entry.line)).digest() != bytes(entry.leaf):
            damage.differ(f"{place}: the chain is broken")
        self.chains[entry.subject] = entry.seq, bytes(entry.leaf)
        source = entry.owner, entry.partition
        if entry.position <= self.places.get(source, 0):
            damage.misorder(f"{place}: its source is at {self.places[source]} already")
        self.places[source] = entry.position
        said = store.announced.get(entry.position)
        if said is None or said.event != entry.event or said.partition != entry.partition:
            damage.differ(f"{place}: its owner announced no such event there")
        elif data[:-1] != said.value or members["id"] != str(said.event) or entry.flag is not None:
            damage.differ(f"{place}: not what its owner announced")
        self.histories.setdefault(entry.subject, []).append(BY_TYPE[entry.type].name if entry.type in BY_TYPE else entry.type)


def compare_history(case: UUID, found: Sequence[str], order: Sequence[str], damage: Damage) -> None:
    """Compare a case's own chain with the contract's order: the same events as often, and each owner's in that order."""
    missing, extra = Counter(order) - Counter(found), Counter(found) - Counter(order)
    if missing:
        damage.lose(f"case {case}: its history lacks {', '.join(sorted(missing.elements()))}", missing.total())
    if extra:
        damage.double(f"case {case}: its history has besides {', '.join(sorted(extra.elements()))}", extra.total())
    if missing or extra:
        return
    for owner in OWNER_OF_NAME.values():
        if [name for name in found if OWNER_OF_NAME.get(name) == owner] != [name for name in order if OWNER_OF_NAME.get(name) == owner]:
            damage.misorder(f"case {case}: {owner}'s events stand in another order in its history")
            return


def compare_effects(case: UUID, found: Counter[str], wanted: Mapping[str, int], free: frozenset[str], damage: Damage) -> None:
    """Compare all that the services stored of a case, silent events too, with what its play leads to; `free` come at will."""
    counted = Counter({name: count for name, count in found.items() if name not in free})
    missing, extra = Counter(wanted) - counted, counted - Counter(wanted)
    if missing:
        damage.lose(f"case {case}: no {', '.join(sorted(missing.elements()))} in the stores", missing.total())
    if extra:
        damage.double(f"case {case}: {', '.join(sorted(extra.elements()))} besides in the stores", extra.total())


OWNER_OF_NAME: Final = {entry.name: entry.owner for entry in BY_TYPE.values()}
