"""Dead letters: what an inbox could not take, whole, with cause and reason; kept in its store and told on `anken.<consumer>.dlq.v1`."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from kafka import KafkaProducer
from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier
from structlog.stdlib import get_logger

from contracts.envelope import Envelope
from contracts.topics import dead_letter_topic
from services.chassis import metrics
from services.chassis.received import RawRecord
from services.chassis.relay import make_producer

log = get_logger(__name__)

SEND_SECONDS: Final = 60
LARGEST: Final = 900 * 1024  # under a topic's 1 MiB with room for the reason: a record Kafka refuses is the producer's end
KINDS: Final = {
    "topic": "text", "partition": "int2", "kafka_offset": "int8", "digest": "bytea", "key": "bytea", "value": "bytea", "headers": "bytea",
    "position": "int8", "subject": "uuid", "event_id": "uuid", "type": "text", "tenant": "text",
    "cause": "text", "reason": "text", "stack": "text",
}  # fmt: skip


class Cause(StrEnum):
    """Why a record became a letter."""

    UNREADABLE = "unreadable"  # no valid envelope: it has no place, and parks nothing
    FOREIGN = "foreign"  # not this topic's type, or not this record key's subject
    PAYLOAD = "payload"  # the payload is not what its type promises
    FAILED = "failed"  # our reaction broke on it
    UNRECORDABLE = "unrecordable"  # no entry of the case log could hold it
    PARKED = "parked"  # it follows a letter of its case


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be taken. `stack` groups failures of the same kind: a digest of the places in our code."""

    raw: RawRecord
    envelope: Envelope | None
    subject: UUID | None
    cause: Cause
    reason: str
    stack: str | None = None


class DeadLetterTopic(Protocol):
    """Tells the world of dead letters."""

    def tell(self, letters: Sequence[Letter]) -> None:
        """Copy letters to the topic; returns only when they are safe there. Told again after a crash, never left out."""


class LetterBox:
    """The SQL of letters, in the caller's transaction."""

    def __init__(self, schema: str) -> None:
        named = Identifier(schema)
        self.select_parked = SQL("SELECT DISTINCT subject FROM {}.dead_letter WHERE state = 'open' AND subject = ANY(%s)").format(named)
        self.insert = SQL("INSERT INTO {}.dead_letter ({}) SELECT * FROM unnest({}) ON CONFLICT DO NOTHING").format(
            named,
            SQL(", ").join(map(Identifier, KINDS)),
            SQL(", ").join(SQL("%s::{}[]").format(Identifier(kind)) for kind in KINDS.values()),
        )

    def parked(self, connection: Connection[DictRow], subjects: Collection[UUID]) -> set[UUID]:
        """Give those of the subjects that have an open letter."""
        return {row["subject"] for row in connection.execute(self.select_parked, (list(subjects),), prepare=True)}

    def keep(self, connection: Connection[DictRow], letters: Sequence[Letter]) -> None:
        """Keep letters in order; one that is there already, read again after a lost commit, is passed over."""
        if letters:
            connection.execute(self.insert, [list(column) for column in zip(*map(_columns, letters), strict=True)])


def _columns(letter: Letter) -> tuple[object, ...]:
    raw, about = letter.raw, letter.envelope
    headers = written(raw.headers)
    digest = hashlib.sha256(b"\0".join((raw.key or b"", headers, raw.value or b""))).digest()
    envelope = (None,) * 5 if about is None else (about.position, letter.subject, about.id, _held(about.type), _held(about.tenantid))
    why = (letter.cause.value, _held(letter.reason), letter.stack)
    return (raw.topic, raw.partition, raw.offset, digest, raw.key, raw.value, headers, *envelope, *why)


def _held(text: str) -> str:
    """Give text that PostgreSQL holds: a letter that cannot be kept would be met again for ever."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def written(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Write headers, whatever bytes they hold, as JSON with hexadecimal values."""
    return json.dumps([(name, None if value is None else value.hex()) for name, value in headers]).encode()


def read(headers: bytes) -> list[tuple[str, bytes | None]]:
    """Read headers back."""
    return [(name, None if value is None else bytes.fromhex(value)) for name, value in json.loads(headers)]


class KafkaDeadLetters:
    """Writes dead letters to the consumer's own topic and waits for the acks."""

    def __init__(self, consumer: str, bootstrap: str, prefix: str) -> None:
        self.consumer = consumer
        self.bootstrap = bootstrap
        self.topic = dead_letter_topic(consumer, prefix)
        self.producer: KafkaProducer | None = None

    def tell(self, letters: Sequence[Letter]) -> None:
        """Copy key, value and headers, add cause, reason and place; the log names the reason, never the content."""
        if not letters:
            return
        if self.producer is None:
            self.producer = make_producer(self.bootstrap)
        for future in [self._send(self.producer, letter) for letter in letters]:
            future.get(SEND_SECONDS)  # type: ignore[attr-defined]  # kafka-python has no public future type
        for letter in letters:
            raw, about = letter.raw, letter.envelope
            metrics.DEAD_LETTERS.labels(raw.source.partition("/")[0], letter.cause).inc()
            log.error(
                "dead letter", cause=letter.cause, reason=letter.reason, stack=letter.stack,
                topic=raw.topic, partition=raw.partition, offset=raw.offset,
                event_type=about and about.type, event_id=about and str(about.id), tenant=about and about.tenantid,
            )  # fmt: skip

    def _send(self, producer: KafkaProducer, letter: Letter) -> object:
        raw = letter.raw
        key, value, headers = raw.key, raw.value, [(name, content or b"") for name, content in raw.headers]
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(content) for name, content in headers)
        if size > LARGEST:
            # The reason would make it too large for a topic: a letter without the content, which the store has.
            digest = hashlib.sha256(value or b"").hexdigest()
            key, value, headers = None, b"", [("dlq-digest", f"sha256:{digest}".encode())]
        elif key is None and value is None:
            value = b""  # a producer sends no record that has neither
        added = {
            "dlq-consumer": self.consumer,
            "dlq-cause": letter.cause.value,
            "dlq-reason": letter.reason,
            "dlq-source": f"{raw.topic}/{raw.partition}/{raw.offset}",
            **({"dlq-stack": letter.stack} if letter.stack else {}),
        }
        headers += [(name, text.encode()) for name, text in added.items()]
        return producer.send(self.topic, key=key, value=value, headers=headers)
