"""The Kafka edge of the inbox: FastStream on aiokafka, batches, acknowledged by hand after everything is stored."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener
from faststream import AckPolicy, BaseMiddleware
from faststream.kafka import KafkaBroker, KafkaMessage
from kafka.errors import KafkaError
from structlog.stdlib import get_logger

from services.chassis.inbox import Inbox
from services.chassis.loop import AWAY, pause
from services.chassis.received import RawRecord

log = get_logger(__name__)

MAX_RECORDS: Final = 500
LONGEST_BATCH_SECONDS: Final = 60


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
            logger=None,
            graceful_timeout=LONGEST_BATCH_SECONDS,
            allow_auto_create_topics=False,
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

            async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: Any) -> Any:  # noqa: ANN401
                async with consumer.busy:
                    try:
                        result = await call_next(msg)
                    except asyncio.CancelledError:
                        raise
                    except BaseException:
                        # What is neither retried nor a dead letter is a defect: nothing is acknowledged, the supervisor restarts us.
                        log.critical("inbox failed, the process ends", exc_info=True)
                        os._exit(1)
                    await msg.ack()
                    return result

        return OneBatch

    def _take(self, message: KafkaMessage) -> None:
        """Hand a batch to the inbox in a worker thread; servers that are away are waited out here."""
        batch = [RawRecord(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers) for raw in message.raw_message]
        attempt = 0
        while True:
            try:
                self.inbox.handle(batch)
            except (*AWAY, KafkaError):
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


async def _undecoded(message: Any) -> list[None]:  # noqa: ANN401 - FastStream's decoder type is private
    return [None] * len(message.raw_message)
