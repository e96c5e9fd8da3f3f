"""The worst append during VACUUM, CREATE INDEX CONCURRENTLY and a rolling migration, against the worst without them."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Final

import psycopg

from services.chassis.migrate import OUTSIDE, Store, migrate
from services.chassis.recorder import Datastore, Recorder
from services.intake.service import ROOM, STORE
from tests.bench.findings import found_complete
from tests.bench.measure import Bench, Measure, Size, alternate, last_line
from tests.bench.stores import fresh_store

SCHEMA: Final = "intake"
STEWARD: Final = "steward"
WRITERS: Final = 4
ROWS: Final = {"full": 300_000, "small": 5_000}
SECONDS: Final = {"full": 5.0, "small": 1.0}
BAR_MS: Final = 200.0
SCRIPTS: Final = 2

OWNED: Final = """
    CREATE ROLE steward LOGIN CREATEROLE;
    GRANT CREATE ON DATABASE anken TO steward;
    GRANT anken_intake TO steward WITH ADMIN OPTION;
    ALTER SCHEMA intake OWNER TO steward;
    ALTER TABLE intake.events OWNER TO steward;
    ALTER TABLE intake.migration OWNER TO steward;
    ALTER SCHEMA keyring OWNER TO steward;
    ALTER TABLE keyring.migration OWNER TO steward;
    ALTER TABLE keyring.data_key OWNER TO steward;
"""
FILL: Final = """
    INSERT INTO intake.events
    SELECT 'proposal-' || uuidv7(), 1, %(topic)s, %(state)s, n, uuidv7(), %(tenant)s, clock_timestamp(), n %% 12,
        CASE WHEN n > 12 THEN n - 12 END, '', %(value)s, %(attributes)s
    FROM generate_series(1, %(rows)s) n
"""


class LaterStore(Store):
    """Intake's store in the next version: one column more, and one index."""

    number = 0

    def scripts(self) -> Iterator[tuple[str, str]]:
        """Add two scripts, the second outside a transaction."""
        yield from Store.scripts(self)
        index = f"migrated_{self.number}_idx"
        drop = f"DROP INDEX CONCURRENTLY IF EXISTS {{schema}}.{index}"
        make = f"CREATE INDEX CONCURRENTLY {index} ON {{schema}}.events (tenant, recorded)"
        yield f"1{self.number:03}_column.sql", f"ALTER TABLE {{schema}}.events ADD COLUMN remark_{self.number} text"
        yield f"1{self.number:03}_index.sql", f"{OUTSIDE}\n{drop};\n{make};\n"


@dataclass(frozen=True, slots=True)
class Works:
    """What a steward does with the store, under an account of its own."""

    url: str
    number: Iterator[int]

    def nothing(self) -> None:
        """Leave it alone."""

    def vacuum(self) -> None:
        """Vacuum, freeze and analyse."""
        self._execute("VACUUM (FREEZE, ANALYZE) intake.events")

    def index(self) -> None:
        """Make an index beside the appends, and drop it."""
        self._execute("CREATE INDEX CONCURRENTLY steward_idx ON intake.events (tenant, recorded)")
        self._execute("DROP INDEX CONCURRENTLY intake.steward_idx")

    def migration(self) -> None:
        """Bring the schema to the next version while the present one appends."""
        kind = type("NextStore", (LaterStore,), {"number": next(self.number)})
        ran = migrate(self.url, (kind(STORE.schema, STORE.package, STORE.pattern, STORE.keyring_grant),))
        self._execute(f"DROP INDEX CONCURRENTLY intake.migrated_{kind.number}_idx")
        if len(ran) != SCRIPTS:
            raise RuntimeError(f"the migration ran {ran}")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


def measure(rounds: int, size: Size) -> str:
    """Measure the worst append, in milliseconds, with nothing and with each work; gives the last line."""
    with fresh_store() as store:
        with psycopg.connect(store.url(), autocommit=True) as connection:
            connection.execute(OWNED)
            event = found_complete()
            columns = {name: getattr(event, name) for name in ("topic", "state", "tenant", "value", "attributes")}
            connection.execute(FILL, {**columns, "rows": ROWS[size]})
            connection.execute("ANALYZE intake.events")
        recorder = Recorder(Datastore(store.url(f"anken_{SCHEMA}"), SCHEMA, f"anken_{SCHEMA}"), ROOM.hears)
        works = Works(store.url(STEWARD), count(1))
        print(f"{ROWS[size]:,} rows; {WRITERS} writers; the worst append of a round in ms")
        try:
            quiet, vacuum, index, migration = alternate(
                rounds,
                *(
                    Measure(work.__name__, lambda work=work: worst_append(recorder, work, SECONDS[size]))
                    for work in (works.nothing, works.vacuum, works.index, works.migration)
                ),
            )
        finally:
            recorder.store.close()
    worst = {one.name: max(one.rates) for one in (quiet, vacuum, index, migration)}
    bar = max(BAR_MS, 2 * worst.pop("nothing"))
    return last_line("maintenance", max(worst.values()), bar, without=max(quiet.rates), **worst)


def worst_append(recorder: Recorder, work: Callable[[], None], least_seconds: float) -> float:
    """Append from some writers while a work goes on, and for so many seconds at least; gives the longest append in ms."""
    done = threading.Event()

    def write() -> float:
        worst = 0.0
        while not done.is_set():
            event = found_complete()
            begun = time.perf_counter()
            recorder.insert_events([event])
            worst = max(worst, time.perf_counter() - begun)
        return worst * 1000

    until = time.monotonic() + least_seconds
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write) for _ in range(WRITERS)]
        try:
            work()
            time.sleep(max(0.0, until - time.monotonic()))
        finally:
            done.set()
        return max(one.result() for one in writing)


BENCH: Final[Bench] = measure
