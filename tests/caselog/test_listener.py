"""The case log on a real PostgreSQL: nothing lost, nothing doubled, nothing changed, whatever the order of arrival."""

import hashlib
import json
import random
import threading
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL

from contracts.topics import OWNERS
from services.caselog.ledger import LogMoved
from services.caselog.listener import TWICE
from services.chassis.inbox import Portion
from services.chassis.inbox_store import AlreadyTaken

CASES = tuple(UUID(int=number, version=4) for number in range(1, 7))
CHAIN = "SELECT idx, subject, seq, leaf, line FROM caselog.entry WHERE tenant = %s ORDER BY idx"


def long_story(story, seed, events=120):
    """Tell a story in which everybody listens now and then, and answers across partitions."""
    choice = random.Random(seed)
    for _ in range(events):
        teller = choice.choice(OWNERS)
        heard = []
        for owner in OWNERS:
            if owner != teller and choice.random() < 0.5:
                for partition in story.owners[owner].said:
                    story.hear(teller, owner, partition)
                    heard += [one.envelope.id for one in story.owners[owner].said[partition]]
        cause = choice.choice(heard) if heard and choice.random() < 0.5 else None
        story.say(teller, choice.choice(CASES), cause=cause, tenantid=choice.choice(("city", "town")))
    return story.told


def shuffled(told, seed):
    """Cut each source's records into batches and mix the batches, each source from its front."""
    choice = random.Random(seed)
    left = {}
    for one in told:
        left.setdefault(one.raw.source, []).append(one)
    while left:
        source = choice.choice(sorted(left))
        count = choice.randint(1, len(left[source]))
        yield left[source][:count]
        left[source] = left[source][count:]
        if not left[source]:
            del left[source]


def check_log(log, told):
    """Recompute every chain from the stored lines and compare the whole log with what was told."""
    found = {}
    for tenant in {one.envelope.tenantid for one in told}:
        heads = {}
        for place, (idx, subject, seq, leaf, line) in enumerate(log.query(CHAIN, tenant)):
            last, previous = heads.get(subject, (0, bytes(32)))
            head = json.loads(bytes(line))
            assert idx == place
            assert (seq, head["seq"], head["prev"]) == (last + 1, last + 1, previous.hex())
            assert (head["tenantid"], head["subject"]) == (tenant, str(subject))
            assert leaf == hashlib.sha256(b"\0" + line).digest()
            heads[subject] = seq, leaf
            found[head["id"]] = (tenant, idx)
        assert log.query("SELECT size FROM caselog.log WHERE tenant = %s", tenant) == [(len(log.query(CHAIN, tenant)),)]
    assert found.keys() == {str(one.envelope.id) for one in told}
    return found


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_the_topics_ends_with_every_event_once_and_nobody_waiting(log, story, seed):
    told = long_story(story, seed)
    for batch in shuffled(told, seed):
        log.read(*batch)
    found = check_log(log, told)
    assert log.query("SELECT count(*) FROM caselog.waiting") == [(0,)]
    for one in told:
        cause = str(one.envelope.causationid)
        if cause in found and found[cause][0] == one.envelope.tenantid:
            assert found[cause] < found[str(one.envelope.id)]


def test_one_batch_may_mix_all_partitions(log, story):
    told = long_story(story, 5)
    log.read(*reversed(told))
    check_log(log, told)


def test_what_was_read_before_is_not_recorded_again(log, story):
    told = long_story(story, 6, events=40)
    log.read(*told)
    log.read(*told)
    for one in told:
        log.read(one)
    check_log(log, told)


