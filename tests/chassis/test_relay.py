"""The relay: whoever leads, dies, freezes, is rewound or meets no broker, a topic holds every event in order and no hole."""

import threading
import time
from collections.abc import Callable, Iterable
from uuid import uuid4

import psycopg
import pytest
from kafka import KafkaProducer
from kafka.producer.transaction_manager import TransactionManager
from prometheus_client import REGISTRY

from anken.kafka import KafkaCluster
from contracts.topics import owner_topic
from services.chassis.aggregate import step
from services.chassis.desk import Desk
from services.chassis.lead import PLACE, Lead
from services.chassis.relay import Relay, make_producer
from tests.chassis.conftest import CASHIER
from tests.chassis.logs_of_kafka import Record, read_topic
from tests.chassis.rooms import TILL, TakeCoin, take_coin
from tests.chassis.threads import eventually, running
from tests.conftest import Database

pytestmark = pytest.mark.slow

REQUEST_SECONDS = 10  # what a request of the relay's producer may take


def coins(desk: Desk, count: int) -> None:
    """Append announced events to several tills in one statement."""
    tills = [uuid4() for _ in range(min(count, 20))]
    desk.take(CASHIER, *(step(TILL, tills[number % 20], take_coin, TakeCoin(amount=1, note="x")) for number in range(count)))


def place(desk: Desk) -> int:
    return desk.recorder.max_tracking_id(PLACE) or 0


def positions(records: Iterable[Record]) -> list[int]:
    return [int(dict(headers)["position"]) for _, _, headers in records]


def heard(records: Iterable[Record]) -> list[int]:
    """Read a partition as an inbox does: what was known is passed over, and a hole would end it."""
    known: int | None = None
    taken = []
    for _, _, headers in records:
        told = dict(headers)
        position, previous = int(told["position"]), int(told["previousposition"]) if "previousposition" in told else None
        if known is None or position > known:
            assert previous == known
            taken.append(known := position)
    return taken


def all_heard(kafka: KafkaCluster, prefix: str) -> list[int]:
    return sorted(one for records in read_topic(kafka.bootstrap, owner_topic("intake", prefix)).values() for one in heard(records))


def rewind(database: Database, to: int) -> None:
    with psycopg.connect(database.url("anken_intake")) as connection:
        connection.execute("UPDATE intake.tracking SET notification_id = %s WHERE application_name = 'relay'", (to,))
        connection.execute("NOTIFY anken_intake")


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def ended_leaders(database: Database) -> int:
    """End the session of whoever holds the lock; gives how many there were."""
    with psycopg.connect(database.url(), autocommit=True) as connection:
        return connection.execute(
            "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
            " WHERE a.application_name = 'intake relay' AND l.locktype = 'advisory' AND l.granted"
        ).rowcount


@pytest.fixture
def relay(make: Callable[[], Desk], kafka: KafkaCluster, prefix: str) -> Callable[[], Relay]:
    return lambda: Relay(make().recorder, "intake", kafka.bootstrap, prefix)


def test_a_second_relay_waits_and_takes_over(desk: Desk, relay: Callable[[], Relay], kafka: KafkaCluster, prefix: str):
    leader, waiting = relay(), relay()
    with running(leader):
        eventually(lambda: leader.leads)
        with running(waiting):
            coins(desk, 1)
            eventually(lambda: place(desk) == 1)
            assert not waiting.leads
            leader.stop()
            leader.join(20)
            coins(desk, 1)
            eventually(lambda: place(desk) == 2)
            assert waiting.leads
    sent = positions(one for records in read_topic(kafka.bootstrap, owner_topic("intake", prefix)).values() for one in records)
    assert sorted(sent) == [1, 2]


def test_a_leader_whose_session_ends_gives_way(
    desk: Desk, database: Database, relay: Callable[[], Relay], kafka: KafkaCluster, prefix: str
):
    one, other = relay(), relay()
    with running(one), running(other):
        for _ in range(4):
            coins(desk, 700)
            eventually(lambda: one.leads or other.leads)
            # Who was just ended may not know it yet, and call itself leader for a moment.
            eventually(lambda: ended_leaders(database) > 0)
        eventually(lambda: place(desk) == 2_800)
    assert all_heard(kafka, prefix) == list(range(1, 2_801))


def test_a_leader_that_is_silent_for_long_loses_the_lock_and_can_save_nothing(desk: Desk):
    frozen, successor = Lead(desk.recorder), Lead(desk.recorder)
    assert frozen.win()
    assert not successor.win()
    limit = frozen.connection.execute("SELECT current_setting('idle_session_timeout') AS limit").fetchone()
    assert limit == {"limit": "30s"}
    frozen.connection.execute("SET idle_session_timeout = '200ms'")
    eventually(successor.win)
    assert successor.move(0, 7)
    with pytest.raises(psycopg.OperationalError):
        frozen.move(7, 9)
    assert place(desk) == 7
    frozen.close()
    successor.close()


