"""Dead letters: what could not be read goes to `anken.<consumer>.dlq.v1` untouched, with the reason beside it."""

import hashlib
from typing import Final, Protocol

from kafka import KafkaProducer
from structlog.stdlib import get_logger

from contracts.topics import dead_letter_topic
from services.chassis.received import RawRecord
from services.chassis.relay import make_producer

log = get_logger(__name__)

SEND_SECONDS: Final = 60
LARGEST: Final = 900 * 1024  # under a topic's 1 MiB with room for the reason: a record Kafka refuses is the producer's end


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
        key, value, headers = raw.key, raw.value, [(name, content or b"") for name, content in raw.headers]
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(content) for name, content in headers)
        if size > LARGEST:
            # The reason would make it too large for a topic: a letter without the content, which `dlq-source` still has.
            digest = hashlib.sha256(value or b"").hexdigest()
            key, value, headers = None, b"", [("dlq-digest", f"sha256:{digest}".encode())]
        elif key is None and value is None:
            value = b""  # a producer sends no record that has neither
        headers += _reason(self.consumer, raw, reason)
        self.producer.send(self.topic, key=key, value=value, headers=headers).get(SEND_SECONDS)
        log.error("dead letter", reason=reason, topic=raw.topic, partition=raw.partition, offset=raw.offset)


def _reason(consumer: str, raw: RawRecord, reason: str) -> list[tuple[str, bytes]]:
    source = f"{raw.topic}/{raw.partition}/{raw.offset}"
    return [("dlq-consumer", consumer.encode()), ("dlq-reason", reason.encode()), ("dlq-source", source.encode())]
