"""Readiness: consuming and relaying, and by name what is missing."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import REGISTRY

from services.chassis.backlog import OLDEST_UNSENT, RELAY_POSITION, Sight
from services.chassis.consumer import Consumer
from services.chassis.inbox import Inbox
from services.chassis.loop import Loop
from services.chassis.readiness import StoreCheck, consuming, loops_turning
from services.chassis.relay import Relay

Clock = Callable[[float], None]


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Lets time go by, on the wall and for the process."""
    now = {"monotonic": 1_000.0, "time": 1_800_000_000.0}
    monkeypatch.setattr("time.monotonic", lambda: now["monotonic"])
    monkeypatch.setattr("time.time", lambda: now["time"])

    def one(seconds: float) -> None:
        for name in now:
            now[name] += seconds

    return one


class Store:
    """A backlog whose next sight is given."""

    def __init__(self) -> None:
        self.sight = Sight(up=True, current=True, figures={RELAY_POSITION: 7, OLDEST_UNSENT: 0})

    def look(self) -> Sight:
        return self.sight

    def shows(self, position: int, oldest: float) -> None:
        self.sight = Sight(up=True, current=True, figures={RELAY_POSITION: position, OLDEST_UNSENT: oldest})


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def check(store: Store, pass_seconds: Clock) -> Callable[[], list[str]]:
    checking = StoreCheck(store)  # type: ignore[arg-type]  # it only looks
    return lambda: list(checking())


def test_a_store_is_missed_by_what_it_lacks(store: Store, check: Callable[[], list[str]]):
    assert check() == []
    store.sight = Sight(up=False)
    assert check() == ["database"]
    store.sight = Sight(up=True)
    assert check() == ["schema"]


def test_old_events_that_nobody_sends_are_missed_and_old_events_that_flow_are_not(
    store: Store, check: Callable[[], list[str]], pass_seconds: Clock
):
    store.shows(7, 0)
    assert check() == []
    pass_seconds(600)
    store.shows(7, 5)  # a quiet night, and an event of five seconds ago
    assert check() == []
    for position in range(8, 11):  # after an outage: old, and on their way
        pass_seconds(61)
        store.shows(position, 5_000)
        assert check() == []
    pass_seconds(59)
    assert check() == []
    pass_seconds(2)
    assert check() == ["relaying"]
    store.shows(11, 5_000)
    assert check() == []


def test_a_service_that_relays_nothing_is_not_asked_for_it(store: Store, check: Callable[[], list[str]]):
    store.sight = Sight(up=True, current=True, figures={"anken_caselog_waiting_records": 3})
    assert check() == []


class Turning(Loop):
    """Turns once for each permit."""

    def __init__(self) -> None:
        super().__init__("turning")
        self.permits = threading.Semaphore(0)
        self.turned = threading.Semaphore(0)

    def turn(self) -> None:
        self.turned.release()
        self.permits.acquire()


def test_a_loop_stuck_in_a_turn_is_missed(pass_seconds: Clock):
    loop = Turning()
    assert loops_turning([loop]) == ["turning"]
    loop.start()
    for _ in range(2):  # into the second turn
        loop.turned.acquire()
        loop.permits.release()
    loop.turned.acquire()
    assert loops_turning([loop]) == []
    pass_seconds(61)
    assert loops_turning([loop]) == ["turning"]
    loop.permits.release()
    loop.turned.acquire()
    assert loops_turning([loop]) == []
    loop.stop()
    loop.permits.release()
    loop.join()
    assert loops_turning([loop]) == ["turning"]


class Reader:
    """An aiokafka consumer with one partition and the time of its last answer."""

    def __init__(self) -> None:
        self.answered: float | None = None

    def assignment(self) -> frozenset[str]:
        return frozenset({"partition"})

    def last_poll_timestamp(self, _: str) -> float | None:
        return self.answered


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def consumer(pass_seconds: Clock, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    made = Consumer(Inbox(None), group="g", topics=["t"], bootstrap="127.0.0.1:1")  # type: ignore[arg-type]  # nothing is read
    made.assigned = frozenset({("t", 0)})
    monkeypatch.setattr(made, "broker", SimpleNamespace(subscribers=[SimpleNamespace(consumer=reader)]))
    return made


def test_a_relay_that_lost_the_lead_while_it_stalled_is_well(monkeypatch: pytest.MonkeyPatch):
    relay = Relay(SimpleNamespace(), "intake", "127.0.0.1:1", "t")  # type: ignore[arg-type]  # no store is asked
    monkeypatch.setattr(relay, "is_alive", lambda: True)
    relay.healthy, relay.lead = True, SimpleNamespace(won=True, close=lambda: None)  # type: ignore[assignment]  # its session is gone
    relay._stall(time.monotonic() - 5)
    assert list(loops_turning([relay])) == ["relay-intake"]
    relay.close()
    assert list(loops_turning([relay])) == []
    assert REGISTRY.get_sample_value("anken_relay_stalled_seconds") == 0


def test_a_consumer_that_hears_nothing_from_kafka_is_missed(consumer: Consumer, reader: Reader, pass_seconds: Clock):
    assert consuming(consumer) == ()
    pass_seconds(61)
    assert consuming(consumer) == ("consumer",)
    reader.answered = 1_800_000_060_000.0
    assert consuming(consumer) == ()
    pass_seconds(61)
    assert consuming(consumer) == ("consumer",)


@pytest.mark.parametrize("asked", ["assignment", "last_poll_timestamp"])
def test_what_the_reader_here_stands_for_is_what_the_library_has(asked: str):
    """A probe passes over what a rebalance takes away under it, and would pass over a renamed method too."""
    assert callable(getattr(AIOKafkaConsumer, asked))
    assert callable(getattr(Reader, asked))


def test_a_consumer_in_a_long_batch_is_well_until_the_group_gives_it_up(consumer: Consumer, pass_seconds: Clock):
    consumer.batch_since = 1_000.0
    pass_seconds(299)
    assert consuming(consumer) == ()
    pass_seconds(2)
    assert consuming(consumer) == ("consumer",)


def test_a_consumer_without_partitions_is_missed(consumer: Consumer):
    consumer.assigned = frozenset()
    assert consuming(consumer) == ("consumer",)
