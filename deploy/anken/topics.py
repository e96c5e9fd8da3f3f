"""Topics: twelve partitions for life and the contract's retention; this command owns them, no service creates any."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from anken.errors import Failed
from contracts.topics import OWNERS, PARTITIONS, PREFIX, RETENTION_DAYS, dead_letter_topic, owner_topic

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

PATIENCE_MS: Final = 10_000
CONSUMERS: Final = (*OWNERS, "caselog")
SETTINGS: Final = {"retention.ms": str(RETENTION_DAYS * 86_400_000), "cleanup.policy": "delete"}


class TopicMismatch(Failed):
    """A live topic has another number of partitions than the contract: cases would change their place."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the cluster has it: partitions, copies of the partition that has fewest, and the settings that the contract names."""

    partitions: int
    copies: int
    settings: Mapping[str, str]

    @property
    def wrong_settings(self) -> dict[str, str]:
        """Name the settings that are not the contract's, each with its wrong value."""
        return {name: self.settings.get(name, "unset") for name, wanted in SETTINGS.items() if self.settings.get(name) != wanted}


def names(prefix: str) -> list[str]:
    """List the topics of the contract."""
    return [owner_topic(owner, prefix) for owner in OWNERS] + [dead_letter_topic(consumer, prefix) for consumer in CONSUMERS]


def deviations(found: Mapping[str, Topic], prefix: str, copies: int) -> list[str]:
    """Say in a line each what differs from the contract, topics under the prefix that nobody knows included."""
    wanted = names(prefix)
    said = [f"{name}: missing" for name in wanted if name not in found]
    for name, topic in sorted(found.items()):
        if name not in wanted:
            said.append(f"{name}: not of the contract")
            continue
        if topic.partitions != PARTITIONS:
            said.append(f"{name}: {topic.partitions} partitions, the contract says {PARTITIONS}")
        if topic.copies < copies:
            said.append(f"{name}: {topic.copies} copies, asked for {copies}")
        said += [f"{name}: {setting} is {value}, the contract says {SETTINGS[setting]}" for setting, value in topic.wrong_settings.items()]
    return said


def check_topics(bootstrap: str, prefix: str = PREFIX, copies: int = -1) -> list[str]:
    """Compare the cluster with the contract, changing nothing; see `deviations`. `copies` -1 asks for no number."""
    with _admin(bootstrap) as admin:
        return deviations(_look(admin, prefix), prefix, copies)


def apply_topics(bootstrap: str, prefix: str = PREFIX, replication: int = -1) -> list[str]:
    """Make the topics that are missing and put settings right; says in a line each what was done, a new topic by its name alone.

    Raises TopicMismatch, nothing done then. `replication` -1 is the broker's default.
    """
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    with _admin(bootstrap) as admin:
        found = _look(admin, prefix)
        wanted = names(prefix)
        for name in wanted:
            if name in found and found[name].partitions != PARTITIONS:
                partitions = found[name].partitions
                raise TopicMismatch(f"{name} has {partitions} partitions, the contract says {PARTITIONS}: partitions are fixed for life")
        missing = [name for name in wanted if name not in found]
        new = [NewTopic(name=name, num_partitions=PARTITIONS, replication_factor=replication, topic_configs=SETTINGS) for name in missing]
        if new:
            try:
                admin.create_topics(new)
            except TopicAlreadyExistsError:  # somebody else was quicker with one of them
                return apply_topics(bootstrap, prefix, replication)
        return missing + _put_right(admin, {name: found[name] for name in wanted if name in found and found[name].wrong_settings})


def remove_topics(bootstrap: str, prefix: str) -> None:
    """Take away all topics under a prefix, with what they hold."""
    with _admin(bootstrap) as admin:
        made = [topic["name"] for topic in admin.describe_topics() if topic["name"].startswith(f"{prefix}.")]
        if made:
            admin.delete_topics(made)


def _look(admin: "KafkaAdminClient", prefix: str) -> dict[str, Topic]:
    from kafka.admin import ConfigResource

    there = {topic["name"]: topic["partitions"] for topic in admin.describe_topics() if topic["name"].startswith(f"{prefix}.")}
    if not there:
        return {}
    wanted = [ConfigResource("TOPIC", name, list(SETTINGS)) for name in there]
    settings = admin.describe_configs(wanted, config_filter="all")["topic"]
    return {
        name: Topic(
            partitions=len(partitions),
            copies=min(len(one["replica_nodes"]) for one in partitions),
            settings={setting: str(told["value"]) for setting, told in settings[name].items()},
        )
        for name, partitions in there.items()
    }


def _put_right(admin: "KafkaAdminClient", topics: Mapping[str, Topic]) -> list[str]:
    from kafka.admin import ConfigResource

    if not topics:
        return []
    answers: dict[str, str] = admin.alter_configs([ConfigResource("TOPIC", name, dict(SETTINGS)) for name in topics])["topic"]
    refused = {name: answer for name, answer in answers.items() if answer != "OK"}  # the client returns these errors, it raises none
    if refused:
        name, answer = next(iter(refused.items()))
        raise Failed(f"{name}: settings not changed: {answer}")
    return [
        f"{name}: {setting} was {value}, is {SETTINGS[setting]}"
        for name, one in topics.items()
        for setting, value in one.wrong_settings.items()
    ]


@contextmanager
def _admin(bootstrap: str) -> Iterator[Any]:
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaConnectionError, KafkaTimeoutError

    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=PATIENCE_MS)
    except (KafkaConnectionError, KafkaTimeoutError):
        raise Failed(f"ANKEN_KAFKA_BOOTSTRAP: no broker answers at {bootstrap}") from None
    try:
        yield admin
    finally:
        admin.close()
