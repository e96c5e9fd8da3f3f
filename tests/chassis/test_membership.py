"""A member of a consumer group, back under its own name, is given what it had: nothing, if that is from a time without topics."""

import asyncio
from collections.abc import Collection, Sequence

import pytest
from kafka import KafkaAdminClient

from anken.kafka import KafkaCluster
from anken.topics import apply_topics
from contracts.topics import PARTITIONS, owner_topic
from services.chassis import consumer
from services.chassis.consumer import Consumer
from services.chassis.dead_letters import Letter
from services.chassis.inbox import Inbox, Portion
from tests.chassis.threads import eventually

pytestmark = pytest.mark.slow


class Idle:
    """Hears nothing."""

    def places(self, sources: Collection[str]) -> dict[str, int]:
        return {}

    def take(self, portions: Sequence[Portion]) -> None:
        raise AssertionError(portions)

    def bury(self, letters: Sequence[Letter]) -> None:
        raise AssertionError(letters)


def test_a_member_back_after_its_topics_came_again_reads_them(kafka: KafkaCluster, prefix: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer, "METADATA_MS", 500)
    topic = owner_topic("review", prefix)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)

    def member() -> Consumer:
        return Consumer(Inbox(Idle()), group=f"{prefix}.billing", topics=[topic], bootstrap=kafka.bootstrap, member="0")

    async def live() -> None:
        one = member()
        await one.start()
        await asyncio.to_thread(eventually, lambda: len(one.assigned) == PARTITIONS)
        await asyncio.to_thread(admin.delete_topics, [topic])
        await asyncio.to_thread(eventually, lambda: one.assigned == frozenset())
        await one.stop()
        await asyncio.to_thread(apply_topics, kafka.bootstrap, prefix)
        back = member()
        await back.start()
        await asyncio.to_thread(eventually, lambda: len(back.assigned) == PARTITIONS)
        await back.stop()

    asyncio.run(live())
    admin.close()
