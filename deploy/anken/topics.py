"""Topics: made once with twelve partitions for life; this command owns them, no service creates any."""

from typing import Final

from anken.errors import Failed
from contracts.topics import OWNERS, PARTITIONS, PREFIX, RETENTION_DAYS, dead_letter_topic, owner_topic

DAY_MS: Final = 86_400_000
PATIENCE_MS: Final = 10_000
CONSUMERS: Final = (*OWNERS, "caselog")


class TopicMismatch(Failed):
    """A live topic has another number of partitions than the contract: cases would change their place."""


def remove_topics(bootstrap: str, prefix: str) -> None:
    """Take away all topics under a prefix, with what they hold."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        made = [topic["name"] for topic in admin.describe_topics() if topic["name"].startswith(f"{prefix}.")]
        if made:
            admin.delete_topics(made)
    finally:
        admin.close()


def apply_topics(bootstrap: str, prefix: str = PREFIX, replication: int = -1) -> list[str]:
    """Make the topics that are missing; gives their names. Raises TopicMismatch. `replication` -1 is the broker's default."""
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic
    from kafka.errors import KafkaConnectionError, KafkaTimeoutError, TopicAlreadyExistsError

    retention = {"retention.ms": str(RETENTION_DAYS * DAY_MS), "cleanup.policy": "delete"}
    wanted = [owner_topic(owner, prefix) for owner in OWNERS] + [dead_letter_topic(consumer, prefix) for consumer in CONSUMERS]
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=PATIENCE_MS)
    except (KafkaConnectionError, KafkaTimeoutError):
        raise Failed(f"ANKEN_KAFKA_BOOTSTRAP: no broker answers at {bootstrap}") from None
    try:
        found = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics() if topic["name"] in wanted}
        for name, partitions in found.items():
            if partitions != PARTITIONS:
                raise TopicMismatch(f"{name} has {partitions} partitions, the contract says {PARTITIONS}: partitions are fixed for life")
        missing = [name for name in wanted if name not in found]
        if missing:
            try:
                admin.create_topics(
                    [
                        NewTopic(name=name, num_partitions=PARTITIONS, replication_factor=replication, topic_configs=retention)
                        for name in missing
                    ]
                )
            except TopicAlreadyExistsError:
                return apply_topics(bootstrap, prefix, replication)
        return missing
    finally:
        admin.close()
