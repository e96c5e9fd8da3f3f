"""Dead letters: what could not be read goes to `anken.<consumer>.dlq.v1` untouched, with the reason beside it."""

from collections.abc import Iterable
from typing import Protocol

from kafka import KafkaProducer
from structlog.stdlib import get_logger

from contracts.topics import dead_letter_topic
from services.chassis.received import RawRecord
from services.chassis.relay import make_producer

log = get_logger(__name__)

SEND_SECONDS = 60


class DeadLetters(Protocol):
    """Takes a record that cannot be read."""

    def bury(self, raw: RawRecord, reason: str) -> None:
        """Keep the record with its reason; returns only when it is safe."""


class KafkaDeadLetters:
    """Writes dead letters to the consumer's own topic and waits for the ack."""

    def __init__(self, consumer: str, bootstrap: str, prefix: str) -> None:
        self.consumer = consumer
        self.bootstrap = bootstrap
        self.topic = dead_letter_topic(consumer, prefix)
        self.producer: KafkaProducer | None = None

    def bury(self, raw: RawRecord, reason: str) -> None:
        """Copy key, value and headers, add reason and place; the log names the reason, never the content."""
        if self.producer is None:
            self.producer = make_producer(self.bootstrap)
        self.producer.send(self.topic, key=raw.key, value=raw.value, headers=list(_with_reason(self.consumer, raw, reason))).get(
            SEND_SECONDS
        )
        log.error("dead letter", reason=reason, topic=raw.topic, partition=raw.partition, offset=raw.offset)


def _with_reason(consumer: str, raw: RawRecord, reason: str) -> Iterable[tuple[str, bytes]]:
    yield from ((name, value or b"") for name, value in raw.headers)
    yield "dlq-consumer", consumer.encode()
    yield "dlq-reason", reason.encode()
    yield "dlq-source", f"{raw.topic}/{raw.partition}/{raw.offset}".encode()
