"""Rows are what a fold of the whole store gives: wherever batches end, whoever folds them, and while they are folded anew."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis import projector, rebuild, versions
from services.chassis.loop import AWAY, Loop
from services.chassis.projector import Projector
from services.chassis.recorder import Datastore, Recorder
from services.chassis.rows import Rows
from services.chassis.views import Row, View
from tests.chassis.shelves import DATES, TAKEN, BookShelved, BookTaken, InspectionFixed, ShelfDusted, Shelves, books, folded, kept
from tests.conftest import Database

pytestmark = pytest.mark.slow

TENANTS = ("minatono", "yamanoue")
EVENTS = st.one_of(
    st.builds(BookShelved, number=st.integers(0, 9)),
    st.builds(BookTaken, number=st.integers(0, 9)),
    st.just(ShelfDusted()),
    st.builds(InspectionFixed, on=st.dates(date(2026, 4, 1), date(2026, 4, 9))),
)
APPENDS = st.lists(st.tuples(st.integers(0, 3), EVENTS), max_size=6)


@pytest.fixture
def datastore(database: Database) -> Iterator[Datastore]:
    datastore = Datastore(database.url("anken_intake"), "intake", "anken_intake")
    yield datastore
    datastore.close()


@pytest.fixture
def recorder(datastore: Datastore) -> Recorder:
    return Recorder(datastore)


@pytest.fixture
def rows(datastore: Datastore) -> Rows:
    return Rows(datastore)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "BATCH", 100)
    monkeypatch.setattr(rebuild, "BATCH", 100)
    monkeypatch.setattr(rebuild, "ROWS_AT_ONCE", 3)


def catch_up(one: Projector) -> None:
    while one.fold_next():
        pass


def served(rows: Rows, shelves: Shelves, view: View) -> dict[tuple[str, UUID], Row]:
    return {(tenant, UUID(str(row["shelf"]))): row for tenant in TENANTS for row in rows.of(view.name, tenant)}


@contextmanager
def running(*loops: Loop) -> Iterator[None]:
    with ExitStack() as stack:
        for loop in loops:
            loop.start()
            stack.callback(loop.join, 20)
            stack.callback(loop.stop)
        yield
    assert not any(loop.is_alive() for loop in loops)


def arrived(recorder: Recorder) -> bool:
    return recorder.max_tracking_id(versions.PLACE) == recorder.max_notification_id()


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    waited = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        waited.wait(0.02)
    raise AssertionError("it did not come true in time")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(APPENDS, min_size=1, max_size=6), size=st.integers(1, 7))
def test_rows_are_the_fold_of_the_store_wherever_batches_end(database: Database, recorder: Recorder, rows: Rows, rounds, size: int):
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("TRUNCATE intake.events, intake.tracking, intake.view, intake.row, intake.due")
    all_books, shelves = books(), Shelves(recorder)
    one = Projector(recorder, rows, [all_books, TAKEN], DATES)
    dates: dict[UUID, date] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projector, "BATCH", size)
        for happened in rounds:
            shelves.append(happened)
            dates |= {shelves.ids[place]: event.on for place, event in happened if isinstance(event, InspectionFixed)}
            catch_up(one)
            for view in (all_books, TAKEN):
                assert kept(recorder, view).get(1, {}) == folded(recorder, view)
            assert {due.subject: due.on for _, due in rows.due_by(date.max, ["inspection"])} == dates
    assert arrived(recorder) or not recorder.max_notification_id()


@pytest.mark.usefixtures("small_batches")
def test_replicas_take_turns_and_fold_each_event_once(recorder: Recorder, rows: Rows):
    view, shelves = books(), Shelves(recorder)
    with running(*(Projector(recorder, rows, [view], None) for _ in range(3))):
        for number in range(150):
            shelves.append([(number + place, BookShelved(number=number * 10 + place)) for place in range(10)])
        wait_until(lambda: arrived(recorder))
    assert kept(recorder, view) == {1: folded(recorder, view)}


@contextmanager
def writing(shelves: Shelves) -> Iterator[None]:
    """Appends all the time, from a thread; what each shelf gets is numbered from 1 on without a gap."""
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.002):
            shelves.append([(place, BookShelved(number=shelves.versions[shelf] + 1)) for place, shelf in enumerate(shelves.ids)])

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(write)
        try:
            yield
        finally:
            stop.set()
            busy.result()


@contextmanager
def reading(rows: Rows, shelves: Shelves, view: View) -> Iterator[list[frozenset[str]]]:
    """Reads all the time: no shelf or book is ever missing or there twice, and one definition folded all; gives the marks seen."""
    stop, marks = threading.Event(), []

    def read() -> None:
        longest = dict.fromkeys(shelves.ids, 1)
        while not stop.is_set():
            for tenant in TENANTS:
                found = rows.of(view.name, tenant)
                assert [row["shelf"] for row in found] == [str(shelf) for shelf in shelves.ids if shelves.tenant(shelf) == tenant]
                for row in found:
                    numbers, shelf = row["numbers"], UUID(str(row["shelf"]))
                    assert isinstance(numbers, list)
                    assert numbers == [*range(1, len(numbers) + 1)]
                    assert len(numbers) >= longest[shelf]
                    longest[shelf] = len(numbers)
                marks.append(frozenset(str(row["mark"]) for row in found))

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(read)
        try:
            yield marks
        finally:
            stop.set()
            busy.result()
    assert all(len(one) == 1 for one in marks)


def filled(recorder: Recorder, events: int = 2000) -> Shelves:
    """Give shelves with some history."""
    shelves = Shelves(recorder)
    for number in range(1, events // len(shelves.ids) + 1):
        shelves.append([(place, BookShelved(number=number)) for place in range(len(shelves.ids))])
    return shelves


@pytest.mark.usefixtures("small_batches")
def test_a_view_is_folded_anew_while_it_is_read_written_and_projected(recorder: Recorder, rows: Rows):
    view, shelves = books(), filled(recorder)
    live = [Projector(recorder, rows, [view], None) for _ in range(2)]
    catch_up(live[0])
    reached: list[rebuild.Reached] = []
    with running(*live):
        with writing(shelves), reading(rows, shelves, view):
            rebuild.rebuild(recorder, rows, view, reached.append)
            rebuild.rebuild(recorder, rows, view, reached.append)
        wait_until(lambda: arrived(recorder))
    assert kept(recorder, view) == {3: folded(recorder, view)}
    assert reached[-1].folded == reached[-1].place > 2000


@pytest.mark.usefixtures("small_batches")
def test_a_new_release_folds_a_changed_view_anew_while_the_old_one_still_runs(recorder: Recorder, rows: Rows):
    old, new, shelves = books(), books(revision=2, mark="second"), filled(recorder)
    before = Projector(recorder, rows, [old, TAKEN], None)
    catch_up(before)
    with running(before, *(Projector(recorder, rows, [new, TAKEN], None) for _ in range(2))):
        with writing(shelves), reading(rows, shelves, new) as marks:
            wait_until(lambda: before.overtaken)
            since = len(marks)
            wait_until(lambda: len(marks) > since + 50)
        wait_until(lambda: arrived(recorder))
        wait_until(lambda: len(kept(recorder, new)) == 1)
    assert kept(recorder, new) == {2: folded(recorder, new)}
    assert marks == sorted(marks, key=lambda one: one == {"second"})
    assert (marks[0], marks[-1]) == ({"first"}, {"second"})


def test_a_rebuild_that_dies_leaves_the_served_rows_and_the_next_one_succeeds(recorder: Recorder, rows: Rows, small_batches: None):
    shelves = filled(recorder, 400)
    old, new = books(), books(mark="second")
    live = Projector(recorder, rows, [old], None)
    catch_up(live)

    def die(reached: rebuild.Reached) -> None:
        if reached.folded >= 200:
            raise MemoryError

    with pytest.raises(MemoryError):
        rebuild.rebuild(recorder, rows, new, die)
    assert sorted(kept(recorder, old)) == [1, 2]
    assert served(rows, shelves, old) == folded(recorder, old)
    shelves.append([(1, BookTaken(number=1))])
    catch_up(live)
    rebuild.rebuild(recorder, rows, new, lambda _: None)
    assert kept(recorder, new) == {2: folded(recorder, new)}
    assert served(rows, shelves, new) == folded(recorder, new)


def test_a_rebuild_stops_where_the_projector_is(recorder: Recorder, rows: Rows, monkeypatch: pytest.MonkeyPatch):
    view = books()
    filled(recorder, 100)
    monkeypatch.setattr(projector, "BATCH", 40)
    live = Projector(recorder, rows, [view], None)
    assert live.fold_next()
    rebuild.rebuild(recorder, rows, view, lambda _: None)
    catch_up(live)
    assert kept(recorder, view) == {2: folded(recorder, view)}


def test_a_rebuild_waits_for_the_batch_that_is_being_folded(recorder: Recorder, rows: Rows, monkeypatch: pytest.MonkeyPatch):
    view, shelves = books(), filled(recorder, 100)
    live = Projector(recorder, rows, [view], None)
    catch_up(live)
    shelves.append([(0, BookTaken(number=1))])
    folding, go_on, fold = threading.Event(), threading.Event(), live.folding.fold

    def fold_slowly(*arguments) -> None:
        folding.set()
        assert go_on.wait(9)
        fold(*arguments)

    def waits_for_a_lock() -> bool:
        with recorder.connection() as connection:
            return connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone() is not None

    monkeypatch.setattr(live.folding, "fold", fold_slowly)
    with ThreadPoolExecutor(2) as pool:
        batch = pool.submit(live.fold_next)
        assert folding.wait(5)
        rebuilding = pool.submit(rebuild.rebuild, recorder, rows, view, lambda _: None)
        wait_until(lambda: waits_for_a_lock() or rebuilding.done())
        go_on.set()
        batch.result()
        rebuilding.result()
    assert kept(recorder, view) == {2: folded(recorder, view)}


def test_a_second_rebuild_of_the_same_view_is_refused(recorder: Recorder, rows: Rows, small_batches: None):
    view, other = books(), books("others")
    filled(recorder, 300)
    catch_up(Projector(recorder, rows, [view, other], None))
    first = rebuild.rebuilding(recorder, rows, view)
    next(first)
    with pytest.raises(rebuild.RebuildRunning, match="a rebuild of intake/books is running"):
        rebuild.rebuild(recorder, rows, view, lambda _: None)
    rebuild.rebuild(recorder, rows, other, lambda _: None)
    for _ in first:
        pass
    assert kept(recorder, view) == {2: folded(recorder, view)}
    assert kept(recorder, other) == {2: folded(recorder, other)}


def test_a_rebuild_that_is_frozen_between_two_pieces_leaves_the_view_to_another(
    recorder: Recorder, rows: Rows, small_batches: None, monkeypatch: pytest.MonkeyPatch
):
    view = books()
    filled(recorder, 300)
    catch_up(Projector(recorder, rows, [view], None))
    monkeypatch.setattr(rebuild, "FROZEN_SECONDS", 1)
    frozen = rebuild.rebuilding(recorder, rows, view)
    while next(frozen).folded < 200:
        pass

    def taken_over() -> bool:
        try:
            rebuild.rebuild(recorder, rows, view, lambda _: None)
        except rebuild.RebuildRunning:
            return False
        return True

    wait_until(taken_over)
    with pytest.raises(AWAY):
        next(frozen)
    assert kept(recorder, view) == {2: folded(recorder, view)}


def test_what_a_replica_has_read_ahead_is_dropped_when_another_one_folds_it(
    recorder: Recorder, rows: Rows, monkeypatch: pytest.MonkeyPatch
):
    view = books()
    filled(recorder, 100)
    monkeypatch.setattr(projector, "BATCH", 20)
    one, other = Projector(recorder, rows, [view], None), Projector(recorder, rows, [view], None)
    assert one.fold_next()
    assert (one.folding.ahead.since, one.folding.ahead.upto) == (20, 40)
    assert other.fold_next()
    assert one.fold_next()
    catch_up(other)
    catch_up(one)
    assert arrived(recorder)
    assert kept(recorder, view) == {1: folded(recorder, view)}


def test_a_batch_that_did_not_come_to_its_end_is_folded_again(recorder: Recorder, rows: Rows, monkeypatch: pytest.MonkeyPatch):
    view = books()
    filled(recorder, 100)
    monkeypatch.setattr(projector, "BATCH", 20)
    one = Projector(recorder, rows, [view], DATES)
    move_to = one.versions.move_to

    def die(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(one.versions, "move_to", die)
    with pytest.raises(MemoryError):
        one.fold_next()
    assert kept(recorder, view) == {}
    monkeypatch.setattr(one.versions, "move_to", move_to)
    catch_up(one)
    assert kept(recorder, view) == {1: folded(recorder, view)}
    assert gc.isenabled()


def test_a_view_that_comes_later_is_folded_from_the_first_event(recorder: Recorder, rows: Rows):
    first, later = books(), books("later")
    filled(recorder, 60)
    catch_up(Projector(recorder, rows, [first], None))
    with running(Projector(recorder, rows, [first, later], None)):
        wait_until(lambda: kept(recorder, later).get(2) == folded(recorder, later))
    assert kept(recorder, first) == {1: folded(recorder, first)}


def test_an_older_release_leaves_a_view_to_the_newer(recorder: Recorder, rows: Rows):
    shelves = filled(recorder, 40)
    old, new = books(), books(revision=2, mark="second")
    catch_up(Projector(recorder, rows, [new], None))
    shelves.append([(0, BookTaken(number=1))])
    before = Projector(recorder, rows, [old], None)
    assert not before.fold_next()
    assert not arrived(recorder)
    rebuild.rebuild(recorder, rows, old, lambda _: None)  # an operator went back to it for good
    catch_up(before)
    assert kept(recorder, old) == {2: folded(recorder, old)}


def test_a_replica_frozen_in_mid_batch_does_not_stop_the_others(recorder: Recorder, rows: Rows, monkeypatch: pytest.MonkeyPatch):
    view = books()
    filled(recorder, 40)
    monkeypatch.setattr(versions, "FROZEN_SECONDS", 1)
    frozen, other = Projector(recorder, rows, [view], None), Projector(recorder, rows, [view], None)
    thawed = threading.Event()
    fold = frozen.folding.fold

    def freeze(*arguments) -> None:
        thawed.wait()
        fold(*arguments)

    monkeypatch.setattr(frozen.folding, "fold", freeze)
    with running(frozen):
        try:
            wait_until(lambda: not other.fold_next() and arrived(recorder), 20)
        finally:
            thawed.set()
        wait_until(frozen.is_well)
    assert kept(recorder, view) == {1: folded(recorder, view)}


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "anken", *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("ANKEN_")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_folds_a_view_anew(database: Database, recorder: Recorder):
    url = {"ANKEN_INTAKE_DATABASE_URL": database.url("anken_intake")}
    filled(recorder, 40)
    with recorder.connection() as connection:
        connection.execute("INSERT INTO intake.tracking VALUES ('views', 40)")
    done = command("rebuild", "proposals", **url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "intake/proposals: 40 events folded anew, the new rows are served"
    with recorder.connection() as connection:
        assert connection.execute("SELECT * FROM intake.view").fetchall() == [{"name": "proposals", "serving": 2, "revision": 1}]
        connection.execute("SELECT pg_advisory_lock(hashtextextended('anken.rebuild.intake.calls', 0))")
        refused = command("rebuild", "intake/calls", **url)
    assert (refused.returncode, refused.stderr) == (1, "anken: a rebuild of intake/calls is running\n")


@pytest.mark.parametrize("name", ["nothing", "review/proposals", "intake"])
def test_an_unknown_view_is_answered_with_those_there_are(name: str):
    done = command("rebuild", name)
    assert done.returncode == 1
    assert done.stderr.startswith(f"anken: no view {name}; there are anonymizer/extracts, anonymizer/specifications, billing/fees, ")
    assert done.stderr.count("\n") == 1


def test_the_command_says_which_address_it_lacks(tmp_path: Path):
    done = command("rebuild", "billing/fees", "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("anken: ANKEN_DATABASE_URL is not set")
    assert done.stderr.count("\n") == 1


class Waits(threading.Event):
    """Counts the whiles that were waited."""

    count = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.count += 1
        return super().wait(timeout)


def test_events_that_were_told_of_one_by_one_are_waited_for_once(recorder: Recorder, rows: Rows):
    one, shelves = Projector(recorder, rows, [books()], None), Shelves(recorder)
    one.turn()  # begins to listen
    for number in range(1, 41):
        shelves.append([(0, BookShelved(number=number))])
    catch_up(one)
    one.stopping = waits = Waits()
    one.turn()
    assert waits.count == 1
    one.close()


def test_a_rebuild_takes_no_rows_of_a_view_that_is_served_meanwhile_for_the_first_time(
    recorder: Recorder, rows: Rows, monkeypatch: pytest.MonkeyPatch
):
    view = books()
    filled(recorder, 40)
    live, clear = Projector(recorder, rows, [view], None), rows.clear

    def clear_late(*arguments) -> int:
        catch_up(live)
        return clear(*arguments)

    monkeypatch.setattr(rows, "clear", clear_late)
    rebuilding = rebuild.rebuilding(recorder, rows, view)
    next(rebuilding)
    assert kept(recorder, view) == {1: folded(recorder, view)}
    for _ in rebuilding:
        pass
    assert kept(recorder, view) == {2: folded(recorder, view)}


def test_dates_of_a_kind_that_nobody_here_knows_hold_up_no_others(recorder: Recorder, rows: Rows):
    shelves = Shelves(recorder)
    shelves.append([(0, InspectionFixed(on=date(2026, 4, 9)))])
    catch_up(Projector(recorder, rows, [books()], DATES))
    with recorder.connection() as connection:
        connection.execute(
            "INSERT INTO intake.due SELECT 'of tomorrow', gen_random_uuid(), 'minatono', '2026-04-01' FROM generate_series(1, 150)"
        )
    assert ("inspection", shelves.ids[0]) in {(due.kind, due.subject) for _, due in rows.due_by(date(2026, 4, 9), ["inspection"])}
