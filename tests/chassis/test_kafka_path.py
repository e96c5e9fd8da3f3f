"""Store, relay, Kafka, inbox, store: bytes made once, holes kept, nothing lost or doubled, nothing unreadable silently passed."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import date
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import PersistenceError
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from psycopg.errors import InsufficientPrivilege

from anken.kafka import KafkaCluster
from anken.topics import TopicMismatch, apply_topics
from contracts.review import ContractConcluded, UseEnded
from contracts.topics import dead_letter_topic, owner_topic, partition_of
from services.chassis.aggregate import Step, step
from services.chassis.announcement import headers_of
from services.chassis.consumer import Consumer
from services.chassis.dead_letters import Cause, KafkaDeadLetters, Letter
from services.chassis.desk import Desk
from services.chassis.due import Due, DueDates
from services.chassis.inbox import Inbox
from services.chassis.keyring import KeyFileUnusable
from services.chassis.listener import ReactingListener
from services.chassis.projector import Projector
from services.chassis.reading import NotFound
from services.chassis.received import RawRecord
from services.chassis.refusal import REFUSAL
from services.chassis.relay import Relay
from services.chassis.rows import Rows
from services.chassis.ticker import Ticker
from tests.chassis.conftest import CASHIER
from tests.chassis.logs_of_kafka import Owner, read_topic, record
from tests.chassis.rooms import COUNT, DUE, REACTIONS, TILL, CountTill, TakeCoin, count_till, take_coin
from tests.chassis.threads import eventually, running

ENDED = UseEnded(contract_number="R8-C0001", ended=date(2026, 4, 1))
CONCLUDED = ContractConcluded(
    contract_number="R8-C0001", party=uuid4(), use_from=date(2026, 4, 1), use_to=date(2026, 5, 1), delivery_method="download",
    concluded=date(2026, 3, 1),
)  # fmt: skip


class Buried:
    """Keeps dead letters in a list."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def tell(self, letters: Sequence[Letter]) -> None:
        self.letters += letters


def raw(headers: list[tuple[str, bytes]], value: bytes | None, offset: int = 0, subject: UUID | None = None) -> RawRecord:
    key = str(subject).encode() if subject else dict(headers).get("ce_subject", b"key")
    return RawRecord("anken.review.v1", 3, offset, key, value, headers)


@pytest.fixture
def buried() -> Buried:
    return Buried()


@pytest.fixture
def inbox(desk: Desk, buried: Buried) -> Inbox:
    return Inbox(ReactingListener(desk, REACTIONS, buried))


def test_a_refilled_topic_is_byte_identical(desk: Desk, kafka: KafkaCluster, prefix: str):
    for number in range(30):
        desk.take(CASHIER, step(TILL, uuid4(), take_coin, TakeCoin(amount=number + 1, note="x")))
    with running(Relay(desk.recorder, "intake", kafka.bootstrap, prefix)):
        eventually(lambda: (desk.recorder.max_tracking_id("relay") or 0) >= 30)
    first = read_topic(kafka.bootstrap, owner_topic("intake", prefix))
    again = f"{prefix}-again"
    apply_topics(kafka.bootstrap, again)
    with desk.recorder.datastore.get_connection() as connection:
        connection.execute("UPDATE intake.tracking SET notification_id = 0 WHERE application_name = 'relay'")
    with running(Relay(desk.recorder, "intake", kafka.bootstrap, again)):
        eventually(lambda: (desk.recorder.max_tracking_id("relay") or 0) >= 30)
    assert sum(len(records) for records in first.values()) == 30
    assert read_topic(kafka.bootstrap, owner_topic("intake", again)) == first


def test_a_redelivered_record_is_done_once(inbox: Inbox, desk: Desk):
    till = uuid4()
    one = raw(*record("review", ENDED, till, 5, None))
    inbox.handle([one])
    inbox.handle([one, one])
    assert desk.state(TILL, till, CASHIER).total == 1
    assert desk.recorder.max_tracking_id("heard:review/3") == 5


def test_in_a_hole_nothing_is_applied_until_the_missing_record_comes(inbox: Inbox, desk: Desk):
    till = uuid4()
    first, missing, last = (raw(*record("review", ENDED, till, *place)) for place in ((1, None), (4, 1), (9, 4)))
    inbox.handle([first, last])
    assert desk.state(TILL, till, CASHIER).total == 1
    assert inbox.holes == {"review/3": 9}
    inbox.handle([missing, last])
    assert desk.state(TILL, till, CASHIER).total == 3
    assert inbox.holes == {}


