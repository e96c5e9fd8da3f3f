"""Topics and partitions: a case has the same partition number wherever it is written, whoever writes it."""

from collections import Counter
from uuid import uuid4

import pytest
from aiokafka.partitioner import DefaultPartitioner as AiokafkaPartitioner
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.cluster import ClusterMetadata
from kafka.partitioner.default import DefaultPartitioner as KafkaPythonPartitioner

from contracts.topics import OWNERS, PARTITIONS, dead_letter_topic, owner_of, owner_topic, partition_of

KEYS = st.one_of(st.uuids().map(str), st.text(st.characters(exclude_categories=("Cs",)), max_size=40))


class TwelvePartitions(ClusterMetadata):  # type: ignore[misc]  # kafka-python ships no types
    """What kafka-python asks its cluster when it places a record."""

    def topics(self, **_: object) -> set[str]:
        return {"anken.intake.v1"}

    def partitions_for_topic(self, _: str) -> set[int]:
        return set(range(PARTITIONS))

    def available_partitions_for_topic(self, _: str) -> set[int]:
        return set(range(PARTITIONS))


CLUSTER = TwelvePartitions()


@settings(deadline=None)
@given(KEYS)
def test_kafka_python_places_a_key_where_we_say(key):
    placed = KafkaPythonPartitioner().partition("anken.intake.v1", key, key.encode(), None, None, CLUSTER)
    assert partition_of(key) == placed


@settings(deadline=None)
@given(KEYS)
def test_aiokafka_places_a_key_where_we_say(key):
    numbers = list(range(PARTITIONS))
    assert partition_of(key) == AiokafkaPartitioner()(key.encode(), numbers, numbers)


def test_cases_spread_over_all_partitions():
    assert len(Counter(partition_of(str(uuid4())) for _ in range(2_000))) == PARTITIONS == 12


@pytest.mark.parametrize("owner", OWNERS)
def test_a_topic_is_its_owners(owner):
    assert owner_topic(owner) == f"anken.{owner}.v1"
    assert owner_of(owner_topic(owner)) == owner
    assert owner_of(owner_topic(owner, "test-1a.b")) == owner


def test_dead_letters_have_a_topic_per_consumer():
    assert dead_letter_topic("caselog") == "anken.caselog.dlq.v1"
    assert dead_letter_topic("caselog", "test-1") == "test-1.caselog.dlq.v1"
