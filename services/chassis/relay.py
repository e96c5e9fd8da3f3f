"""The relay: one leader per service copies announced bytes to Kafka in store order and saves its place after the acks."""

import os
import time
from typing import Final

import psycopg
from eventsourcing.persistence import Tracking
from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from psycopg.rows import DictRow
from structlog.stdlib import get_logger

from contracts.topics import owner_topic
from services.chassis.announcement import headers_of
from services.chassis.loop import Loop
from services.chassis.migrate import channel
from services.chassis.recorded import subject_of
from services.chassis.recorder import Outgoing, Recorder

log = get_logger(__name__)

PLACE: Final = "relay"
BATCH: Final = 500
POLL_SECONDS: Final = 1.0
ACK_SLICE_SECONDS: Final = 5.0
DAY_MS: Final = 86_400_000


def make_producer(bootstrap: str) -> KafkaProducer:
    """Make the idempotent producer; a delivery time-out of a day is a condition of correctness (kafka.md, fact 2)."""
    return KafkaProducer(
        bootstrap_servers=bootstrap.split(","),
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        batch_size=65_536,
        delivery_timeout_ms=DAY_MS,
        request_timeout_ms=10_000,
        reconnect_backoff_max_ms=2_000,
        max_block_ms=10_000,
        bootstrap_timeout_ms=5_000,
    )


class Relay(Loop):
    """Leader by a session's advisory lock; a second relay waits, a zombie only repeats positions that inboxes refuse."""

    def __init__(self, recorder: Recorder, service: str, bootstrap: str, prefix: str) -> None:
        super().__init__(f"relay-{service}")
        self.recorder = recorder
        self.service = service
        self.bootstrap = bootstrap
        self.topic = owner_topic(service, prefix)
        self.producer: KafkaProducer | None = None
        self.leading: psycopg.Connection[DictRow] | None = None
        self.position = 0
        self.stalled_since: float | None = None

    def is_well(self) -> bool:
        """Tell whether events flow: a relay that waits for acks is not well, however alive."""
        return super().is_well() and self.stalled_since is None

    def turn(self) -> None:
        """Send one batch, or wait for a notification; without the lock, wait for leadership."""
        if self.leading is None and not self._lead():
            self.stopping.wait(POLL_SECONDS)
            return
        outgoing = self.recorder.select_outgoing(self.position, BATCH)
        if outgoing:
            self._send(outgoing)
        else:
            self._listen()

    def _lead(self) -> bool:
        connection = self.recorder.connection()
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0)) AS won", (f"anken.relay.{self.recorder.datastore.schema}",)
        ).fetchone()
        if row is None or not row["won"]:
            connection.close()
            return False
        connection.execute(f"LISTEN {channel(self.recorder.datastore.schema)}")
        self.leading = connection
        self.position = self.recorder.max_tracking_id(PLACE) or 0
        log.info("relay leads", position=self.position)
        return True

    def _listen(self) -> None:
        assert self.leading is not None  # noqa: S101 - for the type checker; turn() leads first
        for _ in self.leading.notifies(timeout=POLL_SECONDS, stop_after=1):
            return

    def _send(self, outgoing: list[Outgoing]) -> None:
        try:
            if self.producer is None:
                self.producer = make_producer(self.bootstrap)
            futures = [
                self.producer.send(self.topic, key=str(subject_of(one.stream)).encode(), value=one.value, headers=headers_of(one))
                for one in outgoing
            ]
        except (KafkaTimeoutError, KafkaConnectionError):
            # Nothing failed that was queued: sending the batch again only repeats positions, in order.
            self.stalled_since = self.stalled_since or time.monotonic()
            log.warning("kafka away, trying again", loop=self.name, exc_info=True)
            self.stopping.wait(POLL_SECONDS)
            return
        for future in futures:
            if not self._acknowledged(future):
                return
        self._check_lead()
        self.recorder.insert_tracking(Tracking(PLACE, outgoing[-1].position))
        self.position = outgoing[-1].position
        log.debug("relayed", position=self.position, events=len(outgoing))

    def _acknowledged(self, future: object) -> bool:
        """Wait for one ack in slices, so that a stop is heard; a failed send ends the process (kafka.md, facts 2 and 3)."""
        while not self.stopping.is_set():
            try:
                future.get(ACK_SLICE_SECONDS)  # type: ignore[attr-defined]  # kafka-python has no public future type
            except KafkaTimeoutError:
                if future.is_done:  # type: ignore[attr-defined]  # as above
                    raise
                self.stalled_since = self.stalled_since or time.monotonic()
                log.warning("relay stalled", seconds=round(time.monotonic() - self.stalled_since))
                self._check_lead()
            else:
                self.stalled_since = None
                return True
        return False

    def _check_lead(self) -> None:
        assert self.leading is not None  # noqa: S101 - for the type checker
        self.leading.execute("SELECT 1")

    def close(self) -> None:
        """Give up the lock and, at the end, the producer."""
        if self.leading is not None:
            self.leading.close()
            self.leading = None
        if self.producer is not None and self.stopping.is_set():
            try:
                self.producer.close(timeout=5)
            except KafkaTimeoutError:
                # The sender thread may still write what a successor writes again; only the end of the process stops it.
                log.warning("producer did not close in time, the process ends")
                os._exit(1)