def test_a_new_group_on_a_trimmed_topic_is_in_a_hole(inbox: Inbox, desk: Desk):
    inbox.handle([raw(*record("review", ENDED, uuid4(), 9, 4))])
    assert desk.recorder.max_tracking_id("heard:review/3") is None
    assert inbox.holes == {"review/3": 9}


def test_an_undecodable_record_is_buried_and_the_partition_goes_on(inbox: Inbox, desk: Desk, buried: Buried):
    till = uuid4()
    headers, value = record("review", ENDED, till, 1, None)
    broken = [(name, b"not a uuid" if name == "ce_id" else content) for name, content in headers]
    unreadable = record("review", ENDED, till, 2, 1)[0]
    inbox.handle(
        [
            raw([], b"?", 0),
            raw(broken, value, 1),
            raw(headers, value, 2),
            raw(unreadable, b'{"ended": "soon"}', 3),
            raw(unreadable, None, 4),
        ]
    )
    reasons = [letter.reason for letter in buried.letters]
    assert reasons == ["ce_specversion is not 1.0", "attribute id: wrong_form", "payload: contract_number: missing; ended: date_parsing"]
    assert desk.state(TILL, till, CASHIER).total == 1
    assert desk.recorder.max_tracking_id("heard:review/3") == 2


def test_unknown_types_and_events_of_no_concern_move_the_place(inbox: Inbox, desk: Desk, buried: Buried):
    headers, value = record("review", ENDED, uuid4(), 1, None)
    unknown = [(name, b"jp.anken.review.something-new.v1" if name == "ce_type" else content) for name, content in headers]
    inbox.handle([raw(unknown, value)])
    assert (desk.recorder.max_tracking_id("heard:review/3"), buried.letters) == (1, [])


def test_a_newer_field_is_ignored(inbox: Inbox, desk: Desk):
    till = uuid4()
    headers, value = record("review", ENDED, till, 1, None)
    inbox.handle([raw(headers, value[:-1] + b',"newer":1}')])
    assert desk.state(TILL, till, CASHIER).total == 1


def test_a_refused_reaction_is_recorded_with_its_rule_and_cause(inbox: Inbox, desk: Desk):
    till = uuid4()
    desk.take(CASHIER, step(TILL, till, count_till, CountTill()))
    headers, value = record("review", ENDED, till, 1, None)
    inbox.handle([raw(headers, value)])
    refusals = desk.state(REFUSAL, till, CASHIER)
    cause = dict(headers)["ce_id"].decode()
    assert [str(event) for event in refusals.events] == [cause]
    outgoing = desk.recorder.select_outgoing(0, 10)[-1]
    assert b'"rule":"T2"' in outgoing.value
    assert cause.encode() in outgoing.value
    assert desk.recorder.max_tracking_id("heard:review/3") == 1


@pytest.mark.slow
def test_a_hole_is_found_again_by_whoever_reads_the_partition_next(desk: Desk, kafka: KafkaCluster, prefix: str):
    whole, broken = uuid4(), uuid4()
    while partition_of(str(whole)) == partition_of(str(broken)):
        whole = uuid4()
    owner = Owner(kafka.bootstrap, owner_topic("review", prefix))
    owner.write(broken, [record("review", ENDED, broken, 1, None), record("review", ENDED, broken, 9, 4)])
    owner.write(whole, [record("review", ENDED, whole, 2, None)])
    hole = {f"review/{partition_of(str(broken))}": 9}

    async def consume() -> None:
        inbox = Inbox(ReactingListener(desk, REACTIONS, Buried()))
        consumer = Consumer(inbox, group=f"{prefix}.intake", topics=[owner.topic], bootstrap=kafka.bootstrap)
        await consumer.start()
        await asyncio.to_thread(eventually, lambda: inbox.holes == hole and _total(desk, [whole, broken]) == 2)
        await consumer.stop()

    asyncio.run(consume())
    asyncio.run(consume())