def test_readers_that_run_together_leave_nothing_behind(log, story):
    told = long_story(story, 7, events=200)
    sources = {}
    for one in told:
        sources.setdefault(one.raw.source, []).append(one)
    failures = []

    def read(mine):
        try:
            for one in mine:
                log.read(one)
        except BaseException as error:  # noqa: BLE001 - a thread's error belongs to the test
            failures.append(error)

    threads = [threading.Thread(target=read, args=(mine,)) for mine in sources.values()]
    threads += [threading.Thread(target=read, args=(mine,)) for mine in list(sources.values())[:4]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check_log(log, told)
    assert log.query("SELECT count(*) FROM caselog.waiting") == [(0,)]


def test_a_reader_that_was_overtaken_stores_nothing(log, story):
    first, second = story.say("intake", CASES[0]), story.say("intake", CASES[0])
    source = first.raw.source
    log.listener.take([Portion(source, None, [first])])
    for since, record in ((None, first), (first.envelope.position - 1, second)):
        with pytest.raises(AlreadyTaken):
            log.listener.take([Portion(source, since, [record])])
    assert log.listener.places([source])[source] == first.envelope.position
    check_log(log, [first])


def test_an_effect_waits_in_the_room_until_its_cause_on_another_partition_comes(log, story):
    cause = story.say("intake", CASES[0], partition=1)
    effect = story.say("billing", CASES[1], partition=2, cause=cause.envelope.id)
    after = story.say("billing", CASES[2], partition=2)
    log.read(effect, after)
    assert log.query("SELECT count(*) FROM caselog.entry") == [(0,)]
    assert [one.waits_for for one in log.missing.of("city")] == [
        (f"event {cause.envelope.id}",),
        (f"billing/2@{effect.envelope.position}",),
    ]
    assert log.missing.of("town") == []
    log.read(cause)
    assert [line["id"] for line in map(json.loads, (bytes(row[4]) for row in log.query(CHAIN, "city")))] == [
        str(one.envelope.id) for one in (cause, effect, after)
    ]
    assert log.missing.of("city") == []


def test_a_long_queue_is_admitted_whole_when_its_cause_comes(log, story):
    cause = story.say("intake", CASES[0], partition=4)
    story.hear("review", "intake", 4)
    effects = [story.say("review", CASES[1], partition=4) for _ in range(1_203)]
    for start in range(0, len(effects), 400):
        log.read(*effects[start : start + 400])
    log.read(cause)
    check_log(log, story.told)


def test_unknown_unreadable_and_foreign_events_are_recorded_and_flagged(log, story):
    said = [
        story.say("intake", CASES[0], kind="jp.anken.intake.never-heard-of.v7"),
        story.say("intake", CASES[0], kind="jp.anken.intake.call-closed.v1", value=b'{"number":1}'),
        story.say("intake", CASES[0], kind="jp.anken.billing.fee-paid.v1"),
        story.say("intake", CASES[0], value=b'{},"seq":1'),
    ]
    log.read(*said)
    check_log(log, said)
    assert log.query("SELECT flag FROM caselog.entry ORDER BY idx") == [("unknown",), ("invalid",), ("foreign",), ("unparsed",)]
    assert log.graveyard.buried == []


def test_what_no_line_can_hold_is_buried_and_what_follows_it_is_recorded(log, story):
    good = story.say("intake", CASES[0], partition=6)
    bad = story.say("intake", "case seven", partition=6)
    story.hear("billing", "intake", 6)
    answers = [story.say("billing", CASES[0], partition=6, cause=bad.envelope.id), story.say("intake", CASES[0], partition=6)]
    log.read(good, bad)
    log.read(*answers)
    check_log(log, [good, *answers])
    assert log.graveyard.buried == [("intake/6", bad.raw.offset, "attribute subject: no uuid")]
    assert log.query("SELECT source, position, event_id FROM caselog.left_out") == [("intake/6", bad.envelope.position, bad.envelope.id)]
    assert log.query("SELECT count(*) FROM caselog.waiting") == [(0,)]


def test_an_id_that_comes_again_at_another_place_is_left_out_with_its_reason(log, story):
    first = story.say("intake", CASES[0])
    again = story.say("billing", CASES[0], id=first.envelope.id)
    log.read(first)
    log.read(again)
    check_log(log, [first])
    assert log.query("SELECT source, position, reason FROM caselog.left_out") == [(again.raw.source, again.envelope.position, TWICE)]


@pytest.mark.parametrize("statement", ["UPDATE caselog.entry SET seq = seq + 7", "DELETE FROM caselog.entry", "TRUNCATE caselog.entry"])
def test_the_role_can_only_add_entries(log, story, statement):
    said = story.say("intake", CASES[0])
    log.read(said)
    with log.datastore.pool.connection() as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)
    with psycopg.connect(log.database.url("anken_caselog")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)
    check_log(log, [said])


def test_logged_time_never_runs_backwards(log, story):
    log.read(story.say("intake", CASES[0]))
    log.query("UPDATE caselog.log SET logged = now() + interval '1 hour' RETURNING size")
    log.read(story.say("intake", CASES[1]))
    log.read(story.say("intake", CASES[2]))
    assert log.query(
        "SELECT bool_and(later) FROM (SELECT logged >= lag(logged, 1, logged) OVER (ORDER BY idx) AS later FROM caselog.entry) l"
    ) == [(True,)]
    assert log.query("SELECT max(logged) > now() + interval '59 minutes' FROM caselog.entry") == [(True,)]


def test_a_log_that_moved_is_read_again_and_nothing_is_stored_twice(log, story, monkeypatch):
    first, second = story.say("intake", CASES[0]), story.say("intake", CASES[0])
    log.read(first)
    ledger = log.listener.ledger
    true, reserve = ledger.select_size, ledger._reserve
    stale = SQL("SELECT size - 1 AS size FROM caselog.log WHERE tenant = %s")
    reads = iter((stale, stale, stale, stale, true))

    def reserve_after_a_read(*given):
        monkeypatch.setattr(ledger, "select_size", next(reads))
        return reserve(*given)

    monkeypatch.setattr(ledger, "_reserve", reserve_after_a_read)
    with pytest.raises(LogMoved):
        log.read(second)
    assert log.listener.places([second.raw.source])[second.raw.source] == first.envelope.position
    log.read(second)
    assert next(reads, None) is None
    check_log(log, [first, second])


def test_a_writer_without_the_lock_is_noticed(log, story):
    first, second = story.say("intake", CASES[0]), story.say("intake", CASES[0])
    log.read(first)
    log.query("UPDATE caselog.log SET size = 0 RETURNING size")
    with pytest.raises(Exception, match="entry_pkey"):
        log.read(second)
    assert log.listener.places([second.raw.source])[second.raw.source] == first.envelope.position
    log.query("UPDATE caselog.log SET size = 1 RETURNING size")
    log.read(second)
    check_log(log, [first, second])
