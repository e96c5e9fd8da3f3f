"""Folding stored events into review's views, against psycopg's executemany upserting the very same rows in the same batches."""

import time
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import Cursor
from psycopg.types.json import Json

from services.chassis.projector import Projector
from services.chassis.rebuild import rebuild
from services.chassis.recorder import Datastore, Recorder
from services.chassis.rows import Key, Rows
from services.chassis.views import Row
from services.review.due import DUE
from services.review.views import VIEWS
from tests.bench.measure import Bench, Measure, Size, alternate, last_line
from tests.bench.screenings import stored_screenings
from tests.bench.stores import fresh_store

SCHEMA: Final = "review"
ROLE: Final = f"anken_{SCHEMA}"
EVENTS: Final = {"full": 40_000, "small": 4_000}
APPENDED_AT_ONCE: Final = 500

TWIN: Final = "CREATE TABLE review.twin (LIKE review.row INCLUDING ALL)"
EMPTY: Final = "TRUNCATE review.row, review.view, review.tracking, review.due"
EMPTY_TWIN: Final = "TRUNCATE review.twin"
UPSERT: Final = """
    INSERT INTO review.twin (view, version, tenant, subject, content) VALUES (%s, 1, %s, %s, %s)
    ON CONFLICT (view, version, tenant, subject) DO UPDATE SET content = excluded.content
"""


class NotingRows(Rows):
    """Writes rows as ever, and notes which."""

    def __init__(self, datastore: Datastore) -> None:
        super().__init__(datastore)
        self.batches: list[dict[Key, Row]] = []

    def write(self, cursor: Cursor[tuple[Any, ...]], versions: Mapping[str, int], rows: Mapping[Key, Row]) -> None:
        """Note the rows of a batch and write them."""
        self.batches.append(dict(rows))
        super().write(cursor, versions, rows)


def measure(rounds: int, size: Size) -> str:
    """Measure projection, limit and rebuild; gives the last line."""
    with fresh_store() as store, psycopg.connect(store.url(), autocommit=True) as owner:
        owner.execute(TWIN)
        datastore = Datastore(store.url(ROLE), SCHEMA, ROLE)
        try:
            recorder = Recorder(datastore)
            fill(recorder, EVENTS[size])
            owner.execute("VACUUM ANALYZE review.events")
            noting = NotingRows(datastore)
            project(owner, recorder, noting)
            print_sizes(owner, noting.batches)
            projected, limit, rebuilt = alternate(
                rounds,
                Measure("projector", lambda: project(owner, recorder, Rows(datastore))),
                Measure("executemany", lambda: upsert(owner, noting.batches, EVENTS[size])),
                Measure("rebuild of one view", lambda: fold_anew(owner, recorder, Rows(datastore))),
            )
        finally:
            datastore.close()
    return last_line("project", projected.median, limit.median, rebuild=rebuilt.median)


def fill(recorder: Recorder, count: int) -> None:
    """Append the events that are folded."""
    events = stored_screenings(count)
    while batch := list(islice(events, APPENDED_AT_ONCE)):
        recorder.insert_events(batch)


def project(owner: psycopg.Connection, recorder: Recorder, rows: Rows) -> float:
    """Fold the whole store into empty tables, dates included; gives events a second."""
    owner.execute(EMPTY)
    projector = Projector(recorder, rows, VIEWS, DUE)
    begun = time.perf_counter()
    while projector.fold_next():
        pass
    taken = time.perf_counter() - begun
    return folded_events(owner) / taken


def upsert(owner: psycopg.Connection, batches: list[dict[Key, Row]], events: int) -> float:
    """Write the rows that the projector wrote, batch by batch; gives the events behind them a second."""
    owner.execute(EMPTY_TWIN)
    prepared = [[(view, tenant, subject, Json(row)) for (view, tenant, subject), row in batch.items()] for batch in batches]
    begun = time.perf_counter()
    for batch in prepared:
        with owner.transaction(), owner.cursor() as cursor:
            cursor.executemany(UPSERT, batch)
    return events / (time.perf_counter() - begun)


def fold_anew(owner: psycopg.Connection, recorder: Recorder, rows: Rows) -> float:
    """Fold the first view anew beside the rows that the projector left; gives events a second."""
    begun = time.perf_counter()
    rebuild(recorder, rows, VIEWS[0], lambda _: None)
    return folded_events(owner) / (time.perf_counter() - begun)


def folded_events(owner: psycopg.Connection) -> int:
    """Count the events behind the served rows."""
    row = owner.execute("SELECT notification_id FROM review.tracking WHERE application_name = 'views'").fetchone()
    return 0 if row is None else int(row[0])


def print_sizes(owner: psycopg.Connection, batches: list[dict[Key, Row]]) -> None:
    """Say what is folded and what is written."""
    events, state = owner.execute("SELECT count(*), avg(length(state)) FROM review.events").fetchone() or (0, 0)
    print(f"{events:,} events, {state:.0f} B on average; {sum(map(len, batches)):,} rows written in {len(batches)} batches")


BENCH: Final[Bench] = measure
