"""Where a key goes: the partition stored with an event is the one that Kafka's own clients give its key."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import murmur2

from contracts.topics import PARTITIONS, partition_of


def of_the_client(key: str) -> int:
    return (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


@given(st.uuids())
def test_a_subject_goes_where_the_default_partitioner_sends_it(subject: UUID):
    assert partition_of(str(subject)) == of_the_client(str(subject))


@given(st.text(max_size=40))
def test_so_does_any_other_key(key: str):
    assert partition_of(key) == of_the_client(key)


def test_subjects_spread_over_all_partitions():
    assert {partition_of(str(UUID(int=number))) for number in range(500)} == set(range(PARTITIONS))
