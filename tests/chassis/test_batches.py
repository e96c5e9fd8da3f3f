"""Batches and groups: many cases in one transaction, and what spoils one of them is found and spares the others."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import DataError, IntegrityError

from services.chassis.aggregate import step
from services.chassis.dead_letters import Cause
from services.chassis.desk import Desk
from services.chassis.inbox_store import Taking
from services.chassis.recorded import Appending
from services.chassis.recorder import Recorder, VersionConflict
from tests.chassis.conftest import CASHIER
from tests.chassis.rooms import TILL, TakeCoin, take_coin
from tests.chassis.test_kafka_path import CONCLUDED
from tests.chassis.threads import eventually
from tests.chassis.till_inbox import ENDED, Breakable, Source, TillInbox, ids, paid
from tests.conftest import Database

pytestmark = pytest.mark.slow


@pytest.fixture
def till_inbox(desk: Desk) -> TillInbox:
    return TillInbox(desk, Breakable())


def transactions(database: Database) -> list[int]:
    """Count the events of each transaction that stored some, in order."""
    with psycopg.connect(database.url()) as connection:
        rows = connection.execute("SELECT count(*) FROM intake.events GROUP BY xmin::text ORDER BY min(notification_id)").fetchall()
    return [row[0] for row in rows]


def test_a_batch_of_many_cases_is_one_transaction(till_inbox: TillInbox, database: Database):
    tills = [uuid4() for _ in range(40)]
    sources = [Source(partition=number) for number in range(4)]
    till_inbox.inbox.handle([sources[number % 4].says(ENDED, till) for number, till in enumerate(tills)])
    assert transactions(database) == [40]
    assert till_inbox.places() == {f"review/{number}": 70 for number in range(4)}


def test_records_of_one_stream_follow_each_other_within_a_batch(till_inbox: TillInbox, database: Database):
    till, review = uuid4(), Source()
    records = [review.says(ENDED, till), review.says(ENDED, uuid4()), review.says(ENDED, till)]
    till_inbox.inbox.handle(records)
    assert till_inbox.notes(till) == ids([records[0], records[2]])
    assert transactions(database) == [3]


@contextmanager
def before_storing(till_inbox: TillInbox, monkeypatch: pytest.MonkeyPatch, act: Callable[[Taking], None]) -> Iterator[list[int]]:
    """Do something between decision and store; gives how many records each attempt was to store."""
    listener = till_inbox.inbox.listener
    store, sizes = listener.store.store, list[int]()  # type: ignore[attr-defined]  # a room's listener

    def stored(taking: Taking) -> None:
        sizes.append(len(taking.events) + len(taking.letters))
        act(taking)
        store(taking)

    with monkeypatch.context() as patch:
        patch.setattr(listener.store, "store", stored)  # type: ignore[attr-defined]  # as above
        yield sizes


def test_a_version_conflict_halves_the_batch_until_it_stands_alone(
    make: Callable[[], Desk], till_inbox: TillInbox, monkeypatch: pytest.MonkeyPatch, database: Database
):
    tills, other, review = [uuid4() for _ in range(16)], make(), Source()
    contended, left = tills[5], [7]

    def interrupt(taking: Taking) -> None:
        if left[0] and any(one.originator_id == f"till-{contended}" for one in taking.events):
            left[0] -= 1
            other.take(CASHIER, step(TILL, contended, take_coin, TakeCoin(amount=100, note="by hand")))

    records = [review.says(ENDED, till) for till in tills]
    with before_storing(till_inbox, monkeypatch, interrupt) as sizes:
        till_inbox.inbox.handle(records)
    # Halved to the contended one, which alone is tried again until nobody comes between; its neighbours are stored once.
    assert sizes == [16, 8, 4, 4, 2, 1, 1, 1, 1, 1, 2, 8]
    assert [till_inbox.notes(till) for till in tills if till != contended] == [ids([one]) for one in records if one is not records[5]]
    assert till_inbox.notes(contended) == ("by hand",) * 7 + ids([records[5]])
    assert till_inbox.places() == {"review/3": review.position}
    assert sorted(transactions(database)) == [1] * (7 + 2) + [2, 4, 8]


def test_a_record_whose_event_the_database_refuses_becomes_the_one_letter(till_inbox: TillInbox, database: Database):
    tills, review = [uuid4() for _ in range(9)], Source()
    records = [review.says(ENDED, till) for till in tills[:4]]
    records.append(review.says(CONCLUDED, tills[4], ce_tenantid=b"mina\0tono"))  # seals nothing, so only the append meets the NUL
    records += [review.says(ENDED, till) for till in tills[4:]]
    till_inbox.inbox.handle(records)
    first, second = till_inbox.letters()
    assert (first.cause, first.type, first.subject) == (Cause.FAILED, "jp.anken.review.contract-concluded.v1", tills[4])
    assert first.reason.startswith("DataError")
    assert (second.cause, second.subject) == (Cause.PARKED, tills[4])
    assert [till_inbox.notes(till) for till in tills if till != tills[4]] == [
        ids([one]) for one in records if one.key != str(tills[4]).encode()
    ]
    assert till_inbox.places() == {"review/3": review.position}


def test_two_replicas_with_the_same_records_take_each_once(make: Callable[[], Desk], database: Database):
    """As after a rebalance that found one of them busy."""
    tills, review = [uuid4() for _ in range(6)], Source()
    records = [review.says(ENDED, till) for _ in range(20) for till in tills]
    replicas = [TillInbox(make(), Breakable()) for _ in range(3)]

    def take(one: TillInbox) -> None:
        for begin in range(0, len(records), 10):
            one.inbox.handle(records[max(0, begin - 5) : begin + 10])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(take, replicas))
    for till in tills:
        assert replicas[0].notes(till) == ids([one for one in records if one.key == str(till).encode()])
    assert replicas[0].places() == {"review/3": review.position}


def test_a_replica_that_finds_its_place_moved_reads_it_again(
    make: Callable[[], Desk], till_inbox: TillInbox, monkeypatch: pytest.MonkeyPatch
):
    till, review, faster = uuid4(), Source(), TillInbox(make(), Breakable())
    records = [review.says(ENDED, till) for _ in range(4)]
    ahead = [records[:2]]

    def overtake(_: Taking) -> None:
        while ahead:
            faster.inbox.handle(ahead.pop())

    with before_storing(till_inbox, monkeypatch, overtake) as sizes:
        till_inbox.inbox.handle(records)
    assert sizes == [4, 2]
    assert till_inbox.notes(till) == ids(records)


def test_a_case_that_is_parked_between_decision_and_store_is_decided_again(
    make: Callable[[], Desk], till_inbox: TillInbox, monkeypatch: pytest.MonkeyPatch
):
    till, review, billing = uuid4(), Source(), Source("billing")
    breaking = TillInbox(make(), Breakable({till}))
    poison = [billing.says(paid(5), till)]

    def park(_: Taking) -> None:
        while poison:
            breaking.inbox.handle([poison.pop()])

    later = review.says(ENDED, till)
    with before_storing(till_inbox, monkeypatch, park):
        till_inbox.inbox.handle([later])
    assert [one.cause for one in till_inbox.letters()] == [Cause.FAILED, Cause.PARKED]
    assert till_inbox.replay(till) != []
    assert till_inbox.notes(till)[-1:] == ids([later])


# Group append: what follows speaks to the recorder itself, below any decision.

PARTITIONS = st.one_of(st.none(), st.integers(0, 2))
Asked = tuple[int, int, int | None]  # stream, version, partition
GROUPS = st.lists(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), PARTITIONS), min_size=1, max_size=4), max_size=5), max_size=4
)


def appending(stream: str, version: int, partition: int | None, *, tenant: str = "minatono", event_id: UUID | None = None) -> Appending:
    said = None if partition is None else b"{}"
    return Appending(
        originator_id=stream, originator_version=version, topic="x", state=b"{}", event_id=event_id or uuid4(), tenant=tenant,
        partition=partition, value=said, attributes=said,
    )  # fmt: skip


@dataclass
class Model:
    """The append in plain Python: one request after the other, one event after the other."""

    heard: dict[int, str]
    rows: list[tuple[str, int, int | None, int, int | None, str | None]] = field(default_factory=list)

    def append(self, group: Sequence[Sequence[Appending]]) -> list[list[int] | None]:
        """Give each request its positions, or None where somebody has one of its versions already."""
        answers: list[list[int] | None] = []
        claimed = {(stream, version) for stream, version, *_ in self.rows}
        for request in group:
            wanted = [(one.originator_id, one.originator_version) for one in request]
            late = bool(claimed & set(wanted)) or len(set(wanted)) < len(wanted)
            claimed |= set(wanted)
            answers.append(None if late else [self._add(one) for one in request])
        return answers

    def _add(self, one: Appending) -> int:
        position = len(self.rows) + 1
        before = [row[3] for row in self.rows if row[2] == one.partition]
        told = (None, None) if one.partition is None else (before[-1] if before else None, self.heard.get(one.partition, ""))
        self.rows.append((one.originator_id, one.originator_version, one.partition, position, *told))
        return position


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=GROUPS, heard=st.dictionaries(st.integers(0, 2), st.integers(0, 99)))
def test_appending_groups_is_appending_one_event_after_the_other(desk: Desk, groups: list[list[list[Asked]]], heard: dict[int, int]):
    recorder = Recorder(desk.recorder.datastore, ["review", "billing"])  # type: ignore[arg-type]  # as it was made
    model = Model({partition: f"billing={place} review={place + 1}" for partition, place in heard.items()})
    with recorder.connection() as connection, connection.transaction(force_rollback=True):
        for partition, place in heard.items():
            for owner, taken in (("billing", place), ("review", place + 1), ("anonymizer", 5)):
                connection.execute("INSERT INTO intake.tracking VALUES (%s, %s)", (f"heard:{owner}/{partition}", taken))
        for group in groups:
            requests = [[appending(f"till-{stream}", version, partition) for stream, version, partition in request] for request in group]
            answers = recorder.append(connection, requests)
            expected = model.append(requests)
            assert [None if isinstance(one, VersionConflict) else [*one] for one in answers] == expected
        rows = connection.execute(
            "SELECT originator_id, originator_version, partition, notification_id, previous, after, recorded FROM intake.events"
            " ORDER BY notification_id"
        ).fetchall()
    assert [tuple(row.values())[:-1] for row in rows] == model.rows
    assert [row["recorded"] for row in rows] == sorted(row["recorded"] for row in rows)


def test_eight_threads_append_without_gap_and_a_conflict_hits_only_its_own_request(desk: Desk):
    threads, each = 8, 200
    taken, lost = list[int](), list[tuple[int, int]]()
    guard = threading.Lock()

    def write(number: int) -> None:
        for turn in range(each):
            # Every tenth version is wanted by all threads; the others are each thread's own.
            stream = "till-shared" if turn % 10 == 0 else f"till-{number}"
            request = [appending(stream, turn + 1, turn % 3), appending(f"till-{number}-{turn}", 1, None)]
            try:
                positions = desk.recorder.insert_events(request)
            except VersionConflict:
                with guard:
                    lost.append((number, turn))
            else:
                with guard:
                    taken.extend(positions)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write, range(threads)))
    assert {turn for _, turn in lost} == set(range(0, each, 10))
    assert len(lost) == (threads - 1) * (each // 10), "of those who wanted one version, one has it"
    assert sorted(taken) == list(range(1, len(taken) + 1))
    assert len(taken) == 2 * (threads * each - len(lost))
    last: dict[int, int] = {}
    for one in desk.recorder.select_outgoing(0, 10_000):
        assert one.previous == last.get(one.partition)
        last[one.partition] = one.position


def together(desk: Desk, first: list[Appending], others: Sequence[list[Appending]]) -> list[Future[Sequence[int]]]:
    """Append `others` as one group: the append lock is held until `first` waits for it, and all the others behind that."""
    group = desk.recorder.group
    with ThreadPoolExecutor(1 + len(others)) as pool, desk.recorder.connection() as holding:
        holding.execute("SELECT pg_advisory_lock(hashtextextended('anken.append.intake', 0))")
        asked = [pool.submit(desk.recorder.insert_events, first)]
        eventually(lambda: group._led and not group._asked)
        asked += [pool.submit(desk.recorder.insert_events, one) for one in others]
        eventually(lambda: len(group._asked) == len(others))
    return asked


@pytest.mark.parametrize("fault", [IntegrityError, DataError])
def test_one_request_that_the_database_refuses_fails_alone(desk: Desk, fault: type[Exception]):
    known = uuid4()
    wrong = appending("till-4", 1, 3, event_id=known) if fault is IntegrityError else appending("till-4", 1, 3, tenant="mina\0tono")
    requests = [[wrong if number == 4 else appending(f"till-{number}", 1, 3), appending(f"till-{number}", 2, None)] for number in range(8)]
    first, *asked = together(desk, [appending("till-before", 1, 3, event_id=known)], requests)
    assert [*first.result()] == [1]
    for number, one in enumerate(asked):
        if number == 4:
            with pytest.raises(fault):
                one.result()
        else:
            assert len(one.result()) == 2
    outgoing = desk.recorder.select_outgoing(0, 100)
    assert sorted(one.stream for one in outgoing[1:]) == [f"till-{number}" for number in range(8) if number != 4]
    assert [one.previous for one in outgoing[1:]] == [one.position for one in outgoing[:-1]]
    assert desk.recorder.max_notification_id() == 1 + 2 * 7


def test_requests_that_come_together_share_a_transaction(desk: Desk, database: Database):
    asked = together(desk, [appending("till-before", 1, 3)], [[appending(f"till-{number}", 1, 3)] for number in range(7)])
    assert sorted(position for one in asked for position in one.result()) == list(range(1, 9))
    assert transactions(database) == [1, 7]
