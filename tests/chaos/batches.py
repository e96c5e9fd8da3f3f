"""The two faults that need a batch: replicas that join and die in the middle of one, and a topic trimmed under a stopped consumer."""

import time
from collections.abc import Mapping
from typing import Final

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from contracts.topics import PARTITIONS, owner_topic
from services.chassis.loop import AWAY
from services.chassis.rewinding import rewind
from tests.chaos.house import DATABASE_SERVER, House
from tests.chaos.schedule import Blow
from tests.chaos.side_load import SideLoad

RESIDENT: Final = "anonymizer.0"
JOINER: Final = "anonymizer.1"
PATIENCE_SECONDS: Final = 60
LOOK_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 0.3
TRIMMED: Final = 120
IN_HAND_SECONDS: Final = 0.6
BATCHES: Final = "anken_inbox_batch_records_count"

UNHEARD: Final = """
    SELECT count(*) FROM intake.events e WHERE e.partition IS NOT NULL AND e.notification_id > coalesce(
    (SELECT notification_id FROM anonymizer.tracking WHERE application_name = 'heard:intake/' || e.partition), 0)
"""
UNSENT: Final = """
    SELECT count(*) FROM intake.events e WHERE e.partition IS NOT NULL
    AND e.notification_id > coalesce((SELECT notification_id FROM intake.tracking WHERE application_name = 'relay'), 0)
"""


def asked(house: House, statement: str) -> int | None:
    """Ask the database for one number; None while it is away."""
    try:
        with psycopg.connect(house.database_url(), autocommit=True, connect_timeout=2) as connection:
            row = connection.execute(statement).fetchone()
    except AWAY:
        return None
    return None if row is None else row[0]


def cut_batch(house: House, load: SideLoad, blow: Blow) -> None:
    """Let a backlog come about and two replicas take it on; the first with a batch in hand dies before it is stored, then the other."""
    with house.this(RESIDENT):
        house.kill(RESIDENT)
        load.register(load.MANY)
        house.revive([RESIDENT, JOINER])
        first = beginner(house)
        with house.this(DATABASE_SERVER):
            house.postgres.pause()
            time.sleep(IN_HAND_SECONDS)
            house.kill(first)
            house.postgres.resume()
        house.note_cut(asked(house, UNHEARD))
        time.sleep(blow.hold)
        house.kill(RESIDENT if first == JOINER else JOINER)
        house.leave(JOINER)
        house.revive([RESIDENT])


def beginner(house: House) -> str:
    """Wait until one of the two replicas has a batch in hand, and name it; the joiner if none ever has."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for member in (JOINER, RESIDENT):
            if house.metric(member, BATCHES):
                return member
        time.sleep(LOOK_SECONDS)
    return JOINER


def trim_topic(house: House, load: SideLoad, blow: Blow) -> None:
    """Stop the anonymizer, let intake speak and its topic be trimmed, start the anonymizer before a hole, and republish.

    Others may not have read all that was trimmed either, nor the audit: so all that is new since the last one is sent again.
    """
    with house.this(RESIDENT):
        house.kill(RESIDENT)
        load.register(TRIMMED)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while asked(house, UNSENT) != 0 and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        while not trimmed(house.kafka.bootstrap, owner_topic("intake")) and time.monotonic() < deadline:
            time.sleep(1)
        house.revive([RESIDENT])
        load.register(load.FEW)
        time.sleep(blow.hold)
    republish(house, "intake", house.audited["intake"] + 1)


def trimmed(bootstrap: str, topic: str) -> bool:
    """Delete what a topic's partitions hold; tells whether the brokers did it."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    try:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=5000, request_timeout_ms=11_000)
        try:
            ends: Mapping[TopicPartition, int] = consumer.end_offsets(partitions)
        finally:
            consumer.close()
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=5000)
        try:
            admin.delete_records({one: end for one, end in ends.items() if end})
        finally:
            admin.close()
    except KafkaError:
        return False
    return True


def republish(house: House, service: str, first: int) -> None:
    """Send a service's events from a position on again, as `anken republish` does."""
    house.sent_again[service] = first
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(house.database_url(), connect_timeout=2) as connection:
                rewind(connection, service, first)
        except AWAY:
            time.sleep(RETRY_SECONDS)
        else:
            return
