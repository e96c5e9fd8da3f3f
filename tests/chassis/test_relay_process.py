"""`anken relay`: a relay as a process of its own, with probes and metrics, that ends when Kafka refuses a record for good."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from anken.kafka import KafkaCluster
from contracts.topics import owner_topic
from services.chassis.desk import Desk
from services.chassis.room import furnish
from services.chassis.settings import Settings
from tests.chassis.rooms import ROOM
from tests.chassis.test_relay import coins, place
from tests.chassis.threads import eventually
from tests.conftest import Database

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def process(url: str, database: Database, kafka: KafkaCluster, prefix: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    variables = {
        "ANKEN_DATABASE_URL": database.url("anken_intake"),
        "ANKEN_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "ANKEN_TOPIC_PREFIX": prefix,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'deploy'}",
    }
    with (tmp_path / "relay.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "anken", "relay", "intake", "--port", url.rpartition(":")[2]], env=os.environ | variables, stdout=log
        )
        yield started
        started.kill()
        started.wait()


def said(log: Path) -> list[str]:
    """List the events of a log."""
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]


def answers(url: str, path: str) -> tuple[int, str]:
    try:
        answer = httpx.get(url + path, trust_env=False)
    except httpx.TransportError:
        return 0, ""
    return answer.status_code, answer.text


def test_it_relays_shows_how_it_is_and_stops_in_order(process: subprocess.Popen[bytes], url: str, desk: Desk, tmp_path: Path):
    coins(desk, 30)
    eventually(lambda: place(desk) == 30)
    eventually(lambda: answers(url, "/readyz")[0] == 200)
    assert answers(url, "/livez")[0] == 200
    shown = answers(url, "/metrics")[1].splitlines()
    assert "anken_relay_leading 1.0" in shown
    assert "anken_relay_sent_events_total 30.0" in shown
    assert "anken_relay_position 30.0" in shown
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM  # uvicorn's way of saying that it stopped because it was told to
    assert "stopped" in said(tmp_path / "relay.log")


def test_a_record_that_kafka_refuses_for_good_ends_the_process_and_saves_no_place(
    process: subprocess.Popen[bytes], desk: Desk, kafka: KafkaCluster, prefix: str, tmp_path: Path
):
    coins(desk, 1)
    eventually(lambda: place(desk) == 1)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.alter_configs([ConfigResource("TOPIC", owner_topic("intake", prefix), {"max.message.bytes": "100"})])
    admin.close()
    coins(desk, 1)
    assert process.wait(30) == 1
    assert place(desk) == 1
    assert "loop failed, the process ends" in said(tmp_path / "relay.log")


@pytest.mark.parametrize(("where", "loops"), [("thread", ["relay-intake", "projector-intake"]), ("process", ["projector-intake"])])
def test_a_service_has_the_relay_as_a_thread_unless_told_otherwise(settings: Settings, where: str, loops: list[str]):
    service = furnish(ROOM, settings.model_copy(update={"relay": where}), lambda _: None)
    assert [loop.name for loop in service.loops if not loop.name.startswith("ticker")] == loops
    service.close()