def test_notifications_that_came_while_the_session_was_busy_wake_it_once(desk: Desk, database: Database):
    lead = Lead(desk.recorder)
    assert lead.win()
    with psycopg.connect(database.url("anken_intake"), autocommit=True) as connection:
        for _ in range(50):
            connection.execute("NOTIFY anken_intake")
            lead.check()
    lead.check()
    lead.wait(5)
    assert list(lead.connection.notifies(timeout=0)) == []
    lead.close()


def test_a_place_is_moved_only_from_where_the_batch_began(desk: Desk):
    lead = Lead(desk.recorder)
    assert lead.place() == 0
    assert lead.move(0, 500)
    assert not lead.move(0, 600)
    assert not lead.move(400, 600)
    assert lead.move(500, 700)
    assert lead.place() == 700
    lead.close()


def test_a_rewind_under_load_sends_again_and_leaves_no_hole(
    desk: Desk, database: Database, relay: Callable[[], Relay], kafka: KafkaCluster, prefix: str
):
    leader = relay()
    done = threading.Event()

    def write() -> None:
        for _ in range(30):
            coins(desk, 100)
        done.set()

    writing = threading.Thread(target=write)
    with running(leader):
        writing.start()
        for _ in range(3):
            eventually(lambda: place(desk) > 300)
            rewind(database, 0)
            time.sleep(0.3)
        writing.join()
        eventually(lambda: place(desk) == 3_000)
    topic = read_topic(kafka.bootstrap, owner_topic("intake", prefix))
    assert sorted(one for records in topic.values() for one in heard(records)) == list(range(1, 3_001))
    assert all(positions(records).count(positions(records)[0]) >= 2 for records in topic.values() if records)


def test_a_rewind_between_sending_and_saving_is_not_overwritten(
    desk: Desk, database: Database, relay: Callable[[], Relay], monkeypatch: pytest.MonkeyPatch, kafka: KafkaCluster, prefix: str
):
    coins(desk, 1_200)
    leader = relay()
    moved = Lead.move
    rewound = []

    def rewind_first(lead: Lead, since: int, to: int) -> bool:
        if since == 500 and not rewound:
            rewound.append(to)
            rewind(database, 0)
        return moved(lead, since, to)

    monkeypatch.setattr(Lead, "move", rewind_first)
    with running(leader):
        eventually(lambda: place(desk) == 1_200)
    assert rewound == [1_000]
    topic = read_topic(kafka.bootstrap, owner_topic("intake", prefix))
    assert sorted(one for records in topic.values() for one in heard(records)) == list(range(1, 1_201))
    again = sorted(one for records in topic.values() for one in positions(records))
    assert all(again.count(one) >= 2 for one in range(1, 1_001))


def test_a_broker_that_is_away_stalls_the_relay_and_a_stop_is_heard(
    desk: Desk, relay: Callable[[], Relay], kafka: KafkaCluster, prefix: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.chassis.relay.ACK_SLICE_SECONDS", 0.5)
    coins(desk, 10)
    leader = relay()
    sent = counted("anken_relay_sent_events_total")
    leader.start()
    eventually(lambda: place(desk) == 10)
    eventually(leader.is_well)
    assert counted("anken_relay_leading") == 1
    eventually(lambda: counted("anken_relay_sent_events_total") == sent + 10)
    kafka.pause(0)
    try:
        coins(desk, 10)
        eventually(lambda: counted("anken_relay_stalled_seconds") > 1)
        assert not leader.is_well()
        leader.stop()
        leader.join(20)
        assert not leader.is_alive()
        assert counted("anken_relay_leading") == 0
        assert place(desk) == 10
    finally:
        kafka.resume(0)
    assert isinstance(leader.producer, KafkaProducer)
    leader.producer.close(20)
    with running(relay()):
        eventually(lambda: place(desk) == 20)
        eventually(lambda: counted("anken_relay_stalled_seconds") == 0)
    assert all_heard(kafka, prefix) == list(range(1, 21))


def test_a_producer_that_gets_no_id_has_written_nothing_and_another_takes_its_place(
    desk: Desk, relay: Callable[[], Relay], kafka: KafkaCluster, prefix: str, monkeypatch: pytest.MonkeyPatch
):
    """The broker freezes for longer than a request may take, just before a new producer asks it for an id."""
    frozen, made = threading.Event(), list[KafkaProducer]()
    ask = TransactionManager.init_producer_id
    monkeypatch.setattr(TransactionManager, "init_producer_id", lambda manager: ask(manager) if frozen.is_set() else None)

    def make(bootstrap: str) -> KafkaProducer:
        producer = make_producer(bootstrap)
        made.append(producer)
        if len(made) == 1:
            producer.partitions_for(owner_topic("intake", prefix))
            kafka.pause(0)
            frozen.set()
            thaw.start()
        return producer

    thaw = threading.Timer(REQUEST_SECONDS + 3, kafka.resume, [0])
    monkeypatch.setattr("services.chassis.relay.make_producer", make)
    coins(desk, 10)
    with running(relay()):
        eventually(lambda: place(desk) == 10)
    thaw.join()
    assert len(made) == 2
    assert all_heard(kafka, prefix) == list(range(1, 11))
