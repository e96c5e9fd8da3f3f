"""Appends of real events to the store, by eight writers and by one, against pgbench inserting the same rows on the same server."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg

from contracts.topics import PARTITIONS
from services.chassis.recorded import Appending
from services.chassis.recorder import Datastore, Recorder
from services.intake.service import ROOM
from tests.bench.findings import found_complete, many
from tests.bench.measure import Measure, Size, alternate, last_line
from tests.bench.stores import Store, fresh_store

WRITERS: Final = 8
SCHEMA: Final = "intake"
EACH: Final = {"full": 500, "small": 10}  # transactions of one of eight clients in a round
ALONE: Final = {"full": 1500, "small": 20}

TABLE: Final = """
    CREATE SCHEMA pgbench;
    CREATE TABLE pgbench.events (LIKE intake.events INCLUDING ALL);
    CREATE SEQUENCE pgbench.position;
"""
# As in a service that has heard of every owner on every partition: each event says what its author had taken in.
PLACES: Final = """
    INSERT INTO intake.tracking SELECT 'heard:' || h || '/' || p, 1000 + p
    FROM unnest(%(heard)s::text[]) h, generate_series(0, %(partitions)s - 1) p
"""
# No lock, no reading, no notification: one row of the same sizes, its index entries, and the commit.
INSERT: Final = """
INSERT INTO pgbench.events VALUES (
    'proposal-' || uuidv7(), 1, :topic, :state::bytea, nextval('pgbench.position'), uuidv7(), :tenant, clock_timestamp(),
    random(0, 11), NULL, '', :value::bytea, :attributes::bytea
);
"""


def measure(rounds: int, size: Size) -> str:
    """Measure both ways; gives the last line."""
    with fresh_store() as store:
        with psycopg.connect(store.url(), autocommit=True) as connection:
            connection.execute(TABLE)
            connection.execute(PLACES, {"heard": list(ROOM.hears), "partitions": PARTITIONS})
        recorder = Recorder(Datastore(store.url(f"anken_{SCHEMA}"), SCHEMA, f"anken_{SCHEMA}"), ROOM.hears)
        print_sizes(found_complete())
        try:
            together, together_limit, alone, alone_limit = alternate(
                rounds,
                Measure(f"{WRITERS} writers", lambda: append_from(recorder, WRITERS, EACH[size])),
                Measure(f"pgbench -c {WRITERS}", lambda: insert_from(store, WRITERS, EACH[size])),
                Measure("1 writer", lambda: append_from(recorder, 1, ALONE[size])),
                Measure("pgbench -c 1", lambda: insert_from(store, 1, ALONE[size])),
            )
        finally:
            recorder.store.close()
    return last_line(
        "append",
        together.median,
        together_limit.median,
        single_ratio=alone.median / alone_limit.median,
        single_value=alone.median,
        single_limit=alone_limit.median,
    )


def append_from(recorder: Recorder, writers: int, each: int) -> float:
    """Append one event a request from some threads at once; gives events a second."""
    batches = [many(each) for _ in range(writers)]
    with ThreadPoolExecutor(writers) as pool:
        begun = time.perf_counter()
        for done in [pool.submit(append_one_by_one, recorder, batch) for batch in batches]:
            done.result()
        return writers * each / (time.perf_counter() - begun)


def append_one_by_one(recorder: Recorder, events: list[Appending]) -> None:
    """Append each event as a request of its own."""
    for event in events:
        recorder.insert_events([event])


def insert_from(store: Store, clients: int, each: int) -> float:
    """Insert one row a transaction from some clients of pgbench; gives rows a second."""
    event = found_complete()
    variables = {
        "topic": event.topic,
        "tenant": event.tenant,
        "state": event.state.decode(),
        "value": (event.value or b"").decode(),
        "attributes": (event.attributes or b"").decode(),
    }
    return store.pgbench(INSERT, variables, clients=clients, each=each)


def print_sizes(event: Appending) -> None:
    """Say what a row holds."""
    print(f"a row: state {len(event.state)} B, value {len(event.value or b'')} B, attributes {len(event.attributes or b'')} B")


BENCH: Final = measure
