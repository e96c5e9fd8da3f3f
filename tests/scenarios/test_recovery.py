"""A consumer away for 50,000 events, a broker wiped, a hole, a trimmed topic: nothing is lost, and one command heals."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from psycopg.sql import SQL, Identifier

from anken.client import wait_until_ready
from anken.kafka import KafkaCluster
from anken.postgres import PostgresServer
from anken.stack import Stack
from anken.supervision import Supervisor
from anken.topics import apply_topics
from contracts.topics import OWNERS, PARTITIONS, owner_topic
from services.chassis.aggregate import step
from services.chassis.clock import JST, BusinessClock
from services.chassis.consumer import Consumer
from services.chassis.dead_letters import Letter
from services.chassis.desk import Desk
from services.chassis.inbox import Inbox, Portion
from services.chassis.room import make_desk
from services.chassis.settings import settings_for
from services.intake.proposal import PROPOSAL
from services.intake.service import ROOM
from tests.bulk import Bulk
from tests.chassis.logs_of_kafka import Record, read_topic
from tests.scenarios.test_sigkill import COORDINATOR, Now, complete, submitted
from tests.settled import settle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PASSED = 50_000
PATIENCE = 600  # patience only: on two quiet cores each wait ends within a minute
STORES = (*OWNERS, "caselog")


@pytest.fixture(scope="module")
def house(kafka: KafkaCluster, postgres: PostgresServer) -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="anken-test-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANKEN_KAFKA_BOOTSTRAP", kafka.bootstrap)
        patch.setenv("ANKEN_DATABASE_URL", postgres.url())
        with Stack(folder, private=True) as running:
            wait_until_ready(running.urls)
            yield running
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def desk(house: Stack) -> Iterator[Desk]:
    settings = settings_for("intake", database_url=house.database_url, key_file=house.issuer_folder / "keyring.key")
    one, _, close = make_desk(ROOM, settings, BusinessClock())
    yield one
    close()


def submit(desk: Desk, count: int) -> list[UUID]:
    """Submit proposals and find them complete; review starts a screening of each."""
    cases = [uuid4() for _ in range(count)]
    for case in cases:
        desk.take(COORDINATOR, step(PROPOSAL, case, submitted, Now()), step(PROPOSAL, case, complete, Now()))
    return cases


def asked(house: Stack, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(house.database_url) as connection:
        return connection.execute(query.encode()).fetchall()


def today():
    return datetime.now(JST).date()


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def relayed(house: Stack, owner: str) -> bool:
    ((last,),) = asked(house, f"SELECT max(notification_id) FROM {owner}.events WHERE partition IS NOT NULL")  # noqa: S608 - our own names
    places = asked(house, f"SELECT notification_id FROM {owner}.tracking WHERE application_name = 'relay'")  # noqa: S608 - as above
    return last is None or places == [(last,)]


def republish(house: Stack, owner: str, position: int) -> str:
    variables = {"ANKEN_DATABASE_URL": house.database_url, "PYTHONPATH": f"{ROOT}:{ROOT / 'deploy'}"}
    command = [sys.executable, "-m", "anken", "republish", owner, "--from", str(position)]
    return subprocess.run(command, env=os.environ | variables, check=True, capture_output=True, text=True).stdout


def kept(house: Stack) -> dict[str, list[str]]:
    """Write down every table of every service, places and views included."""
    found = {}
    with psycopg.connect(house.database_url) as connection:
        for store in STORES:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (store,)).fetchall()
            for (table,) in tables:
                rows = connection.execute(SQL("SELECT t::text FROM {} t ORDER BY 1").format(Identifier(store, table))).fetchall()
                found[f"{store}.{table}"] = [text for (text,) in rows]
    return found


def told(house: Stack) -> dict[str, dict[int, list[Record]]]:
    return {owner: read_topic(house.bootstrap, owner_topic(owner, house.prefix)) for owner in OWNERS}


def supervised(house: Stack, true: Callable[[], bool]) -> list[str]:
    """Wait as `anken up` does, starting again who ends; gives what the supervisor said."""
    said: list[str] = []
    supervisor = Supervisor(house, said.append)

    def look() -> bool:
        supervisor.look()
        return true()

    eventually(look)
    return said


def test_a_wiped_broker_is_refilled_byte_for_byte_and_every_store_stays_as_it_was(house: Stack, desk: Desk, kafka: KafkaCluster):
    submit(desk, 100)
    settle(house.database_url, today(), PATIENCE)
    stores, topics = kept(house), told(house)
    speaking = [owner for owner in OWNERS if any(topics[owner].values())]
    assert {"intake", "review"} <= set(speaking)
    born = {name: process.pid for name, process in house.services.processes.items()}

    kafka.wipe()
    kafka.wait_ready()
    eventually(lambda: shown(house, "caselog", "anken_inbox_partitions") == 0)  # the group is joined anew, and there are no topics
    apply_topics(house.bootstrap, house.prefix)
    said = supervised(house, lambda: all(house.services.processes[owner].pid != born[owner] for owner in speaking))
    assert [line for line in said if "ended; it starts again" in line]
    wait_until_ready(house.urls)
    for owner in speaking:
        assert "positions 1 to" in republish(house, owner, 1)
    eventually(lambda: all(relayed(house, owner) for owner in OWNERS))
    settle(house.database_url, today(), PATIENCE)
    assert told(house) == topics
    eventually(lambda: all_read(house))
    assert kept(house) == stores

    cases = submit(desk, 20)
    settle(house.database_url, today(), PATIENCE)
    assert len(screened(house, cases)) == 20


def all_read(house: Stack) -> bool:
    """Tell whether every consumer has read its topics to their ends: offsets are committed only after a batch was taken."""
    admin = KafkaAdminClient(bootstrap_servers=house.bootstrap)
    try:
        topics = [TopicPartition(owner_topic(owner, house.prefix), number) for owner in OWNERS for number in range(PARTITIONS)]
        ends = admin.list_partition_offsets(dict.fromkeys(topics, OffsetSpec.LATEST))
        for name in ("review", "caselog"):
            group = f"{house.prefix}.{name}"
            read = admin.list_group_offsets(group)[group]
            heard = [one for one in topics if name == "caselog" or "intake" in one.topic]
            if any(ends[one].offset > (read[one].offset if one in read else 0) for one in heard):
                return False
        return True
    finally:
        admin.close()


def screened(house: Stack, cases: Sequence[UUID]) -> list[UUID]:
    rows = asked(house, "SELECT right(originator_id, 36)::uuid FROM review.events WHERE topic = 'review.ScreeningStarted'")
    return [case for (case,) in rows if case in set(cases)]


class Notebook:
    """A new listener: it has heard nothing yet, and writes down the positions it takes, in order."""

    def __init__(self) -> None:
        self.taken: dict[str, list[int]] = {}

    def places(self, sources: Collection[str]) -> dict[str, int]:
        return {source: self.taken[source][-1] for source in sources if self.taken.get(source)}

    def take(self, portions: Sequence[Portion]) -> None:
        for portion in portions:
            self.taken.setdefault(portion.source, []).extend(one.envelope.position for one in portion.records)

    def bury(self, letters: Sequence[Letter]) -> None:
        raise AssertionError(letters)


@contextmanager
def consuming(inbox: Inbox, house: Stack, group: str) -> Iterator[None]:
    """Run a consumer of intake's topic meanwhile, in a group of its own."""
    ended = threading.Event()

    async def consume() -> None:
        consumer = Consumer(inbox, group=group, topics=[owner_topic("intake", house.prefix)], bootstrap=house.bootstrap)
        await consumer.start()
        await asyncio.to_thread(ended.wait)
        await consumer.stop()

    running = threading.Thread(target=asyncio.run, args=(consume(),))
    running.start()
    try:
        yield
    finally:
        ended.set()
        running.join(60)
        assert not running.is_alive()


