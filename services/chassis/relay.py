"""The relay: one leader per service copies announced bytes to Kafka in store order and saves its place after the acks."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from opentelemetry.trace import Span
from structlog.stdlib import get_logger

from contracts.topics import owner_topic
from services.chassis import metrics
from services.chassis.announcement import headers_of, key_of
from services.chassis.lead import Lead
from services.chassis.loop import AWAY, Loop
from services.chassis.recorder import Outgoing, Recorder
from services.chassis.spans import relay_span

log = get_logger(__name__)

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
        linger_ms=20,
        batch_size=65_536,
        delivery_timeout_ms=DAY_MS,
        request_timeout_ms=10_000,
        reconnect_backoff_max_ms=2_000,
        max_block_ms=10_000,
        bootstrap_timeout_ms=5_000,
        metrics_enabled=False,
    )


class OtherCluster(Exception):
    """The producer has met another cluster than the one that gave it its id: only a new producer, in a new process, may write there."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch on its way: the place before it, its events, what the producer promised for each, and its span."""

    since: int
    outgoing: Sequence[Outgoing]
    acks: Sequence[Any]  # kafka-python has no public future type
    span: Span

    @property
    def to(self) -> int:
        """The place after it."""
        return self.outgoing[-1].position


class Relay(Loop):
    """Leader by a session's advisory lock; a second relay waits, a zombie only repeats positions that inboxes refuse.

    The place is read from the store, never remembered: whoever rewinds it, as `anken republish` does, is obeyed at once.
    """

    def __init__(self, recorder: Recorder, service: str, bootstrap: str, prefix: str) -> None:
        super().__init__(f"relay-{service}")
        self.recorder = recorder
        self.service = service
        self.bootstrap = bootstrap
        self.topic = owner_topic(service, prefix)
        self.producer: KafkaProducer | None = None
        self.cluster: str | None = None
        self.lead: Lead | None = None
        self.flight: Flight | None = None
        self.stalled_since: float | None = None

    def is_well(self) -> bool:
        """Tell whether events flow: a relay that waits for acks is not well, however alive."""
        return super().is_well() and self.stalled_since is None

    @property
    def leads(self) -> bool:
        """Tell whether this relay holds its service's lock."""
        return self.lead is not None and self.lead.won

    def turn(self) -> None:
        """Send one batch and land the one before it, or wait for a notification; without the lock, wait for leadership."""
        lead = self._lead()
        if not lead.won:
            self.stopping.wait(POLL_SECONDS)
            return
        self._check_cluster()
        flight = self.flight
        since = lead.place() if flight is None else flight.to
        outgoing = self.recorder.select_outgoing(since, BATCH)
        if flight is None and not outgoing:
            lead.wait(POLL_SECONDS)
            return
        following = self._send(since, outgoing) if outgoing else None
        self.flight = following if flight is None or self._land(lead, flight) else None

    def _lead(self) -> Lead:
        if self.lead is None:
            self.lead = Lead(self.recorder)
        if not self.lead.won and self.lead.win():
            metrics.RELAY_LEADING.set(1)
            log.info("relay leads", position=self.lead.place())
        return self.lead

    def _send(self, since: int, outgoing: Sequence[Outgoing]) -> Flight | None:
        try:
            if self.producer is None:
                self.producer = make_producer(self.bootstrap)
            span = relay_span(self.service, outgoing)
            # By partition: what is sent in one go fills one record batch of Kafka's instead of a twelfth of twelve. The partition is the
            # one that was stored with the event, so that the client need not hash the key for it again.
            acks = [
                self.producer.send(self.topic, key=key_of(one), value=one.value, headers=headers_of(one), partition=one.partition)
                for one in sorted(outgoing, key=attrgetter("partition"))
            ]
        except (KafkaTimeoutError, KafkaConnectionError):
            # Nothing failed that was queued: sending the batch again only repeats positions, in order.
            log.warning("kafka away, trying again", loop=self.name, exc_info=True)
            self._stall(time.monotonic())
            if self.flight is None:
                self.stopping.wait(POLL_SECONDS)
            return None
        return Flight(since, outgoing, acks, span)

    def _land(self, lead: Lead, flight: Flight) -> bool:
        """Wait for a batch's acks and save the place; False if it was not saved, and what follows the batch must not count either."""
        try:
            if not self._acknowledged(lead, flight):
                return False
            self._check_cluster()
            if not lead.move(flight.since, flight.to):
                log.info("place was moved, reading it again", loop=self.name)
                return False
        finally:
            flight.span.end()
        metrics.RELAY_SENT.inc(len(flight.acks))
        metrics.RELAY_BATCH_EVENTS.observe(len(flight.acks))
        log.debug("relayed", position=flight.to, events=len(flight.acks))
        return True

    def _acknowledged(self, lead: Lead, flight: Flight) -> bool:
        """Wait for all acks in slices, so that a stop or a lost lead is noticed; a failed one ends the process (kafka.md, facts 2, 3)."""
        begun = time.monotonic()
        for ack in flight.acks:
            while not ack.is_done:
                try:
                    ack.get(max(0.0, lead.heard + ACK_SLICE_SECONDS - time.monotonic()))
                except KafkaError as error:
                    if ack.failed():
                        break
                    if not isinstance(error, KafkaTimeoutError):
                        raise
                    self._wait_on(lead, begun)
                    if self.stopping.is_set():
                        return False
            if ack.failed():
                if self._has_sent_nothing():
                    self._replace_producer(ack.exception)
                    return False
                raise ack.exception
        self.stalled_since = None
        metrics.RELAY_STALLED_SECONDS.set(0)
        return True

    def _has_sent_nothing(self) -> bool:
        """Tell whether the producer never got the id without which it writes nothing, as when the broker it asked was frozen.

        The client gives up for good there, after one time-out of a request. It loses an id it had only with a record's
        delivery time-out, which is a day.
        """
        manager = self.producer._transaction_manager if self.producer else None  # noqa: SLF001 - the client says it nowhere else
        return manager is not None and not manager.has_producer_id()

    def _replace_producer(self, error: BaseException) -> None:
        """Let go of a producer that has written nothing; any other one's thread may still write, so that only a new process helps."""
        log.warning("kafka gave the producer no id, trying again", loop=self.name, exc_info=error)
        if self.producer is not None:
            with suppress(KafkaTimeoutError):
                self.producer.close(timeout=0)
        self.producer = self.cluster = None
        self._stall(time.monotonic())
        self.stopping.wait(POLL_SECONDS)

    def _check_cluster(self) -> None:
        """Raise OtherCluster after a wipe: the new cluster gives the same ids to others, and takes one's records for another's repeats."""
        if self.producer is not None:
            cluster = self.producer._metadata.cluster_id  # noqa: SLF001 - the client says it nowhere else
            self.cluster = self.cluster or cluster
            if cluster != self.cluster:
                raise OtherCluster

    def _wait_on(self, lead: Lead, begun: float) -> None:
        lead.check()
        if time.monotonic() - begun >= ACK_SLICE_SECONDS:
            self._stall(begun)

    def _stall(self, begun: float) -> None:
        self.stalled_since = self.stalled_since or begun
        seconds = time.monotonic() - self.stalled_since
        metrics.RELAY_STALLED_SECONDS.set(seconds)
        log.warning("relay stalled", loop=self.name, seconds=round(seconds))

    def close(self) -> None:
        """Give up the lock and, at the end, land what flies and close the producer."""
        ending = self.stopping.is_set()
        lead, flight, self.lead, self.flight = self.lead, self.flight, None, None
        try:
            if ending and lead is not None and flight is not None:
                self._land(lead, flight)
        except AWAY:
            log.info("place not saved, a successor sends the batch again", loop=self.name)
        if lead is not None:
            lead.close()
            metrics.RELAY_LEADING.set(0)
            # Who does not lead waits for no acks: it is well where another one leads.
            self.stalled_since = None
            metrics.RELAY_STALLED_SECONDS.set(0)
        if ending and self.producer is not None:
            try:
                self.producer.close(timeout=5)
            except KafkaTimeoutError:
                # Its thread may still write what a successor writes again, until this process ends; a stop is the end of it.
                log.warning("producer did not close in time", loop=self.name)
