"""Reading whole topics, and writing records as an owner's relay would."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition
from uuid6 import uuid7

from contracts.catalog import owned
from contracts.envelope import Envelope, to_headers
from contracts.topics import PARTITIONS
from contracts.values import ContractEvent
from services.chassis.relay import make_producer

Record = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]


def read_topic(bootstrap: str, topic: str) -> dict[int, list[Record]]:
    """Give every record of a topic by partition: key, value, headers."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    try:
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        found: dict[int, list[Record]] = {number: [] for number in range(PARTITIONS)}
        while any(consumer.position(one) < ends[one] for one in partitions):
            for one, records in consumer.poll(200).items():
                found[one.partition] += [(record.key, record.value, tuple(record.headers)) for record in records]
        return found
    finally:
        consumer.close()


def envelope(owner: str, event: ContractEvent, subject: UUID, position: int, previous: int | None) -> Envelope:
    """Make an envelope as the owner's store would."""
    entry, now = owned(owner, type(event)), datetime.now(UTC)
    return Envelope(
        id=UUID(bytes=uuid7().bytes),
        source=f"/anken/{owner}",
        type=entry.type,
        subject=str(subject),
        time=now,
        recordedtime=now,
        dataschema=entry.dataschema,
        tenantid="minatono",
        correlationid=subject,
        actor="head-1",
        actorrole="head",
        lawrevision="20260717_508AC0000000062",
        position=position,
        previousposition=previous,
    )


@dataclass(slots=True)
class Owner:
    """Writes to a topic, keyed by subject."""

    bootstrap: str
    topic: str

    def write(self, subject: UUID, records: Sequence[tuple[Sequence[tuple[str, bytes]], bytes | None]]) -> None:
        """Send `(headers, value)` records in order and wait."""
        producer = make_producer(self.bootstrap)
        sent = [producer.send(self.topic, key=str(subject).encode(), value=value, headers=list(headers)) for headers, value in records]
        for one in sent:
            one.get(30)
        producer.close()


def record(owner: str, event: ContractEvent, subject: UUID, position: int, previous: int | None) -> tuple[list[tuple[str, bytes]], bytes]:
    """Make one record: headers and value."""
    return to_headers(envelope(owner, event, subject, position, previous)), event.model_dump_json().encode()
