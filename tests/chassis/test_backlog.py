"""What is still on its way: counted and aged by the store at each scrape, absent where it is away, never a failed scrape."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psycopg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from services.caselog.service import STORE as CASE_LOG
from services.caselog.waiting import DISTANCES
from services.chassis.aggregate import step
from services.chassis.backlog import EVENT_STORE, LETTERS, Backlog, Sight
from services.chassis.desk import Desk
from services.chassis.exposition import metrics_routes
from services.chassis.migrate import Store
from services.chassis.recorder import connection_parameters
from tests.chassis.conftest import CASHIER
from tests.chassis.rooms import ROOM, TILL, CountTill, TakeCoin, count_till, take_coin
from tests.conftest import Database

FIGURES = {one.name for one in (*EVENT_STORE, *LETTERS)}


def backlog(url: str, role: str = "anken_intake", store: Store = ROOM.store) -> Backlog:
    return Backlog(connection_parameters(url, role), store, (*EVENT_STORE, *LETTERS))


def scrape(looking: Backlog, desk: Desk) -> dict[str, float]:
    app = FastAPI()
    app.include_router(metrics_routes(looking, desk.recorder.datastore.pool))

    async def ask() -> str:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://till") as client:
            answer = await client.get("/metrics")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
            return answer.text

    return {one.name: one.value for family in text_string_to_metric_families(asyncio.run(ask())) for one in family.samples}


@pytest.fixture
def frozen() -> Iterator[str]:
    """A server that takes connections and never says a word, as a paused one does."""
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        yield f"postgresql://anken_intake@127.0.0.1:{mute.getsockname()[1]}/anken"


def test_what_is_announced_or_stored_and_not_yet_sent_or_folded_is_counted_and_aged(database: Database, desk: Desk):
    till = uuid4()
    for _ in range(3):
        desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=1, note="x")))
    desk.take(CASHIER, step(TILL, till, count_till, CountTill()))  # silent: the relay owes nobody this one
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("UPDATE intake.events SET recorded = now() - make_interval(mins => 10 * notification_id::int)")
        looking = backlog(database.url("anken_intake"))
        before = looking.look().figures
        connection.execute("INSERT INTO intake.tracking VALUES ('relay', 1), ('views', 3)")
        between = looking.look().figures
        connection.execute("UPDATE intake.tracking SET notification_id = 4")
        after = looking.look().figures
    counts = ("anken_relay_position", "anken_relay_lag_events", "anken_projection_lag_events")
    assert [[int(seen[name]) for name in counts] for seen in (before, between, after)] == [[0, 3, 4], [1, 2, 1], [4, 0, 0]]
    ages = ("anken_relay_oldest_unsent_seconds", "anken_projection_lag_seconds")
    assert [[round(seen[name] / 600) for name in ages] for seen in (before, between, after)] == [[1, 1], [2, 4], [0, 0]]


def test_the_case_logs_waiting_records_are_counted_and_aged(database: Database):
    looking = Backlog(connection_parameters(database.url("anken_caselog"), "anken_caselog"), CASE_LOG, DISTANCES)
    names = ("anken_caselog_waiting_records", "anken_caselog_waiting_oldest_seconds")
    assert [looking.look().figures[name] for name in names] == [0, 0]
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO caselog.waiting (source, position, attributes, since)"
            " SELECT 'intake/3', n, '', now() - make_interval(hours => n) FROM generate_series(1, 2) n"
        )
    records, oldest = (looking.look().figures[name] for name in names)
    assert (records, round(oldest / 3600)) == (2, 2)


@pytest.mark.parametrize("schema", ["intake", "caselog"])
def test_open_letters_and_the_cases_they_park_are_counted(database: Database, schema: str):
    store = ROOM.store if schema == "intake" else CASE_LOG
    looking = Backlog(connection_parameters(database.url(f"anken_{schema}"), f"anken_{schema}"), store, LETTERS)
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO {schema}.dead_letter (topic, partition, kafka_offset, digest, headers, subject, cause, reason)"  # noqa: S608 - ours
            " SELECT 't', 0, n, '', '', (ARRAY[%s, %s, NULL]::uuid[])[1 + n %% 3], 'failed', 'x' FROM generate_series(0, 6) n",
            (uuid4(), uuid4()),
        )
        assert list(looking.look().figures.values()) == [7, 2]
        connection.execute(
            f"UPDATE {schema}.dead_letter SET state = 'dropped', closed = now(), actor = 'o-1' WHERE kafka_offset IN (1, 4)"  # noqa: S608 - ours
        )
        assert list(looking.look().figures.values()) == [5, 1]


def test_a_scrape_shows_the_store_beside_the_processs_own_counts(database: Database, desk: Desk):
    desk.take(CASHIER, step(TILL, uuid4(), take_coin, TakeCoin(amount=1, note="x")))
    seen = scrape(backlog(database.url("anken_intake")), desk)
    assert seen.keys() >= FIGURES | {"anken_relay_leading", "anken_database_pool_in_use"}
    assert (seen["anken_database_up"], seen["anken_relay_lag_events"], seen["anken_database_pool_waiting"]) == (1, 1, 0)


@pytest.mark.parametrize("away", ["refused", "frozen"])
def test_without_a_database_a_scrape_says_so_and_nothing_of_what_it_cannot_know(desk: Desk, frozen: str, away: str):
    url = frozen if away == "frozen" else "postgresql://anken_intake@127.0.0.1:1/anken"
    seen = scrape(backlog(url), desk)
    assert seen["anken_database_up"] == 0
    assert not FIGURES & seen.keys()
    assert "anken_relay_leading" in seen


def test_a_store_that_freezes_in_mid_answer_keeps_nobody_waiting_and_is_asked_once(monkeypatch: pytest.MonkeyPatch):
    looking = backlog("postgresql://127.0.0.1:1/anken")
    thawed, asked = threading.Event(), []

    def answer() -> Sight:
        asked.append(1)
        thawed.wait()
        return Sight(up=True)

    monkeypatch.setattr(looking, "_look", answer)
    monkeypatch.setattr("services.chassis.backlog.LOOK_SECONDS", 0.05)
    with ThreadPoolExecutor(4) as askers:
        seen = [one.result(5) for one in [askers.submit(looking.look) for _ in range(4)]]
    assert (seen, looking.look(), asked) == ([Sight(up=False)] * 4, Sight(up=False), [1])
    thawed.set()
    monkeypatch.setattr("services.chassis.backlog.LOOK_SECONDS", 10)
    assert looking.look() == Sight(up=True)


def test_a_store_that_answers_but_cannot_be_read_is_no_failed_scrape(database: Database, desk: Desk):
    seen = scrape(backlog(database.url("anken_billing"), "anken_billing"), desk)
    assert seen["anken_database_up"] == 0
    assert not FIGURES & seen.keys()


def test_a_schema_that_is_not_there_yet_is_up_and_has_no_figures(database: Database):
    sight = backlog(database.url("anken_intake"), store=Store("nowhere", "services.chassis.migrations", "event_store")).look()
    assert (sight.up, sight.current, dict(sight.figures)) == (True, False, {})
