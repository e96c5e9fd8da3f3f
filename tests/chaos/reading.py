"""What the house's stores, topics and case log hold, read from outside as plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from kafka import KafkaConsumer, TopicPartition
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from contracts.topics import PARTITIONS, owner_topic


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of an event store; the last five are absent for a silent event."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes
    event: UUID
    recorded: datetime
    partition: int | None
    previous: int | None
    after: str | None
    value: bytes | None
    attributes: bytes | None

    @property
    def subject(self) -> UUID:
        """What the event is about."""
        return UUID(self.stream[-36:])


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def attributes(self) -> dict[str, str]:
        """Its headers as text."""
        return {name: content.decode() for name, content in self.headers}


@dataclass(frozen=True, slots=True)
class Logged:
    """One entry of the case log."""

    tenant: str
    idx: int
    subject: UUID
    seq: int
    event: UUID
    type: str
    owner: str
    partition: int
    position: int
    flag: str | None
    leaf: bytes
    line: bytes


def read_store(connection: psycopg.Connection, owner: str, since: int) -> list[Stored]:
    """Read what an owner stored after a position, in order."""
    statement = SQL(
        "SELECT notification_id AS position, originator_id AS stream, originator_version AS version, topic, state, event_id AS event,"
        " recorded, partition, previous, after, value, attributes FROM {}.events WHERE notification_id > %s ORDER BY notification_id"
    ).format(Identifier(owner))
    with connection.cursor(row_factory=class_row(Stored)) as cursor:
        return cursor.execute(statement, (since,)).fetchall()


def read_log(connection: psycopg.Connection, since: int) -> list[Logged]:
    """Read the entries after an index of the one tenant that plays."""
    statement = SQL(
        "SELECT tenant, idx, subject, seq, event_id AS event, type, source AS owner, partition, position, flag, leaf, line"
        " FROM caselog.entry WHERE idx > %s ORDER BY idx"
    )
    with connection.cursor(row_factory=class_row(Logged)) as cursor:
        return cursor.execute(statement, (since,)).fetchall()


class Topics:
    """A plain reader without a group; remembers how far it has read."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.offsets: dict[TopicPartition, int] = {}

    def read(self, owner: str) -> dict[int, list[Record]]:
        """Read what was appended to an owner's topic since the last time, by partition and in order."""
        return self._read(owner_topic(owner))

    def count(self, topics: Sequence[str]) -> int:
        """Count the records that topics hold."""
        consumer = self._consumer()
        try:
            partitions = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
            first, last = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
            return sum(last[one] - first[one] for one in partitions)
        finally:
            consumer.close()

    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(bootstrap_servers=self.bootstrap.split(","), enable_auto_commit=False, auto_offset_reset="earliest")

    def _read(self, topic: str) -> dict[int, list[Record]]:
        consumer = self._consumer()
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        found: dict[int, list[Record]] = {number: [] for number in range(PARTITIONS)}
        try:
            consumer.assign(partitions)
            ends: Mapping[TopicPartition, int] = consumer.end_offsets(partitions)
            firsts: Mapping[TopicPartition, int] = consumer.beginning_offsets(partitions)
            for one in partitions:
                consumer.seek(one, max(self.offsets.get(one, 0), firsts[one]))
            while any(consumer.position(one) < ends[one] for one in partitions):
                for one, records in consumer.poll(500).items():
                    found[one.partition] += [
                        Record(one.partition, each.offset, each.key, each.value, tuple(each.headers)) for each in records
                    ]
            self.offsets |= {one: consumer.position(one) for one in partitions}
        finally:
            consumer.close()
        return found