@pytest.mark.slow
def test_what_travels_through_kafka_arrives(desk: Desk, kafka: KafkaCluster, prefix: str):
    """The consumer's own edge: batches, hand acknowledgement, dead letters, against a real broker."""
    tills = [uuid4() for _ in range(40)]
    owner = Owner(kafka.bootstrap, owner_topic("review", prefix))
    positions: dict[int, int] = {}
    for position, till in enumerate(tills, start=1):
        place = partition_of(str(till))
        owner.write(till, [record("review", ENDED, till, position, positions.get(place))])
        positions[place] = position
    owner.write(tills[0], [([("ce_id", b"?")], b"garbage")])
    dead = KafkaDeadLetters("intake", kafka.bootstrap, prefix)

    async def consume() -> None:
        consumer = Consumer(
            Inbox(ReactingListener(desk, REACTIONS, dead)),
            group=f"{prefix}.intake", topics=[owner.topic], bootstrap=kafka.bootstrap,
        )  # fmt: skip
        await consumer.start()
        await asyncio.to_thread(eventually, lambda: _total(desk, tills) == 40 and dead.producer is not None)
        await consumer.stop()

    asyncio.run(consume())
    letters = [one for records in read_topic(kafka.bootstrap, dead_letter_topic("intake", prefix)).values() for one in records]
    assert [(value, dict(headers)["dlq-reason"]) for _, value, headers in letters] == [(b"garbage", b"ce_specversion is not 1.0")]
    if dead.producer is not None:
        dead.producer.close()


def _total(desk: Desk, tills: list) -> int:
    total = 0
    for till in tills:
        try:
            total += desk.state(TILL, till, CASHIER).total
        except NotFound:
            continue
    return total


def test_views_and_dates_follow_the_store(desk: Desk):
    till = uuid4()
    rows = Rows(desk.recorder.datastore)
    for _ in range(3):
        desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=1, note="x")))
    with running(Projector(desk.recorder, rows, [COUNT], DUE)):
        eventually(lambda: desk.rows("coins", CASHIER) == [{"coins": 3}])
    assert [due.subject for _, due in rows.due_by(desk.today(), DUE.steps)] == [till]
    with running(Ticker(desk, rows, DUE)):
        eventually(lambda: desk.state(TILL, till, CASHIER).counted)
        eventually(lambda: rows.due_by(desk.today(), DUE.steps) == [])
    assert desk.take(CASHIER, step(TILL, till, count_till, CountTill())).events == ()


def test_a_date_on_which_our_code_breaks_stays_due_and_holds_up_no_other(desk: Desk):
    broken, sound = uuid4(), uuid4()
    rows = Rows(desk.recorder.datastore)
    for till in (broken, sound):
        desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=1, note="x")))
    with running(Projector(desk.recorder, rows, [COUNT], DUE)):
        eventually(lambda: len(rows.due_by(desk.today(), DUE.steps)) == 2)

    def answer(due: Due, _: date) -> Step:
        if due.subject == broken:
            raise ZeroDivisionError
        return step(TILL, due.subject, count_till, CountTill())

    ticker = Ticker(desk, rows, DueDates(of=DUE.of, set_by=DUE.set_by, steps={"count": answer}))
    with running(ticker):
        eventually(lambda: [due.subject for _, due in rows.due_by(desk.today(), DUE.steps)] == [broken])
        assert desk.state(TILL, sound, CASHIER).counted
        assert ticker.is_alive()


def test_partitions_are_fixed_for_life(kafka: KafkaCluster, prefix: str):
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name=owner_topic("review", f"{prefix}-odd"), num_partitions=3, replication_factor=1)])
    admin.close()
    with pytest.raises(TopicMismatch, match="12"):
        apply_topics(kafka.bootstrap, f"{prefix}-odd")
    assert apply_topics(kafka.bootstrap, prefix) == []


