"""Events from review's store over relay, Kafka and inbox into billing's, against a bare producer, a bare consumer and executemany."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import psycopg
from psycopg.sql import SQL

from anken.kafka import KafkaCluster
from anken.processes import warm_up
from anken.topics import apply_topics
from services.chassis.keyring import make_key_file
from services.chassis.recorder import Datastore, Recorder
from services.chassis.rewinding import rewind
from tests.bench.costs import cost_estimates
from tests.bench.measure import Bench, Measure, Size, alternate, last_line
from tests.bench.senders import run_producer, run_relay
from tests.bench.stores import Store, fresh_store
from tests.bench.takers import run_bare, run_deciding, run_recording
from tests.bench.track import End, Runner, Track, run_between

OWNER: Final = "review"
EVENTS: Final = {"full": 20_000, "small": 600}
APPENDED_AT_ONCE: Final = 500

RECORDED: Final = """
    CREATE TABLE billing.recorded (id uuid PRIMARY KEY, value bytea NOT NULL);
    CREATE TABLE billing.bare (LIKE billing.recorded INCLUDING ALL);
    GRANT SELECT, INSERT ON billing.recorded, billing.bare TO anken_billing;
"""
EMPTY: Final = "TRUNCATE billing.recorded, billing.bare, billing.events, billing.tracking"
HEARD: Final = "INSERT INTO review.tracking SELECT 'heard:intake/' || p, 1000 + p FROM generate_series(0, 11) p"
SENT: Final = "INSERT INTO review.tracking VALUES ('relay', %s) ON CONFLICT (application_name) DO UPDATE SET notification_id = %s"


@dataclass(frozen=True, slots=True)
class Course:
    """The servers with the backlog in review's store."""

    store: Store
    kafka: KafkaCluster
    owner: psycopg.Connection
    events: int
    key_file: str

    def run(self, sender: Runner, taker: Runner, go: Callable[[End], None], table: str) -> float:
        """Let the backlog pass once over topics of its own; gives events a second."""
        self.owner.execute(EMPTY)
        self.owner.execute(SENT, (self.events, self.events))
        prefix = f"bench-{secrets.token_hex(4)}"
        apply_topics(self.kafka.bootstrap, prefix)
        urls = {name: self.store.url(f"anken_{name}") for name in (OWNER, "billing")}
        rate = run_between(Track(urls, self.kafka.bootstrap, prefix, OWNER, self.events, self.key_file), sender, taker, go)
        found = self.owner.execute(SQL("SELECT count(*) FROM billing.{}").format(SQL(table))).fetchone()
        if found != (self.events,):
            raise RuntimeError(f"{found} of {self.events} events arrived in {table}")
        return rate

    def relayed(self, taker: Runner, table: str) -> float:
        """Let the relay send: its place, which stood at the end, is set back to the beginning."""
        return self.run(run_relay, taker, lambda _: rewind_all(self.owner), table)

    def bare(self) -> float:
        """Let the bare producer send."""
        return self.run(run_producer, run_bare, lambda sender: sender.told.send("go"), "bare")


def measure(rounds: int, size: Size) -> str:
    """Measure recording, limit and deciding; gives the last line."""
    warm_up()
    events = EVENTS[size]
    with fresh_store() as store, KafkaCluster(store.folder / "kafka") as kafka, psycopg.connect(store.url(), autocommit=True) as owner:
        owner.execute(RECORDED)
        owner.execute(HEARD)
        fill(store, events)
        owner.execute("VACUUM ANALYZE review.events")
        key_file = store.folder / "keyring.key"
        make_key_file(key_file)
        course = Course(store, kafka, owner, events, str(key_file))
        recorded, limit, deciding = alternate(
            rounds,
            Measure("recording inbox", lambda: course.relayed(run_recording, "recorded")),
            Measure("bare clients", course.bare),
            Measure("deciding inbox", lambda: course.relayed(run_deciding, "events")),
        )
    return last_line("hop", recorded.median, limit.median, deciding=deciding.median)


def fill(store: Store, count: int) -> None:
    """Append the backlog."""
    recorder = Recorder(Datastore(store.url(f"anken_{OWNER}"), OWNER, f"anken_{OWNER}"), ("intake",))
    events = cost_estimates(count)
    while batch := list(islice(events, APPENDED_AT_ONCE)):
        recorder.insert_events(batch)
    recorder.store.close()


def rewind_all(owner: psycopg.Connection) -> None:
    """Set review's relay back to the first event."""
    rewind(owner, OWNER, 1)


BENCH: Final[Bench] = measure
