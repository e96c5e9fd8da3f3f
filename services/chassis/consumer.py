"""The Kafka edge of the inbox: FastStream on aiokafka, batches, acknowledged by hand after everything is stored."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from faststream import AckPolicy, BaseMiddleware
from faststream.kafka import KafkaBroker, KafkaMessage
from kafka.errors import RetriableError
from structlog.stdlib import get_logger

from services.chassis.inbox import Inbox
from services.chassis.loop import AWAY, pause
from services.chassis.received import RawRecord

log = get_logger(__name__)

MAX_RECORDS: Final = 500
LONGEST_BATCH_SECONDS: Final = 60
METADATA_MS: Final = (
    10_000  # a member without partitions looks for its topics no sooner: after a wiped cluster it would sit idle for minutes
)


class Consumer:
    """One member of the service's consumer group over the topics it hears."""

    def __init__(self, inbox: Inbox, *, group: str, topics: Sequence[str], bootstrap: str, member: str | None = None) -> None:
        self.inbox = inbox
        self.assigned: frozenset[tuple[str, int]] = frozenset()
        self.busy = asyncio.Lock()
        self.stopping = False
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
            max_poll_interval_ms=300_000,
        )(self._take)

    def _middleware(self) -> Any:  # noqa: ANN401 - FastStream's middleware factory type is not public
        consumer = self

        class OneBatch(BaseMiddleware):
            """Holds the lock from the first record until the offsets are committed; no error passes it by."""

            async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: Any) -> Any:  # noqa: ANN401 - as above
                async with consumer.busy:
                    result = await call_next(msg)
                    try:
                        await msg.ack()
                    except KafkaError:
                        # Refused after a rebalance: whoever has the partition now is told the records again, and the database refuses them.
                        log.warning("offsets not committed", exc_info=True)
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

    def _take(self, message: KafkaMessage) -> None:
        """Hand a batch to the inbox in a worker thread; servers that are away are waited out here."""
        batch = [RawRecord(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers) for raw in message.raw_message]
        attempt = 0
        while True:
            try:
                self.inbox.handle(batch)
            except (*AWAY, RetriableError):
                if self.stopping:
                    raise
                log.warning("server away, trying again", exc_info=True)
                time.sleep(pause(attempt))
                attempt += 1
            else:
                return

    async def start(self) -> None:
        """Join the group; raises when Kafka is away, waits while a topic is missing."""
        await self.broker.start()
        for subscriber in self.broker.subscribers:
            for task in getattr(subscriber, "tasks", ()):
                # The framework starts a loop that failed again, at once and for ever, and says so to nobody.
                task.add_done_callback(_end_if_failed)

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
            self.consumer.assigned = frozenset()

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - aiokafka ships no types
        self.consumer.assigned = frozenset((one.topic, one.partition) for one in assigned)
        log.info("partitions assigned", partitions=len(self.consumer.assigned))


def _end(error: BaseException) -> None:
    log.critical("inbox failed, the process ends", exc_info=error)
    os._exit(1)


def _end_if_failed(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _end(error)


async def _unparsed(batch: Any, parse: Any) -> Any:  # noqa: ANN401 - FastStream's parser types are private
    """Keep headers from the framework: they are ours to decode, and one that is not UTF-8 would lose it the batch."""
    message = await parse(tuple(replace(one, headers=()) for one in batch))
    message.raw_message = batch
    return message


async def _undecoded(message: Any) -> list[None]:  # noqa: ANN401 - FastStream's decoder type is private
    return [None] * len(message.raw_message)