def test_threads_of_loops_end_with_their_stop(desk: Desk):
    projector = Projector(desk.recorder, Rows(desk.recorder.datastore), [], None)
    with running(projector):
        eventually(projector.is_well)
    assert threading.active_count() < 40


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([("x", b"\xff\xfe")], b"x"),
        ([("ce_specversion", b"\xff")], b"x"),
        ([("x", b"1")], b"x" * 1_048_400),
    ],
    ids=["a header that is no text", "ours that is no text", "nearly too large"],
)
def test_no_record_loses_the_batch_it_came_in(desk: Desk, kafka: KafkaCluster, prefix: str, headers, value: bytes):
    """The framework would decode headers itself, drop the whole batch for one of them and read on."""
    till = uuid4()
    owner = Owner(kafka.bootstrap, owner_topic("review", prefix))
    owner.write(till, [record("review", ENDED, till, 1, None), (headers, value), record("review", ENDED, till, 2, 1)])
    dead = KafkaDeadLetters("intake", kafka.bootstrap, prefix)

    async def consume() -> None:
        consumer = Consumer(
            Inbox(ReactingListener(desk, REACTIONS, dead)), group=f"{prefix}.intake", topics=[owner.topic], bootstrap=kafka.bootstrap
        )
        await consumer.start()
        await asyncio.to_thread(eventually, lambda: _total(desk, [till]) == 2)
        await consumer.stop()

    asyncio.run(consume())
    letters = [one for records in read_topic(kafka.bootstrap, dead_letter_topic("intake", prefix)).values() for one in records]
    assert len(letters) == 1
    assert dict(letters[0][2])["dlq-source"].decode().startswith(owner.topic)
    if dead.producer is not None:
        dead.producer.close()


class Garbled(str):
    """A header name that no client of ours could write."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


def test_a_record_the_client_cannot_parse_ends_the_process(desk: Desk, kafka: KafkaCluster, prefix: str, monkeypatch: pytest.MonkeyPatch):
    """The framework would start its loop again for ever and say nothing: a crash is seen by the supervisor."""
    ended = threading.Event()
    monkeypatch.setattr("services.chassis.consumer.os._exit", lambda _: ended.set())
    owner = Owner(kafka.bootstrap, owner_topic("review", prefix))
    owner.write(uuid4(), [([(Garbled("x"), b"1")], b"x")])
    dead = KafkaDeadLetters("intake", kafka.bootstrap, prefix)

    async def consume() -> None:
        consumer = Consumer(
            Inbox(ReactingListener(desk, REACTIONS, dead)), group=f"{prefix}.intake", topics=[owner.topic], bootstrap=kafka.bootstrap
        )
        await consumer.start()
        assert await asyncio.to_thread(ended.wait, 15)
        await consumer.stop()

    asyncio.run(consume())


def test_a_record_without_key_and_value_is_buried(kafka: KafkaCluster, prefix: str):
    dead = KafkaDeadLetters("intake", kafka.bootstrap, prefix)
    record = RawRecord(owner_topic("review", prefix), 3, 9, None, None, [])
    dead.tell([Letter(record, None, None, Cause.UNREADABLE, "ce_specversion is not 1.0")])
    letters = [one for records in read_topic(kafka.bootstrap, dead_letter_topic("intake", prefix)).values() for one in records]
    assert [dict(headers)["dlq-source"] for _, _, headers in letters] == [f"{owner_topic('review', prefix)}/3/9".encode()]
    if dead.producer is not None:
        dead.producer.close()


def test_an_owner_cannot_speak_for_another(inbox: Inbox, desk: Desk, buried: Buried):
    till = uuid4()
    headers, value = record("review", ENDED, till, 1, None)
    inbox.handle([RawRecord("anken.billing.v1", 3, 0, str(till).encode(), value, headers)])
    inbox.handle([RawRecord("anken.review.v1", 3, 0, str(uuid4()).encode(), value, headers)])
    assert len(buried.letters) == 2
    with pytest.raises(NotFound):
        desk.state(TILL, till, CASHIER)


@pytest.mark.parametrize("trouble", [KeyFileUnusable("not the key"), PersistenceError("no grant"), InsufficientPrivilege("no grant")])
def test_our_own_troubles_bury_nothing(inbox: Inbox, desk: Desk, buried: Buried, monkeypatch: pytest.MonkeyPatch, trouble: Exception):
    def fail(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(desk, "decide", fail)
    till = uuid4()
    with pytest.raises(type(trouble)):
        inbox.handle([raw(*record("review", ENDED, till, 1, None), subject=till)])
    assert (buried.letters, desk.recorder.max_tracking_id("heard:review/3")) == ([], None)


def test_a_trace_goes_on_through_what_it_led_to(inbox: Inbox, desk: Desk):
    till = uuid4()
    headers, value = record("review", ENDED, till, 1, None)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    inbox.handle([raw([*headers, ("traceparent", trace.encode())], value, subject=till)])
    (outgoing,) = desk.recorder.select_outgoing(0, 10)
    told = dict(headers_of(outgoing))["traceparent"].decode()
    assert (told[:35], told != trace) == (trace[:35], True)
