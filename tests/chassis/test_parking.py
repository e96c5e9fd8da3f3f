"""A record that cannot be taken parks its case: what follows waits in order, all else flows, and a replay makes it good."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from anken.kafka import KafkaCluster
from contracts.billing import FeePaid
from contracts.review import ContractConcluded
from contracts.topics import dead_letter_topic
from services.chassis.aggregate import step
from services.chassis.dead_letters import Cause, KafkaDeadLetters
from services.chassis.desk import Desk
from services.chassis.kept_letters import State
from services.chassis.reading import NotFound
from services.chassis.received import RawRecord
from services.chassis.refusal import REFUSAL
from services.chassis.replaying import Unreplayable
from tests.chassis.conftest import CASHIER
from tests.chassis.logs_of_kafka import read_topic
from tests.chassis.rooms import TILL, CountTill, TakeCoin, count_till, take_coin
from tests.chassis.threads import eventually
from tests.chassis.till_inbox import ENDED, Breakable, Source, TillInbox, id_of, ids, paid
from tests.conftest import Database

pytestmark = pytest.mark.slow

OPERATOR = "operator-1"


@pytest.fixture
def breakable() -> Breakable:
    return Breakable()


@pytest.fixture
def till_inbox(desk: Desk, breakable: Breakable) -> TillInbox:
    return TillInbox(desk, breakable)


def exists(desk: Desk, till: UUID) -> bool:
    try:
        desk.state(TILL, till, CASHIER)
    except NotFound:
        return False
    return True


def test_a_poison_record_parks_its_case_and_no_other(till_inbox: TillInbox, breakable: Breakable):
    poisoned, well = uuid4(), uuid4()
    breakable.tills = {poisoned}
    review = Source()
    first = [review.says(ENDED, till) for till in (well, poisoned, well, poisoned, well)]
    later = [review.says(ENDED, till) for till in (poisoned, well)]
    till_inbox.inbox.handle(first)
    till_inbox.inbox.handle(later)
    assert till_inbox.notes(well) == ids([first[0], first[2], first[4], later[1]])
    letters = till_inbox.letters()
    assert [(one.cause, str(one.event_id), one.subject) for one in letters] == [
        (Cause.FAILED, id_of(first[1]), poisoned),
        (Cause.PARKED, id_of(first[3]), poisoned),
        (Cause.PARKED, id_of(later[0]), poisoned),
    ]
    assert letters[0].reason == "Broken: ", "what an error of ours says may hold what somebody typed"
    assert letters[0].stack is not None
    assert len(letters[0].stack) == 16
    assert till_inbox.places() == {"review/3": review.position}
    assert not exists(till_inbox.desk, poisoned)


def test_a_parked_case_waits_for_other_sources_too_and_for_every_replica(
    make: Callable[[], Desk], till_inbox: TillInbox, breakable: Breakable
):
    poisoned, well = uuid4(), uuid4()
    breakable.tills = {poisoned}
    review, billing = Source(), Source("billing", partition=3)
    till_inbox.inbox.handle([review.says(ENDED, poisoned)])
    breakable.tills = set()
    replica = TillInbox(make(), breakable)
    heard = [billing.says(paid(5), poisoned), billing.says(paid(6), well)]
    replica.inbox.handle(heard)
    assert replica.notes(well) == ids(heard[1:])
    assert [one.cause for one in till_inbox.letters()] == [Cause.FAILED, Cause.PARKED]
    assert not exists(till_inbox.desk, poisoned)
    assert till_inbox.places() == {"review/3": review.position, "billing/3": billing.position}


def test_a_replay_leads_to_what_would_have_been_without_the_poison(till_inbox: TillInbox, breakable: Breakable):
    poisoned, well = uuid4(), uuid4()
    breakable.tills = {poisoned}
    for till in (well, poisoned):
        review, billing = Source(partition=till.int % 12), Source("billing", partition=till.int % 12)
        if till == poisoned:
            review, billing = Source(partition=(well.int + 1) % 12), Source("billing", partition=(well.int + 1) % 12)
        records = [review.says(ENDED, till), billing.says(paid(5), till), billing.says(paid(6), till), review.says(ENDED, till)]
        for one in records:
            till_inbox.inbox.handle([one])
    breakable.tills = set()
    assert till_inbox.replay(poisoned) == [one.letter for one in till_inbox.letters(State.REPLAYED)]
    assert till_inbox.notes(poisoned) == ids(records)
    states = [till_inbox.desk.state(TILL, till, CASHIER) for till in (well, poisoned)]
    assert [(one.total, len(one.notes), one.counted) for one in states] == [(13, 4, False)] * 2
    assert till_inbox.parked(poisoned) == set()
    after = review.says(ENDED, poisoned)
    till_inbox.inbox.handle([after])
    assert till_inbox.notes(poisoned) == ids([*records, after])


def test_what_a_replay_leads_to_names_its_cause_and_trace(till_inbox: TillInbox, breakable: Breakable):
    till, trace = uuid4(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    breakable.tills = {till}
    one = Source().says(ENDED, till)
    one = RawRecord(one.topic, one.partition, one.offset, one.key, one.value, [*one.headers, ("traceparent", trace.encode())])
    till_inbox.inbox.handle([one])
    breakable.tills = set()
    till_inbox.replay(till)
    (stored,) = till_inbox.desk.events.get(f"till-{till}")
    about = stored.about  # type: ignore[attr-defined]  # our mapper's type
    assert (str(about.causation), about.actor, (about.traceparent or "")[:35]) == (id_of(one), "service:intake", trace[:35])


def test_a_replay_that_fails_again_keeps_what_is_left(till_inbox: TillInbox, breakable: Breakable):
    till = uuid4()
    breakable.tills = {till}
    review = Source()
    records = [review.says(ENDED, till), review.says(paid_too_much(), till), review.says(ENDED, till)]
    till_inbox.inbox.handle(records)
    first, second, third = (one.letter for one in till_inbox.letters())
    for _ in range(2):
        with pytest.raises(Unreplayable, match=f"letter {first}: failed again: Broken") as failed:
            till_inbox.replay(till)
        assert failed.value.letter == first
        assert (exists(till_inbox.desk, till), len(till_inbox.letters())) == (False, 3)
    breakable.tills = set()
    with pytest.raises(Unreplayable, match=f"letter {second}: payload again"):
        till_inbox.replay(till)
    assert till_inbox.notes(till) == ids(records[:1])
    assert [one.letter for one in till_inbox.letters()] == [second, third]
    assert till_inbox.parked(till) == {till}
    with pytest.raises(Unreplayable, match=f"letter {third}: letter {second} of the same case comes first"):
        till_inbox.replaying.replay(third, OPERATOR)
    drop(till_inbox, number=second)
    assert till_inbox.parked(till) == {till}
    assert till_inbox.replay(till) == [third]
    assert (till_inbox.notes(till), till_inbox.parked(till)) == (ids([records[0], records[2]]), set())


def paid_too_much() -> ContractConcluded:
    """An event whose bytes do not hold what its type promises."""
    return ContractConcluded.model_construct(contract_number="?")


def drop(till_inbox: TillInbox, number: int | None = None, case: UUID | None = None) -> list[int]:
    with till_inbox.desk.recorder.datastore.get_connection() as connection:
        dropped = till_inbox.kept.drop(connection, "operator-2", "entered by hand", number=number, case=case)
    return [one.letter for one in dropped]


def test_who_closed_a_letter_and_why_is_kept(till_inbox: TillInbox, breakable: Breakable):
    kept, dropped = uuid4(), uuid4()
    breakable.tills = {kept, dropped}
    review = Source()
    till_inbox.inbox.handle([review.says(ENDED, till) for till in (kept, dropped, dropped)])
    breakable.tills = set()
    till_inbox.replay(kept)
    assert len(drop(till_inbox, case=dropped)) == 2
    assert drop(till_inbox, case=dropped) == []
    closed = till_inbox.letters(State.REPLAYED, State.DROPPED)
    assert [(one.state, one.actor, one.remark) for one in closed] == [
        (State.REPLAYED, OPERATOR, None),
        (State.DROPPED, "operator-2", "entered by hand"),
        (State.DROPPED, "operator-2", "entered by hand"),
    ]
    assert all(one.closed is not None and one.closed >= one.since for one in closed)
    for one in closed:
        with pytest.raises(Unreplayable, match=f"letter {one.letter}: it was {one.state} already"):
            till_inbox.replaying.replay(one.letter, OPERATOR)
    after = review.says(ENDED, dropped)
    till_inbox.inbox.handle([after])
    assert till_inbox.notes(dropped) == ids([after])


def test_a_batch_given_again_keeps_each_letter_once(till_inbox: TillInbox, breakable: Breakable):
    till = uuid4()
    breakable.tills = {till}
    review = Source()
    batch = [RawRecord("anken.review.v1", 3, 0, b"key", b"?", [("x", b"\xff")]), review.says(ENDED, till), review.says(ENDED, till)]
    for _ in range(3):
        till_inbox.inbox.handle(batch)
    assert [one.cause for one in till_inbox.letters()] == [Cause.UNREADABLE, Cause.FAILED, Cause.PARKED]
    breakable.tills = set()
    till_inbox.replay(till)
    till_inbox.inbox.handle(batch)
    assert till_inbox.notes(till) == ids(batch[1:])
    assert [one.cause for one in till_inbox.letters()] == [Cause.UNREADABLE]


def test_a_refusal_at_a_replay_is_a_fact(till_inbox: TillInbox, breakable: Breakable):
    till = uuid4()
    breakable.tills = {till}
    one = Source().says(ENDED, till)
    till_inbox.inbox.handle([one])
    breakable.tills = set()
    till_inbox.desk.take(CASHIER, step(TILL, till, count_till, CountTill()))
    till_inbox.replay(till)
    assert [str(event) for event in till_inbox.desk.state(REFUSAL, till, CASHIER).events] == [id_of(one)]
    assert till_inbox.letters() == []


def test_a_command_that_comes_between_makes_the_replay_decide_again(
    make: Callable[[], Desk], till_inbox: TillInbox, breakable: Breakable, monkeypatch: pytest.MonkeyPatch
):
    till, other = uuid4(), make()
    breakable.tills = {till}
    one = Source().says(ENDED, till)
    till_inbox.inbox.handle([one])
    breakable.tills = set()
    close, between = till_inbox.replaying._close, [1]

    def interrupted(*arguments: object) -> None:
        while between:
            other.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=between.pop(), note="by hand")))
        close(*arguments)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(till_inbox.replaying, "_close", interrupted)
    till_inbox.replay(till)
    assert till_inbox.notes(till) == ("by hand", id_of(one))


def test_a_replay_beside_a_running_inbox_loses_and_doubles_nothing(make: Callable[[], Desk], till_inbox: TillInbox):
    """The inbox is given records of the case, one by one, and breaks now and then, while replays release the case again and again."""
    till, other, breakable = uuid4(), uuid4(), Breakable()
    review = Source()
    records = [review.says(ENDED, till if number % 4 else other) for number in range(200)]
    inbox, done, released = TillInbox(make(), breakable), threading.Event(), threading.Semaphore(0)

    def replay() -> None:
        while not done.is_set():
            if till_inbox.replay(till):
                released.release()

    def take() -> None:
        try:
            for number, one in enumerate(records):
                breakable.tills = {till} if number % 20 == 1 else set()
                inbox.inbox.handle([one])
                if number % 20 == 10:
                    assert released.acquire(timeout=30), "no replay met a case that was parked"
        finally:
            done.set()

    threads = [threading.Thread(target=one) for one in (replay, take)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    till_inbox.replay(till)
    assert till_inbox.notes(till) == ids([one for one in records if one.key == str(till).encode()])
    assert till_inbox.notes(other) == ids([one for one in records if one.key == str(other).encode()])
    assert till_inbox.letters() == []


def test_two_replays_of_one_case_do_each_letter_once(make: Callable[[], Desk], till_inbox: TillInbox, breakable: Breakable):
    till = uuid4()
    breakable.tills = {till}
    review = Source()
    records = [review.says(ENDED, till) for _ in range(30)]
    till_inbox.inbox.handle(records)
    breakable.tills = set()

    def replay(mine: TillInbox) -> None:
        while mine.parked(till):
            try:
                mine.replay(till)
            except Unreplayable:
                continue

    threads = [threading.Thread(target=replay, args=(TillInbox(make(), breakable),)) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert till_inbox.notes(till) == ids(records)


def test_foreign_records_park_nothing_and_stay_foreign(till_inbox: TillInbox):
    till = uuid4()
    billing = Source("billing")
    as_review = Source("review")
    claimed = as_review.says(ENDED, till)
    foreign = RawRecord("anken.billing.v1", 3, 1, claimed.key, claimed.value, claimed.headers)
    billing.position, billing.offset = as_review.position, 1
    fine = billing.says(paid(3), till)
    till_inbox.inbox.handle([foreign, fine])
    assert till_inbox.notes(till) == ids([fine])
    (letter,) = till_inbox.letters()
    assert (letter.cause, letter.subject, letter.position) == (Cause.FOREIGN, None, as_review.position)
    with pytest.raises(Unreplayable, match="foreign again"):
        till_inbox.replaying.replay(letter.letter, OPERATOR)
    assert drop(till_inbox, number=letter.letter) == [letter.letter]


def test_an_unreadable_record_that_can_be_read_now_fills_its_place(
    till_inbox: TillInbox, breakable: Breakable, monkeypatch: pytest.MonkeyPatch
):
    till = uuid4()
    review = Source()
    first, second, third = (review.says(ENDED, till) for _ in range(3))
    newer = RawRecord(
        *(second.topic, second.partition, second.offset, second.key, second.value),
        [(name, b"1.1" if name == "ce_specversion" else content) for name, content in second.headers],
    )
    till_inbox.inbox.handle([first, newer, third])
    (letter,) = till_inbox.letters()
    assert (letter.cause, letter.position, till_inbox.places()) == (Cause.UNREADABLE, None, {"review/3": 7})
    with pytest.raises(Unreplayable, match="unreadable: ce_specversion"):
        till_inbox.replaying.replay(letter.letter, OPERATOR)
    monkeypatch.setattr("contracts.envelope.SPECVERSION", "1.1")
    breakable.tills = {till}
    with pytest.raises(Unreplayable, match="failed again"):
        till_inbox.replaying.replay(letter.letter, OPERATOR)
    assert till_inbox.places() == {"review/3": 7}, "no place is moved for what is not done"
    breakable.tills = set()
    assert till_inbox.replaying.replay(letter.letter, OPERATOR).events == 1
    assert (till_inbox.notes(till), till_inbox.places()) == (ids([first, second]), {"review/3": 14})
    monkeypatch.undo()
    till_inbox.inbox.handle([first, second, third])  # as after a republish
    assert till_inbox.notes(till) == ids([first, second, third])


def test_an_unreadable_record_is_not_replayed_over_a_hole_nor_twice(till_inbox: TillInbox, monkeypatch: pytest.MonkeyPatch):
    till = uuid4()
    review = Source()
    first, second, third = (review.says(ENDED, till) for _ in range(3))
    spoilt = [
        RawRecord(one.topic, one.partition, one.offset + 100, one.key, one.value, [("ce_specversion", b"1.1"), *one.headers[1:]])
        for one in (first, third)
    ]
    till_inbox.inbox.handle([first, *spoilt])
    known, beyond = till_inbox.letters()
    monkeypatch.setattr("contracts.envelope.SPECVERSION", "1.1")
    assert till_inbox.replaying.replay(known.letter, OPERATOR).events == 0
    with pytest.raises(Unreplayable, match="position 21 of review/3, and what comes before it is missing: republish review from 7"):
        till_inbox.replaying.replay(beyond.letter, OPERATOR)
    monkeypatch.undo()
    assert (till_inbox.notes(till), till_inbox.places()) == (ids([first]), {"review/3": 7})
    till_inbox.inbox.handle([second])
    monkeypatch.setattr("contracts.envelope.SPECVERSION", "1.1")
    till_inbox.replaying.replay(beyond.letter, OPERATOR)
    assert till_inbox.notes(till) == ids([first, second, third])


def test_a_record_that_can_be_read_now_waits_behind_its_parked_case(
    till_inbox: TillInbox, breakable: Breakable, monkeypatch: pytest.MonkeyPatch
):
    till = uuid4()
    review, billing = Source(), Source("billing")
    late = billing.says(paid(4), till)
    spoilt = RawRecord(late.topic, late.partition, late.offset, late.key, late.value, [("ce_specversion", b"1.1"), *late.headers[1:]])
    till_inbox.inbox.handle([spoilt])
    breakable.tills = {till}
    poison = review.says(ENDED, till)
    till_inbox.inbox.handle([poison])
    breakable.tills = set()
    unreadable, parking = (one.letter for one in till_inbox.letters())
    monkeypatch.setattr("contracts.envelope.SPECVERSION", "1.1")
    with pytest.raises(Unreplayable, match=f"letter {parking} of the same case comes first"):
        till_inbox.replaying.replay(unreadable, OPERATOR)
    monkeypatch.undo()
    till_inbox.replay(till)
    monkeypatch.setattr("contracts.envelope.SPECVERSION", "1.1")
    till_inbox.replaying.replay(unreadable, OPERATOR)
    assert till_inbox.notes(till) == ids([poison, late])


@pytest.mark.parametrize(
    "change",
    [{"ce_tenantid": b"mina\0tono"}, {"ce_tenantid": b"\xe6\xb8\xaf" * 60}, {"ce_subject": b"no uuid"}],
    ids=["a NUL that PostgreSQL refuses", "no ASCII", "no subject that could park"],
)
def test_no_record_is_so_odd_that_its_letter_cannot_be_kept(till_inbox: TillInbox, breakable: Breakable, change: dict[str, bytes]):
    """It would be met again for ever, and everything behind it would wait."""
    odd, well = uuid4(), uuid4()
    breakable.tills = {odd}
    review = Source()
    batch = [review.says(ENDED, odd, **change), review.says(ENDED, well)]
    till_inbox.inbox.handle(batch)
    assert till_inbox.notes(well) == ids(batch[1:])
    assert [one.position for one in till_inbox.letters()] == [7]


def test_a_letters_content_comes_back_byte_for_byte(till_inbox: TillInbox):
    odd = RawRecord("anken.review.v1", 3, 5, b"\xff", b"\0" * 100_000, [("x", None), ("x", b"\xff\0"), ("ü", b"")])
    bare = RawRecord("anken.review.v1", 3, 6, None, None, [])
    till_inbox.inbox.handle([odd, bare])
    with till_inbox.desk.recorder.datastore.get_connection() as connection:
        assert [till_inbox.kept.raw(connection, one.letter) for one in till_inbox.letters()] == [odd, bare]


def test_the_service_can_close_letters_and_change_nothing_else_of_them(till_inbox: TillInbox, breakable: Breakable, database: Database):
    till = uuid4()
    breakable.tills = {till}
    till_inbox.inbox.handle([Source().says(ENDED, till)])
    with psycopg.connect(database.url("anken_intake"), autocommit=True) as connection:
        for statement in ("UPDATE intake.dead_letter SET value = ''", "DELETE FROM intake.dead_letter", "TRUNCATE intake.dead_letter"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_reactions_to_one_record_that_concern_nobody_close_its_letter(till_inbox: TillInbox, breakable: Breakable, desk: Desk):
    """A later version no longer reacts to the event: there is nothing left to do."""
    till = uuid4()
    breakable.tills = {till}
    till_inbox.inbox.handle([Source("billing").says(paid(1), till)])
    without = TillInbox(desk, Breakable())
    del without.replaying.reacting.reactions[FeePaid]  # type: ignore[attr-defined]  # a dict, made for this test
    assert without.replay(till) != []
    assert (exists(desk, till), without.letters()) == (False, [])


@pytest.mark.parametrize("closing", ["replay", "drop"])
def test_a_letter_is_closed_under_the_lock_under_which_inboxes_look(
    till_inbox: TillInbox, breakable: Breakable, desk: Desk, database: Database, closing: str
):
    """Also where nothing is appended, so that only the closing itself could take the lock."""
    till = uuid4()
    breakable.tills = {till}
    till_inbox.inbox.handle([Source("billing").says(paid(1), till)])
    del till_inbox.replaying.reacting.reactions[FeePaid]  # type: ignore[attr-defined]  # a dict, made for this test
    (letter,) = till_inbox.letters()
    with psycopg.connect(database.url(), autocommit=True) as holding, ThreadPoolExecutor(1) as pool:
        holding.execute("SELECT pg_advisory_lock(hashtextextended('anken.append.intake', 0))")
        asked = pool.submit(till_inbox.replay, till) if closing == "replay" else pool.submit(drop, till_inbox, letter.letter)
        waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        eventually(lambda: asked.done() or bool(holding.execute(waits).fetchall()))
        assert (asked.done(), till_inbox.parked(till)) == (False, {till})
        holding.execute("SELECT pg_advisory_unlock_all()")
    assert (asked.result(), till_inbox.parked(till)) == ([letter.letter], set())


def test_letters_in_the_topic_tell_cause_reason_place_and_where_it_broke(desk: Desk, kafka: KafkaCluster, prefix: str):
    """A copy for whoever watches topics; one that would be too large for a topic comes without its content, which the store has."""
    till, review = uuid4(), Source()
    dead = KafkaDeadLetters("intake", kafka.bootstrap, prefix)
    till_inbox = TillInbox(desk, Breakable({till}), dead)
    large = RawRecord("anken.review.v1", 3, 9, b"key", b"x" * 1_000_000, [("x", b"y")])
    failed = review.says(ENDED, till)
    till_inbox.inbox.handle([failed, review.says(ENDED, till), large])
    told = [one for records in read_topic(kafka.bootstrap, dead_letter_topic("intake", prefix)).values() for one in records]
    by_place = {dict(headers)["dlq-source"].decode(): (key, value, dict(headers)) for key, value, headers in told}
    kept = {f"{one.topic}/{one.partition}/{one.kafka_offset}": one for one in till_inbox.letters()}
    assert by_place.keys() == kept.keys()
    for place, (_, _, headers) in by_place.items():
        stack = headers.get("dlq-stack")
        said = (headers["dlq-cause"].decode(), headers["dlq-reason"].decode(), stack and stack.decode(), headers["dlq-consumer"])
        assert said == (kept[place].cause, kept[place].reason, kept[place].stack, b"intake")
    key, value, headers = by_place["anken.review.v1/3/1"]
    assert (key, value, headers["ce_id"].decode()) == (failed.key, failed.value, id_of(failed))
    key, value, headers = by_place["anken.review.v1/3/9"]
    assert (key, value, headers["dlq-digest"].decode()) == (None, b"", f"sha256:{hashlib.sha256(large.value or b'').hexdigest()}")
    if dead.producer is not None:
        dead.producer.close()
