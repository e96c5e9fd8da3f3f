"""A Kafka record as an inbox sees it: envelope, raw bytes, place in the source; decoded by us, never by a framework."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from contracts.envelope import Envelope, from_headers
from contracts.topics import owner_of


class RawRecord(NamedTuple):
    """What came off a partition, untouched."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @property
    def source(self) -> str:
        """Name the partition of the owner, e.g. `intake/3`."""
        return source_of(self.topic, self.partition)


@cache
def source_of(topic: str, partition: int) -> str:
    """Name a partition by its owner, whatever prefix the topics have."""
    return f"{owner_of(topic)}/{partition}"


class Received(NamedTuple):
    """A record with a valid envelope; the payload's bytes are not looked at yet."""

    envelope: Envelope
    value: bytes
    raw: RawRecord


def receive(raw: RawRecord) -> Received:
    """Decode the envelope; raises Undecodable. An event's value is never null."""
    return Received(from_headers(raw.headers), raw.value or b"", raw)
