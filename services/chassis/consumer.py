"""The Kafka edge of the inbox: FastStream on aiokafka, batches, acknowledged by hand after everything is stored."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy, BaseMiddleware
from faststream.kafka import KafkaBroker, KafkaMessage
from kafka.errors import RetriableError
from structlog.stdlib import get_logger

from services.chassis import metrics
from services.chassis.inbox import Inbox
from services.chassis.loop import AWAY, pause
from services.chassis.received import RawRecord, source_of

log = get_logger(__name__)

MAX_RECORDS: Final = 500
LONGEST_BATCH_SECONDS: Final = 60
METADATA_MS: Final = 10_000  # looked for no sooner, so a member without partitions sits idle: after a wiped cluster by default for minutes
EMPTY_SECONDS: Final = 5
LONGEST_POLL_SECONDS: Final = 300
RETRY_SECONDS: Final = 120
SILENCE_SECONDS: Final = 60


class StillAway(Exception):
    """A server has been away for as long as one batch may wait, or we are told to stop: the batch is read again later."""


class Consumer:
    """One member of the service's consumer group over the topics it hears."""

    def __init__(self, inbox: Inbox, *, group: str, topics: Sequence[str], bootstrap: str, member: str | None = None) -> None:
        self.inbox = inbox
        self.topics = topics
        self.without = 0
        self.assigned: frozenset[tuple[str, int]] = frozenset()
        self.busy = asyncio.Lock()
        self.stopping = False
        self.batch_since: float | None = None
        self.last_sign = time.monotonic()
        self.broker = KafkaBroker(
            bootstrap.split(","),
            client_id=group,
            logger=logging.getLogger("faststream"),
            graceful_timeout=LONGEST_BATCH_SECONDS,
            allow_auto_create_topics=False,
            metadata_max_age_ms=METADATA_MS,
            middlewares=[self._middleware()],
        )
        self.broker.subscriber(
            *topics,
            group_id=group,
            group_instance_id=member and f"{group}.{member}",
            batch=True,
            max_records=MAX_RECORDS,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            parser=_unparsed,
            decoder=_undecoded,
            listener=_Drain(self),
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=LONGEST_BATCH_SECONDS * 1000,
            max_poll_interval_ms=LONGEST_POLL_SECONDS * 1000,
        )(self._take)

    def _middleware(self) -> Any:  # noqa: ANN401 - FastStream's middleware factory type is not public
        consumer = self

        class OneBatch(BaseMiddleware):
            """Holds the lock from the first record until the offsets are committed; no error passes it by."""

            async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: Any) -> Any:  # noqa: ANN401 - as above
                async with consumer.busy:
                    consumer.batch_since = time.monotonic()
                    try:
                        result = await call_next(msg)
                    except StillAway:
                        await consumer.give_back(msg)
                        return None
                    finally:
                        consumer.batch_since = None
                    try:
                        await consumer.acknowledge(msg)
                    except KafkaError:
                        # Refused after a rebalance: whoever has the partition now is told the records again, and the database refuses them.
                        metrics.INBOX_COMMITS_REFUSED.inc()
                        log.warning("offsets not committed", exc_info=True)
                    consumer.last_sign = time.monotonic()
                    return result

            async def after_processed(
                self,
                exc_type: type[BaseException] | None = None,
                exc_val: BaseException | None = None,
                exc_tb: TracebackType | None = None,
            ) -> bool | None:
                if isinstance(exc_val, Exception):
                    # Neither retried nor a dead letter: a defect. Nothing is acknowledged, and the framework would read on.
                    _end(exc_val)
                return await super().after_processed(exc_type, exc_val, exc_tb)

        return OneBatch

    async def acknowledge(self, message: Any) -> None:  # noqa: ANN401 - FastStream's message type is generic over private ones
        """Commit what was read; not where a hole is, so that whoever has the partition next finds the hole again and says so."""
        last = {(raw.topic, raw.partition): raw.offset for raw in message.raw_message}
        ends = {TopicPartition(*where): offset + 1 for where, offset in last.items() if source_of(*where) not in self.inbox.holes}
        if ends:
            await message.consumer.commit(ends)

    async def give_back(self, message: Any) -> None:  # noqa: ANN401 - FastStream's message type is generic over private ones
        """Have the batch read again: nothing of it is acknowledged, and the poll between keeps the member in its group."""
        try:
            await message.nack()
        except KafkaError:
            log.warning("batch not given back", exc_info=True)

    def _take(self, message: KafkaMessage) -> None:
        """Hand a batch to the inbox in a worker thread; servers that are away are waited out here, up to a limit under the poll's."""
        batch = [RawRecord(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers) for raw in message.raw_message]
        metrics.INBOX_BATCH_RECORDS.observe(len(batch))
        until = time.monotonic() + RETRY_SECONDS
        attempt = 0
        with metrics.INBOX_BATCH_SECONDS.time():
            while True:
                try:
                    self.inbox.handle(batch)
                except (*AWAY, RetriableError):
                    metrics.INBOX_RETRIES.inc()
                    log.warning("server away, trying again", exc_info=True)
                    if self.stopping or time.monotonic() > until:
                        raise StillAway from None
                    time.sleep(pause(attempt))
                    attempt += 1
                else:
                    return

    def is_well(self) -> bool:
        """Tell whether it has partitions and either works on a batch that the group still waits for, or hears from Kafka.

        A broker answers a fetch twice a second also where there is nothing new, and aiokafka keeps the time of the answer by
        partition; while fetched records wait to be taken it asks for no more, so a batch's end is a sign as well.
        """
        now = time.monotonic()
        if self.batch_since is not None:
            return bool(self.assigned) and now - self.batch_since < LONGEST_POLL_SECONDS
        quiet = [time.time() - answered / 1000 for answered in self._answers()]
        return bool(self.assigned) and min([now - self.last_sign, *quiet]) < SILENCE_SECONDS

    def _answers(self) -> list[float]:
        """Give the times of the last answer for each partition, in milliseconds since the epoch."""
        found: list[float] = []
        for subscriber in self.broker.subscribers:
            reader: Any = getattr(subscriber, "consumer", None)
            # A probe asks from a thread of its own: a rebalance may take a partition away between the two questions.
            with suppress(AssertionError, AttributeError):
                found += filter(None, [reader.last_poll_timestamp(one) for one in reader.assignment()])
        return found

    async def start(self) -> None:
        """Join the group; raises when Kafka is away, waits while a topic is missing."""
        await self.broker.start()
        for subscriber in self.broker.subscribers:
            for task in getattr(subscriber, "tasks", ()):
                # The framework starts a loop that failed again, at once and for ever, and says so to nobody.
                task.add_done_callback(_end_if_failed)

    def join_again(self) -> None:
        """Join anew if there are no partitions after a while, each time a longer one.

        A member that is back under its own name is given what it had before, without a new assignment (KIP-345). If that was nothing,
        because the topics were not there then, as after a wiped cluster, it would wait for ever. Where members outnumber partitions it
        has none by right.
        """
        asyncio.get_running_loop().call_later(min(LONGEST_POLL_SECONDS, EMPTY_SECONDS * 2**self.without), self._subscribe)
        self.without += 1

    def _subscribe(self) -> None:
        if self.stopping or self.assigned:
            return
        log.warning("no partitions, joining again")
        for subscriber in self.broker.subscribers:
            reader: Any = getattr(subscriber, "consumer", None)
            reader.subscribe(self.topics, listener=_Drain(self))

    async def stop(self) -> None:
        """Finish the running batch, commit, leave."""
        self.stopping = True
        await self.broker.stop()


