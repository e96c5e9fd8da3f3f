"""The topics: one per owner, keyed by subject, twelve partitions for life."""

from typing import Final

PARTITIONS: Final = 12
RETENTION_DAYS: Final = 90
OWNERS: Final = ("intake", "review", "billing", "anonymizer")
PREFIX: Final = "anken"


def owner_topic(owner: str, prefix: str = PREFIX) -> str:
    """Name the topic that `owner` alone writes, e.g. `anken.intake.v1`."""
    return f"{prefix}.{owner}.v1"


def dead_letter_topic(consumer: str, prefix: str = PREFIX) -> str:
    """Name the topic that takes what `consumer` could not read."""
    return f"{prefix}.{consumer}.dlq.v1"


def owner_of(topic: str) -> str:
    """Give the owner a topic name belongs to: `anken.intake.v1` is intake's."""
    return topic.rsplit(".", 2)[-2]


def partition_of(key: str) -> int:
    """Give the partition of a record key as Kafka's default partitioner (murmur2) places it."""
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


def _murmur2(data: bytes) -> int:
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = h * m & mask ^ k
    if tail := data[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)
