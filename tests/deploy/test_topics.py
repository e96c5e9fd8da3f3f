"""Topics against the contract: every deviation is one line, settings are put right, partitions never."""

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, NewTopic

from anken.kafka import KafkaCluster
from anken.topics import SETTINGS, Topic, TopicMismatch, apply_topics, check_topics, deviations, names
from contracts.topics import dead_letter_topic, owner_topic
from tests.chassis.threads import eventually

RIGHT = Topic(12, 3, SETTINGS)
ALL = dict.fromkeys(names("anken"), RIGHT)
MINE = owner_topic("review")


def test_a_cluster_as_the_contract_says_has_no_deviation():
    assert deviations(ALL, "anken", 3) == []
    assert len(ALL) == 9


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({**ALL, "anken.stranger.v1": RIGHT}, "anken.stranger.v1: not of the contract"),
        ({name: one for name, one in ALL.items() if name != MINE}, f"{MINE}: missing"),
        ({**ALL, MINE: Topic(24, 3, SETTINGS)}, f"{MINE}: 24 partitions, the contract says 12"),
        ({**ALL, MINE: Topic(12, 2, SETTINGS)}, f"{MINE}: 2 copies, asked for 3"),
        (
            {**ALL, MINE: Topic(12, 3, SETTINGS | {"cleanup.policy": "compact"})},
            f"{MINE}: cleanup.policy is compact, the contract says delete",
        ),
        ({**ALL, MINE: Topic(12, 3, {"cleanup.policy": "delete"})}, f"{MINE}: retention.ms is unset, the contract says 7776000000"),
    ],
)
def test_every_deviation_is_one_line(found: dict[str, Topic], line: str):
    assert deviations(found, "anken", 3) == [line]


@pytest.fixture
def admin(kafka: KafkaCluster):
    client = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    yield client
    client.close()


@pytest.mark.slow
def test_settings_are_put_right_and_partitions_refused(kafka: KafkaCluster, prefix: str, admin: KafkaAdminClient):
    review, letters = owner_topic("review", prefix), dead_letter_topic("review", prefix)
    assert check_topics(kafka.bootstrap, prefix, 1) == []
    admin.alter_configs([ConfigResource("TOPIC", review, {"retention.ms": "1000"})])
    admin.delete_topics([letters])
    admin.create_topics([NewTopic(name=f"{prefix}.stranger.v1", num_partitions=1, replication_factor=1)])
    wrong = [
        f"{letters}: missing",
        f"{review}: retention.ms is 1000, the contract says 7776000000",
        f"{prefix}.stranger.v1: not of the contract",
    ]
    eventually(lambda: check_topics(kafka.bootstrap, prefix, 1) == wrong)  # the controller tells the broker a little later
    assert apply_topics(kafka.bootstrap, prefix) == [letters, f"{review}: retention.ms was 1000, is 7776000000"]
    eventually(lambda: apply_topics(kafka.bootstrap, prefix) == [])
    assert check_topics(kafka.bootstrap, prefix) == [f"{prefix}.stranger.v1: not of the contract"]
    admin.create_partitions({review: 24})
    eventually(lambda: f"{review}: 24 partitions, the contract says 12" in check_topics(kafka.bootstrap, prefix))
    with pytest.raises(TopicMismatch, match="24 partitions"):
        apply_topics(kafka.bootstrap, prefix)