class _Drain(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Waits for the running batch before partitions are given up (kafka.md, fact 6)."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401, ARG002 - aiokafka calls it so, and ships no types
        async with self.consumer.busy:
            self._now(frozenset())

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - aiokafka ships no types
        self._now(frozenset((one.topic, one.partition) for one in assigned))
        self.consumer.last_sign = time.monotonic()
        log.info("partitions assigned", partitions=len(self.consumer.assigned))
        if assigned:
            self.consumer.without = 0
        else:
            self.consumer.join_again()

    def _now(self, assigned: frozenset[tuple[str, int]]) -> None:
        self.consumer.assigned = assigned
        self.consumer.inbox.reads({source_of(topic, partition) for topic, partition in assigned})
        metrics.INBOX_PARTITIONS.set(len(assigned))


def _end(error: BaseException) -> None:
    log.critical("inbox failed, the process ends", exc_info=error)
    os._exit(1)


def _end_if_failed(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _end(error)


async def _unparsed(batch: Any, parse: Any) -> Any:  # noqa: ANN401 - FastStream's parser types are private
    """Keep headers from the framework: they are ours to decode, and one that is not UTF-8 would lose it the batch.

    It names a batch by its first record and its last, and so is shown these alone.
    """
    message = await parse(tuple(replace(one, headers=()) for one in (batch[0], batch[-1])))
    message.raw_message = batch
    return message


async def _undecoded(message: Any) -> list[None]:  # noqa: ANN401 - FastStream's decoder type is private
    return [None] * len(message.raw_message)
