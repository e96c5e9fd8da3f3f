"""Each kind of damage is found: an event that is gone, one that is there twice, one out of order, a changed byte, a broken chain."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid6 import uuid7

from contracts import intake
from contracts.catalog import CONFORMING_CASE
from contracts.envelope import from_headers
from contracts.topics import partition_of
from services.caselog.entry import NO_LEAF, write_entry
from services.chassis.announcement import headers_of, make_announcement
from services.chassis.recorded import About
from services.chassis.recorder import Outgoing
from tests.chaos.comparison import LogBook, StoreBook, TopicBook, compare_effects, compare_history
from tests.chaos.damage import Damage
from tests.chaos.effects import AT_WILL, CONFORMING
from tests.chaos.ledger import Acknowledged
from tests.chaos.reading import Logged, Record, Stored

BEGAN = datetime(2026, 4, 1, tzinfo=UTC)
SUBJECTS = [UUID(f"018f0000-0000-7000-8000-00000000000{number}") for number in range(3)]
OWNER = "intake"


@dataclass(slots=True)
class Kept:
    """A store, a topic and a case log that agree."""

    rows: list[Stored] = field(default_factory=list)
    records: dict[int, list[Record]] = field(default_factory=dict)
    entries: list[Logged] = field(default_factory=list)

    def judged(self, told: Sequence[Acknowledged] = (), *, trimmed: bool = False) -> Damage:
        damage = Damage()
        store = StoreBook(OWNER)
        store.compare(self.rows, damage)
        store.confirm(told, damage)
        TopicBook(OWNER).compare(store, self.records, damage, trimmed=trimmed)
        LogBook().compare({OWNER: store}, self.entries, damage)
        return damage

    @property
    def busiest(self) -> list[Record]:
        return max(self.records.values(), key=len)


def row(number: int, subject: UUID, version: int, previous: int | None) -> Stored:
    about = About(
        id=UUID(bytes=uuid7().bytes), tenant="minatono", actor="head-1", role="head", correlation=subject,
        time=BEGAN, law_revision="20260717_508AC0000000062",
    )  # fmt: skip
    said = make_announcement(OWNER, intake.CallClosed(number=f"R8-{number}", ends=BEGAN.date()), about)
    return Stored(
        position=number, stream=f"call-{subject}", version=version, topic="intake.CallClosed", state=b"{}", event=about.id,
        recorded=BEGAN + timedelta(seconds=number), partition=partition_of(str(subject)), previous=previous, after="",
        value=said.value, attributes=said.attributes,
    )  # fmt: skip


def headers(one: Stored) -> list[tuple[str, bytes]]:
    assert one.partition is not None
    assert one.value is not None
    assert one.attributes is not None
    return headers_of(Outgoing(one.position, one.previous, one.stream, one.recorded, "", one.partition, one.value, one.attributes))


@pytest.fixture
def kept() -> Kept:
    made, ends, versions, chains = Kept(), {}, Counter(), {}
    for number in range(1, 13):
        subject = SUBJECTS[number % len(SUBJECTS)]
        partition = partition_of(str(subject))
        versions[subject] += 1
        one = row(number, subject, versions[subject], ends.get(partition))
        ends[partition] = number
        made.rows.append(one)
        value = one.value or b""
        records = made.records.setdefault(partition, [])
        records.append(Record(partition, len(records), str(subject).encode(), value, tuple(headers(one))))
        seq, leaf = chains.get(subject, (0, NO_LEAF))
        entry = write_entry(from_headers(headers(one)), OWNER, value)
        linked = entry.link(seq + 1, leaf)
        chains[subject] = seq + 1, linked.leaf
        place = (partition, number, None, linked.leaf, linked.line)
        made.entries.append(Logged("minatono", number - 1, subject, seq + 1, one.event, entry.envelope.type, OWNER, *place))
    return made


def told(position: int, *events: str) -> list[Acknowledged]:
    return [Acknowledged(OWNER, SUBJECTS[0], position, events)]


def says(damage: Damage, what: str) -> bool:
    return any(what in line for line in damage.lines)


def test_what_agrees_is_not_damaged(kept):
    assert kept.judged(told(12, "CallClosed", "CallClosed")) == Damage()


def test_a_repeat_with_the_same_bytes_is_harmless(kept):
    kept.busiest.extend(kept.busiest[1:])
    assert kept.judged() == Damage()


def test_an_event_that_is_gone_from_the_store_is_lost(kept):
    del kept.rows[5]
    assert says(kept.judged(), "lost: intake 6 to 6 in the store")


def test_an_acknowledged_event_that_is_not_at_its_place_is_lost(kept):
    for wrong in (told(13, "CallClosed"), told(12, "CallOpened"), told(1, "CallClosed", "CallClosed")):
        assert kept.judged(wrong).lost == 1


def test_an_event_that_never_reached_its_topic_is_lost(kept):
    kept.busiest.pop()
    found = kept.judged()
    assert (found.lost, found.doubled, found.misordered) == (1, 0, 0)


def test_an_event_that_is_missing_in_the_middle_of_its_topic_loses_all_behind_it(kept):
    behind = len(kept.busiest) - 1
    del kept.busiest[1]
    found = kept.judged()
    assert (found.lost, found.misordered) == (behind, behind - 1)


def test_an_event_of_a_trimmed_topic_may_come_later_but_must_come(kept):
    records = kept.busiest
    late = records.pop(1)
    assert kept.judged(trimmed=True).lost > 0
    records.extend([late, *records[1:]])
    assert kept.judged(trimmed=True) == Damage()
    assert kept.judged().misordered > 0


def test_a_topic_that_was_sent_again_from_a_position_needs_nothing_before_it(kept):
    first = 7
    for records in kept.records.values():
        records[:] = [one for one in records if int(one.attributes["position"]) >= first]
    store, damage = StoreBook(OWNER), Damage()
    store.compare(kept.rows, damage)
    topic = TopicBook(OWNER)
    topic.begin(store, first)
    topic.compare(store, kept.records, damage, trimmed=True)
    assert damage == Damage()


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, value=one.value.replace(b"R8", b"R9")),
        lambda one: replace(one, key=b"other"),
        lambda one: replace(one, headers=tuple((name, b"other" if name == "ce_actor" else content) for name, content in one.headers)),
        lambda one: replace(one, headers=(*one.headers, ("ce_more", b"1"))),
    ],
    ids=["value", "key", "header", "one header more"],
)
def test_a_changed_byte_in_a_topic_is_found(kept, change: Callable[[Record], Record]):
    kept.busiest[1] = change(kept.busiest[1])
    found = kept.judged()
    assert (found.lost, found.doubled, found.misordered, found.differing) == (0, 0, 0, 1)


def test_a_record_nobody_announced_is_found(kept):
    strange = tuple((name, b"99" if name == "position" else content) for name, content in kept.busiest[-1].headers)
    kept.busiest.append(replace(kept.busiest[-1], headers=strange))
    assert kept.judged().differing == 1


def test_the_same_event_stored_twice_is_doubled(kept):
    again = kept.rows[-1]
    kept.rows.append(replace(again, position=13, version=again.version + 1, previous=12))
    assert kept.judged().doubled == 1


def test_the_same_event_logged_twice_is_doubled(kept):
    kept.entries.append(replace(kept.entries[-1], idx=12))
    assert kept.judged().doubled == 1


def test_versions_and_times_out_of_order_are_found(kept):
    kept.rows[6] = replace(kept.rows[6], version=9)
    assert says(kept.judged(), "misordered: intake 7: version 9 of its stream follows 2")
    kept.rows[6] = replace(kept.rows[6], version=3, recorded=BEGAN)
    assert says(kept.judged(), "misordered: intake 7: recorded before the event before it")


def test_a_previous_position_that_is_not_the_partitions_last_is_found(kept):
    kept.rows[9] = replace(kept.rows[9], previous=2)
    assert says(kept.judged(), "misordered: intake 10: previous 2, the partition ended with 7")


def test_an_event_that_is_not_in_the_case_log_is_lost(kept):
    kept.entries.pop()
    found = kept.judged()
    assert (found.lost, found.doubled, found.misordered, found.differing) == (1, 0, 0, 0)


def test_entries_that_changed_places_are_misordered(kept):
    kept.entries[0], kept.entries[3] = replace(kept.entries[3], idx=0), replace(kept.entries[0], idx=3)  # of one subject and one source
    found = kept.judged()
    assert says(found, "place 2 of its chain follows 0")
    assert says(found, "its source is at 4 already")


def test_an_index_that_is_missing_in_the_log_is_found(kept):
    kept.entries[-1] = replace(kept.entries[-1], idx=12)
    found = kept.judged()
    assert found.lost == len(found.lines) == 1


def test_a_payload_that_the_log_holds_otherwise_is_found(kept):
    line = kept.entries[-1].line.replace(b'"number":"R8-12"', b'"number":"R8-13"')
    kept.entries[-1] = replace(kept.entries[-1], line=line, leaf=hashlib.sha256(b"\0" + line).digest())
    found = kept.judged()
    assert found.differing == len(found.lines) == 1


@pytest.mark.parametrize("part", ["leaf", "line", "prev"])
def test_a_broken_chain_is_found(kept, part):
    entry = kept.entries[4]
    if part == "leaf":
        kept.entries[4] = replace(entry, leaf=bytes(32))
    elif part == "line":
        kept.entries[4] = replace(entry, line=entry.line.replace(b"head-1", b"head-2"))
    else:
        line = entry.line.replace(b'"prev":"', b'"prev":"0')
        kept.entries[4] = replace(entry, line=line, leaf=hashlib.sha256(b"\0" + line).digest())
    assert kept.judged().differing > 0


def test_a_history_that_lacks_or_repeats_an_event_is_found():
    order = CONFORMING_CASE[1:]
    for found, expected in (
        (order, (0, 0, 0)),
        (order[:-1], (1, 0, 0)),
        ((*order, order[-1]), (0, 1, 0)),
        ((order[1], order[0], *order[2:]), (0, 0, 1)),
        ((*order[:2], order[11], *order[2:11], *order[12:]), (0, 0, 0)),  # billing's estimate elsewhere between review's: another owner
    ):
        damage = Damage()
        compare_history(SUBJECTS[0], found, order, damage)
        assert (damage.lost, damage.doubled, damage.misordered) == expected, found


def test_a_reaction_that_is_missing_or_happened_twice_is_found():
    for name, count, expected in (
        ("billing.FeeInvoiced", 1, (0, 0)),
        ("billing.FeeInvoiced", 0, (1, 0)),
        ("billing.FeeInvoiced", 2, (0, 1)),
        ("review.PaymentNoted", 3, (0, 2)),
        ("anonymizer.DeliveryReissued", 5, (0, 0)),
        ("billing.FeeOverdue", 1, (0, 1)),
    ):
        damage = Damage()
        compare_effects(SUBJECTS[0], Counter({**CONFORMING, name: count}), CONFORMING, AT_WILL, damage)
        assert (damage.lost, damage.doubled) == expected, name
