"""What each fault does to the house, and how it is healed. A blow runs in a thread of its own from strike to heal."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from anken.kafka import KafkaCluster
from services.chassis.loop import AWAY
from tests.chaos.batches import IN_HAND_SECONDS, cut_batch, trim_topic
from tests.chaos.house import BROKERS, DATABASE_SERVER, RELAYS, SERVING, House
from tests.chaos.schedule import Blow, Fault
from tests.chaos.side_load import SideLoad

OWNING: Final = ("intake", "review", "billing", "anonymizer")
NODES: Final = 3
READY_SECONDS: Final = 180.0  # until brokers that were killed are there again; a busy machine is no fault of the house
REVIEWS: Final = ("review.0", "review.1")


def strike(house: House, load: SideLoad, blow: Blow) -> None:
    """Let one fault happen, last, and be healed."""
    BLOWS[blow.fault](house, load, blow)


def kill_service(house: House, _: SideLoad, blow: Blow) -> None:
    """Kill -9 a replica; it is started again after a while."""
    with house.victim(blow.pick, SERVING) as member:
        house.kill(member)
        time.sleep(blow.hold)
        house.revive([member])


def freeze_service(house: House, _: SideLoad, blow: Blow) -> None:
    """Stop a replica in its tracks, at times for longer than its group waits."""
    with house.victim(blow.pick, SERVING) as member:
        house.pause(member)
        time.sleep(blow.hold)
        house.resume(member)


def leading_process(house: House) -> list[str]:
    """Name the relay process that leads; both if it cannot be told."""
    return house.leaders(RELAYS) or [*RELAYS]


def kill_relay(house: House, _: SideLoad, blow: Blow) -> None:
    """Kill -9 the relay process that leads; the other one takes over."""
    with house.victim(blow.pick, leading_process(house)) as member:
        house.kill(member)
        time.sleep(blow.hold)
        house.revive([member])


def cut_relay(house: House, load: SideLoad, blow: Blow) -> None:
    """Kill the relay while two dead brokers owe it acks: what it has in hand is nowhere else, and no other broker can take their place.

    Frozen ones would not do: they find the records in their sockets when they go on.
    """
    nodes = [(blow.pick + step) % NODES for step in range(2)]
    with house.this(BROKERS):
        for node in nodes:
            house.kafka.kill(node)
        load.register(load.SOME)
        time.sleep(IN_HAND_SECONDS)
        with house.victim(blow.pick, leading_process(house)) as member:
            house.kill(member)
            time.sleep(blow.hold)
            house.revive([member])
        for node in nodes:
            house.kafka.restart(node)
        house.kafka.wait_ready(READY_SECONDS)


def freeze_relay(house: House, _: SideLoad, blow: Blow) -> None:
    """Stop the relay process that leads."""
    with house.victim(blow.pick, leading_process(house)) as member:
        house.pause(member)
        time.sleep(blow.hold)
        house.resume(member)


def cut_lead(house: House, _: SideLoad, blow: Blow) -> None:
    """Take a leading relay's lock session away while it works."""
    end_lead(house, OWNING[blow.pick % len(OWNING)])


def make_zombie(house: House, _: SideLoad, blow: Blow) -> None:
    """Freeze review's leading relay, let the other replica's take over, and let the first go on where it was."""
    with house.victim(blow.pick, house.leaders(REVIEWS)) as member:
        house.pause(member)
        end_lead(house, "review")
        time.sleep(blow.hold)
        house.resume(member)


def end_lead(house: House, service: str) -> None:
    """End the session that holds a relay's advisory lock, if PostgreSQL is there to do it."""
    key = f"anken.relay.{service}"
    statement = (
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l, hashtextextended(%s, 0) key WHERE l.locktype = 'advisory' AND l.granted"
        " AND l.objsubid = 1 AND l.classid::bigint = (key >> 32) & 4294967295 AND l.objid::bigint = key & 4294967295"
    )
    try:
        with psycopg.connect(house.database_url(), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement, (key,))
    except AWAY:
        return  # a lead that nobody can hold


def on_broker(hit: Callable[[KafkaCluster, int], None], heal: Callable[[KafkaCluster, int], None], count: int) -> "Strike":
    """Make the fault that hits some of the brokers at once."""

    def happen(house: House, _: SideLoad, blow: Blow) -> None:
        nodes = [(blow.pick + step) % NODES for step in range(count)]
        with house.this(BROKERS):
            for node in nodes:
                hit(house.kafka, node)
            time.sleep(blow.hold)
            for node in nodes:
                heal(house.kafka, node)

    return happen


def keep_brokers_away(house: House, _: SideLoad, blow: Blow) -> None:
    """Kill all brokers and keep them away, while commands go on: what is said meanwhile waits in the stores."""
    with house.this(BROKERS):
        for node in range(NODES):
            house.kafka.kill(node)
        time.sleep(blow.hold)
        for node in range(NODES):
            house.kafka.restart(node)


def kill_postgres(house: House, _: SideLoad, blow: Blow) -> None:
    """Kill -9 the server and its backends; it recovers from its log."""
    with house.this(DATABASE_SERVER):
        house.postgres.kill()
        time.sleep(blow.hold)
        house.postgres.start()


def freeze_postgres(house: House, _: SideLoad, blow: Blow) -> None:
    """Stop the server and its backends."""
    with house.this(DATABASE_SERVER):
        house.postgres.pause()
        time.sleep(blow.hold)
        house.postgres.resume()


Strike = Callable[[House, SideLoad, Blow], None]
BLOWS: Final[Mapping[Fault, Strike]] = {
    Fault.SERVICE_KILLED: kill_service,
    Fault.SERVICE_FROZEN: freeze_service,
    Fault.RELAY_KILLED: kill_relay,
    Fault.RELAY_FROZEN: freeze_relay,
    Fault.LEAD_CUT: cut_lead,
    Fault.ZOMBIE: make_zombie,
    Fault.BROKER_KILLED: on_broker(KafkaCluster.kill, KafkaCluster.restart, 1),
    Fault.BROKER_FROZEN: on_broker(KafkaCluster.pause, KafkaCluster.resume, 1),
    Fault.BROKERS_FROZEN: on_broker(KafkaCluster.pause, KafkaCluster.resume, 2),
    Fault.BROKERS_AWAY: keep_brokers_away,
    Fault.POSTGRES_KILLED: kill_postgres,
    Fault.POSTGRES_FROZEN: freeze_postgres,
    Fault.BATCH_CUT: cut_batch,
    Fault.RELAY_CUT: cut_relay,
    Fault.TOPIC_TRIMMED: trim_topic,
}
