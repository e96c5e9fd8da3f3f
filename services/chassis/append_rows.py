"""Events in PostgreSQL's binary form, as the store's functions `append_one` and `append` take them.

Written by hand because psycopg's own dumpers take longer for a group of events than the server for storing it.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from psycopg.postgres import types

from services.chassis.recorded import Appending

INT, TEXT, SMALLINT, BIGINT, BYTEA, UUID = (types[name].oid for name in ("int4", "text", "int2", "int8", "bytea", "uuid"))
COLUMNS: Final = 12
ABSENT: Final = -1  # as a length

pack_smallint: Final = Struct("!h").pack
pack_int: Final = Struct("!i").pack
pack_bigint: Final = Struct("!q").pack
pack_field: Final = Struct("!Ii").pack
VERSION, IDENTITY = pack_field(BIGINT, 8), pack_field(UUID, 16)
pack_array: Final = Struct("!iiIii").pack
pack_empty: Final = Struct("!iiI").pack
# An element's length, its number of columns, then `nth`, `slot` and `follows`, each after its type and length.
_first: Final = Struct("!iiIiiIiiIi")
_later: Final = Struct("!iiIiiIiiIii")
LENGTH: Final = 4


class AppendRow(NamedTuple):
    """One event to append: its fields, and the same as they stand in a record."""

    stream: str
    version: int
    partition: int | None
    fields: tuple[bytes | None, ...]
    record: bytes


def row_of(event: Appending) -> AppendRow:
    """Write one event; it is done by who asks, while the group before is being stored."""
    name = str(event.originator_id)
    stream, topic, tenant = name.encode(), event.topic.encode(), event.tenant.encode()
    version, state, identity = pack_bigint(event.originator_version), event.state, event.event_id.bytes
    place = None if event.partition is None else pack_smallint(event.partition)
    parts = (
        pack_field(TEXT, len(stream)), stream, VERSION, version, pack_field(TEXT, len(topic)), topic,
        pack_field(BYTEA, len(state)), state, IDENTITY, identity, pack_field(TEXT, len(tenant)), tenant,
        *_nullable(SMALLINT, place), *_nullable(BYTEA, event.value), *_nullable(BYTEA, event.attributes),
    )  # fmt: skip
    fields = (stream, version, topic, state, identity, tenant, place, event.value, event.attributes)
    return AppendRow(name, event.originator_version, event.partition, fields, b"".join(parts))


def _nullable(kind: int, value: bytes | None) -> tuple[bytes, bytes]:
    return (pack_field(kind, ABSENT), b"") if value is None else (pack_field(kind, len(value)), value)


class HeardKeys:
    """The names, in a store's `tracking`, of what a service has heard from each owner, by partition."""

    def __init__(self, heard: Sequence[str]) -> None:
        self.owners = sorted(heard)
        self._elements: dict[int, bytes] = {}

    def of(self, partitions: Sequence[int]) -> bytes:
        """Write the names of some partitions as one array."""
        return array(TEXT, [self._of(partition) for partition in partitions], len(self.owners) * len(partitions))

    def _of(self, partition: int) -> bytes:
        found = self._elements.get(partition)
        if found is None:
            names = [f"heard:{owner}/{partition}".encode() for owner in self.owners]
            found = self._elements[partition] = b"".join(pack_int(len(name)) + name for name in names)
        return found


def array(kind: int, elements: Sequence[bytes], count: int) -> bytes:
    """Write an array from its elements, each after its length."""
    return pack_array(1, 0, kind, count, 1) + b"".join(elements) if count else pack_empty(0, 0, kind)


def lone_parameters(row: AppendRow, keys: HeardKeys) -> tuple[bytes | None, ...]:
    """Give what `append_one` takes."""
    return *row.fields, keys.of(() if row.partition is None else (row.partition,))


def group_parameters(rows: Sequence[AppendRow], row_type: int, keys: HeardKeys) -> tuple[bytes, bytes, bytes, bytes]:
    """Give what `append` takes; `row_type` is the store's own type of row."""
    slots: dict[int, int] = {}
    latest: dict[int, int] = {}
    given: list[bytes] = []
    for nth, row in enumerate(rows, 1):
        partition, record = row.partition, row.record
        if partition is None:
            slot, follows = 0, None
        else:
            slot = slots.setdefault(partition, len(slots) + 1)
            follows, latest[partition] = latest.get(partition), nth
        if follows is None:
            length = _first.size - LENGTH + len(record)
            given += (_first.pack(length, COLUMNS, INT, 4, nth, INT, 4, slot, INT, ABSENT), record)
        else:
            length = _later.size - LENGTH + len(record)
            given += (_later.pack(length, COLUMNS, INT, 4, nth, INT, 4, slot, INT, 4, follows), record)
    partitions = [*slots]
    smallints = [pack_int(2) + pack_smallint(partition) for partition in partitions]
    return (
        array(row_type, given, len(rows)),
        array(SMALLINT, smallints, len(partitions)),
        keys.of(partitions),
        pack_int(len(keys.owners)),
    )
