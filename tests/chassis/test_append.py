"""The append: no lost update, no gap, no event missed by a tailing reader, nothing taken back."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from contracts.intake import FileRegistered
from contracts.topics import partition_of
from services.chassis.aggregate import Step, next_step, step
from services.chassis.announcement import headers_of, make_announcement
from services.chassis.desk import Desk
from services.chassis.events import Refused
from services.chassis.inbox_store import AlreadyTaken, InboxStore, Move, Taking
from services.chassis.loop import AWAY
from services.chassis.reading import NotFound, Reading
from services.chassis.recorded import About
from services.chassis.recorder import VersionConflict
from tests.chassis.conftest import CASHIER
from tests.chassis.rooms import TILL, CountTill, TakeCoin, count_till, take_coin
from tests.conftest import Database


def coin(desk: Desk, till: UUID, amount: int = 1) -> None:
    desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=amount, note="from a purse")))


def test_what_was_taken_is_replayed(desk: Desk):
    till = uuid4()
    coin(desk, till, 3)
    coin(desk, till, 4)
    state = desk.state(TILL, till, CASHIER)
    assert (state.total, state.notes) == (7, ("from a purse", "from a purse"))


def test_a_refusal_stores_nothing(desk: Desk):
    till = uuid4()
    with pytest.raises(Refused, match="worth something"):
        coin(desk, till, 0)
    with pytest.raises(NotFound):
        desk.state(TILL, till, CASHIER)


def test_steps_are_taken_together_or_not_at_all(desk: Desk):
    till, other = uuid4(), uuid4()
    good = step(TILL, till, take_coin, TakeCoin(amount=1, note="x"))
    with pytest.raises(Refused):
        desk.take(CASHIER, good, step(TILL, other, take_coin, TakeCoin(amount=0, note="x")))
    with pytest.raises(NotFound):
        desk.state(TILL, till, CASHIER)
    taken = desk.take(CASHIER, good, step(TILL, till, count_till, CountTill()))
    assert taken.events == ("CoinTaken", "TillCounted")


def test_a_next_step_is_taken_only_where_one_was_taken_before_for_this_tenant(desk: Desk):
    till = uuid4()
    counting = next_step(TILL, till, count_till, CountTill())
    with pytest.raises(NotFound, match=str(till)):
        desk.take(CASHIER, counting)
    coin(desk, till)
    with pytest.raises(NotFound, match=str(till)):
        desk.take(replace(CASHIER, tenant="elsewhere"), counting)
    assert desk.take(CASHIER, counting).events == ("TillCounted",)


def test_a_later_step_is_made_from_what_the_earlier_decided(desk: Desk):
    till = uuid4()

    def doubled(reading: Reading) -> Iterator[Step]:
        for _ in range(4):
            yield step(TILL, till, take_coin, TakeCoin(amount=reading.state(TILL, till).total + 1, note="x"))

    assert desk.take_in_turn(CASHIER, doubled).events == ("CoinTaken",) * 4
    assert desk.state(TILL, till, CASHIER).total == 1 + 2 + 4 + 8


@pytest.mark.parametrize("when", ["before the reading", "between reading and decision", "between decision and append"])
def test_steps_are_made_again_where_somebody_came_between(make: Callable[[], Desk], monkeypatch, when: str):
    desk, other, till = make(), make(), uuid4()
    coin(desk, till, 3)
    between = [lambda: coin(other, till, 10)]
    append = desk.recorder.insert_events

    def interrupted_append(*arguments, **named):
        while between:
            between.pop()()
        return append(*arguments, **named)

    def as_much_again(reading: Reading) -> Iterator[Step]:
        if when == "before the reading" and between:
            between.pop()()
        total = reading.state(TILL, till).total
        if when == "between reading and decision" and between:
            between.pop()()
        yield step(TILL, till, take_coin, TakeCoin(amount=total, note="x"))

    monkeypatch.setattr(desk.recorder, "insert_events", interrupted_append)
    desk.take_in_turn(CASHIER, as_much_again)
    assert desk.state(TILL, till, CASHIER).total == 26


def test_many_at_once_count_without_gap_or_repetition(make: Callable[[], Desk]):
    till = uuid4()

    def next_coin(reading: Reading) -> Iterator[Step]:
        taken = len(reading.state(TILL, till).notes)
        yield step(TILL, till, take_coin, TakeCoin(amount=1, note=str(taken)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda desk: [desk.take_in_turn(CASHIER, next_coin) for _ in range(5)], [make() for _ in range(4)]))
    assert make().state(TILL, till, CASHIER).notes == tuple(str(place) for place in range(20))


def test_another_tenant_finds_nothing(desk: Desk):
    till = uuid4()
    coin(desk, till)
    with pytest.raises(NotFound):
        desk.state(TILL, till, type(CASHIER)("cashier-1", "finance", "elsewhere"))


def taking(desk: Desk, till: UUID, since: int | None, to: int) -> Taking:
    """What an inbox would store: one coin, and one place moved."""
    reading = desk.reading()
    part = reading.part(CASHIER.tenant)
    desk.decide(part, step(TILL, till, take_coin, TakeCoin(amount=1, note="x")), CASHIER, None)
    return Taking({"review/3": Move(since, to)}, desk.stored(part), (), (), ())


def test_the_inbox_position_and_the_events_are_one(desk: Desk):
    till, store = uuid4(), InboxStore(desk.recorder)
    store.store(taking(desk, till, None, 7))
    for since in (None, 6):
        with pytest.raises(AlreadyTaken):
            store.store(taking(desk, till, since, 9))
    assert desk.state(TILL, till, CASHIER).total == 1
    late = taking(desk, till, 7, 9)
    coin(desk, till)
    with pytest.raises(VersionConflict):
        store.store(late)
    assert store.places_of(["review/3", "review/4"]) == {"review/3": 7}
    store.store(taking(desk, till, 7, 9))
    assert (store.places_of(["review/3"]), desk.state(TILL, till, CASHIER).total) == ({"review/3": 9}, 3)


def test_after_tells_what_the_author_had_taken_in(desk: Desk):
    till = uuid4()
    mine, other = partition_of(str(till)), (partition_of(str(till)) + 1) % 12
    InboxStore(desk.recorder).store(Taking({f"review/{mine}": Move(None, 41), f"review/{other}": Move(None, 99)}, (), (), (), ()))
    coin(desk, till)
    (outgoing,) = desk.recorder.select_outgoing(0, 10)
    assert dict(headers_of(outgoing))["ce_after"] == b"review=41"


def test_eight_writers_and_a_tailing_reader_that_misses_nothing(make: Callable[[], Desk]):
    desks, writers, each = [make() for _ in range(4)], 8, 40
    shared = uuid4()
    done = threading.Event()
    seen: list[int] = []

    def write(number: int) -> None:
        for turn in range(each):
            coin(desks[number % 4], shared if turn % 8 == 0 else uuid4())

    def tail(reader: Desk) -> None:
        position = 0
        while True:
            last = done.is_set()
            found = [one.id for one in reader.recorder.select_notifications(position, 50, inclusive_of_start=False)]
            seen.extend(found)
            position = found[-1] if found else position
            if last and not found:
                return
            time.sleep(0.001)

    with ThreadPoolExecutor(writers + 1) as pool:
        reading = pool.submit(tail, make())
        for writing in [pool.submit(write, number) for number in range(writers)]:
            writing.result()
        done.set()
        reading.result()
    assert seen == list(range(1, writers * each + 1))
    assert desks[0].state(TILL, shared, CASHIER).total == writers * each // 8
    outgoing = desks[0].recorder.select_outgoing(0, 1000)
    recorded = [one.recorded for one in outgoing]
    assert recorded == sorted(recorded)
    last: dict[int, int] = {}
    for one in outgoing:
        assert one.previous == last.get(one.partition)
        last[one.partition] = one.position


@pytest.mark.parametrize("statement", ["UPDATE intake.events SET topic = 'x'", "DELETE FROM intake.events", "TRUNCATE intake.events"])
def test_the_applications_role_can_only_add(desk: Desk, database: Database, statement: str):
    coin(desk, uuid4())
    with psycopg.connect(database.url("anken_intake")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)


def test_a_service_sees_no_other_services_store(database: Database):
    with psycopg.connect(database.url("anken_review")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT 1 FROM intake.events")


def test_the_anonymizer_has_no_grant_on_the_keyring(database: Database):
    with psycopg.connect(database.url("anken_anonymizer")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT 1 FROM keyring.data_key")


def test_an_event_that_no_log_entry_could_hold_is_refused_before_it_is_stored():
    registered = FileRegistered(
        body="mayor", version=1, principal_count=2000, recorded_items=("住" * 120,) * 150, entry_digest=f"sha256:{'0' * 64}"
    )
    about = About(
        id=uuid4(), tenant="minatono", actor="a", role="owner", correlation=uuid4(), time=datetime.now(UTC), law_revision="20260717"
    )
    with pytest.raises(Refused, match="49152 bytes") as refused:
        make_announcement("intake", registered, about)
    assert (refused.value.rule, refused.value.field) == ("size", "file-registered")


def test_a_replica_frozen_or_cut_off_while_it_holds_the_append_lock_loses_it(make: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.chassis.recorder.FROZEN_SECONDS", 1)
    frozen, other, till = InboxStore(make().recorder), make(), uuid4()
    holding, thawed, parked = threading.Event(), threading.Event(), frozen.letters.parked

    def freeze(*arguments) -> set[UUID]:
        holding.set()
        thawed.wait()
        return parked(*arguments)

    monkeypatch.setattr(frozen.letters, "parked", freeze)
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(frozen.store, Taking({}, (), (), (), ()))
        try:
            assert holding.wait(9)
            coin(other, till)
        finally:
            thawed.set()
        with pytest.raises(AWAY):
            batch.result()
    assert other.state(TILL, till, CASHIER).total == 1


def test_every_connection_notices_a_server_that_vanished(desk: Desk):
    with desk.recorder.datastore.get_connection() as connection:
        assert connection.info.get_parameters()["tcp_user_timeout"] == "25000"
