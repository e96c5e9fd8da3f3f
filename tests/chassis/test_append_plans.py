"""The append's plans are kept for a connection's life: made on an empty store, they must still find their rows by index later."""

import time
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from services.chassis.desk import Desk
from services.chassis.recorded import Appending
from services.chassis.recorder import Recorder
from tests.conftest import Database

PATIENCE_SECONDS = 15


def event(partition: int | None) -> Appending:
    said = None if partition is None else b"{}"
    return Appending(f"till-{uuid4()}", 1, "till.CoinTaken", b"{}", uuid4(), "minatono", partition, said, said)


def alone(recorder: Recorder) -> None:
    recorder.insert_events([event(3)])


def together(recorder: Recorder) -> None:
    with recorder.connection() as connection:
        for _ in range(10):
            recorder.append(connection, [[event(number % 12)] for number in range(20)])


def counted(database: Database) -> tuple[int, int]:
    """Rows inserted into the store, and how often the whole of it was read."""
    with psycopg.connect(database.url(), autocommit=True) as connection:
        row = connection.execute("SELECT n_tup_ins, seq_scan FROM pg_stat_all_tables WHERE relid = 'intake.events'::regclass").fetchone()
    return row or (0, 0)


@pytest.mark.parametrize(("append", "events"), [(alone, 1), (together, 200)])
@pytest.mark.parametrize("analysed", [False, True], ids=["new", "analysed"])
def test_an_append_planned_on_an_empty_store_never_reads_all_of_it(
    make: Callable[[], Desk], database: Database, append: Callable[[Recorder], None], events: int, *, analysed: bool
):
    if analysed:
        with psycopg.connect(database.url(), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE intake.events")
    inserted, scanned = counted(database)
    recorder = make().recorder
    append(recorder)
    recorder.store.close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while counted(database)[0] < inserted + events:  # a session's counts are told when it has ended
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert counted(database) == (inserted + events, scanned)