def trim(house: Stack, owner: str) -> None:
    """Delete all that a topic holds, as a retention that is too short would."""
    partitions = [TopicPartition(owner_topic(owner, house.prefix), number) for number in range(PARTITIONS)]
    admin = KafkaAdminClient(bootstrap_servers=house.bootstrap)
    try:
        admin.delete_records(dict.fromkeys(partitions, -1))
    finally:
        admin.close()


def shown(house: Stack, service: str, metric: str) -> float | None:
    lines = httpx.get(f"{house.urls[service]}/metrics", trust_env=False).text.splitlines()
    return next((float(line.removeprefix(f"{metric} ")) for line in lines if line.startswith(f"{metric} ")), None)


HOLES = 'anken_inbox_holes{owner="intake"}'


def test_a_hole_and_a_new_group_on_a_trimmed_topic_heal_by_one_command_under_load(house: Stack, desk: Desk):
    settle(house.database_url, today(), PATIENCE)
    review = house.services.processes["review"]
    review.terminate()
    review.join()
    cases = submit(desk, 200)
    eventually(lambda: relayed(house, "intake"))
    trim(house, "intake")
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            cases.extend(submit(desk, 1))
            time.sleep(0.02)

    writing = threading.Thread(target=write)
    writing.start()
    inbox = Inbox(Notebook())
    try:
        house.restart("review")
        wait_until_ready(house.urls)
        with consuming(inbox, house, f"{house.prefix}.newcomer"):
            eventually(lambda: shown(house, "review", HOLES) == PARTITIONS)
            eventually(lambda: len(inbox.holes) == PARTITIONS)
            assert screened(house, cases) == []
            assert inbox.listener.taken == {}
            assert "positions 1 to" in republish(house, "intake", 1)
            eventually(lambda: inbox.holes == {})
            eventually(lambda: shown(house, "review", HOLES) == 0)
            done.set()
            writing.join()
            settle(house.database_url, today(), PATIENCE)
            announced = [position for (position,) in asked(house, "SELECT notification_id FROM intake.events WHERE partition IS NOT NULL")]
            eventually(lambda: sum(map(len, inbox.listener.taken.values())) >= len(announced))
    finally:
        done.set()
        writing.join()
    assert all(taken == sorted(taken) for taken in inbox.listener.taken.values())
    assert sorted(position for taken in inbox.listener.taken.values() for position in taken) == sorted(announced)
    assert sorted(screened(house, cases)) == sorted(cases)


def test_a_consumer_stopped_while_50_000_events_pass_loses_none(house: Stack, desk: Desk):
    case_log = house.services.processes["caselog"]
    case_log.terminate()
    case_log.join()
    ((before,),) = asked(house, "SELECT count(*) FROM caselog.entry")
    Bulk(desk.recorder, 500).write(PASSED)
    eventually(lambda: relayed(house, "intake"))
    assert asked(house, "SELECT count(*) FROM caselog.entry") == [(before,)]
    house.restart("caselog")
    eventually(lambda: asked(house, "SELECT count(*) FROM caselog.entry") == [(before + PASSED,)])
    assert asked(house, "SELECT event_id FROM intake.events EXCEPT SELECT event_id FROM caselog.entry") == []
    out_of_order = """
        SELECT count(*) FROM (
            SELECT e.notification_id, lag(e.notification_id) OVER (PARTITION BY c.subject ORDER BY c.seq) AS earlier
            FROM caselog.entry c JOIN intake.events e USING (event_id)
        ) chained WHERE earlier > notification_id
    """
    assert asked(house, out_of_order) == [(0,)]
    assert asked(house, "SELECT count(*) FROM caselog.waiting") == [(0,)]
