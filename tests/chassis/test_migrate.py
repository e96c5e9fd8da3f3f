"""Migrations: run twice at once, run by an ordinary owner, and leave every role with its own grants alone."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from anken.postgres import PostgresServer
from anken.services import stores
from services.chassis.migrate import OUTSIDE, Store, is_current, migrate
from services.chassis.recorder import connection_parameters

pytestmark = pytest.mark.slow

ALL = sum(len([*store.scripts()]) for store in stores()) + 1  # and the keyring


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as running:
        yield running


def test_an_ordinary_owner_migrates_and_the_services_share_its_account(server: PostgresServer):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE city LOGIN CREATEROLE")
        connection.execute("CREATE DATABASE city OWNER city")
    url = server.url("city", "city")
    assert len(migrate(url, stores())) == ALL
    assert migrate(url, stores()) == []
    for store in stores():
        with psycopg.connect(**connection_parameters(url, store.role), autocommit=True) as connection:
            assert is_current(connection, store)
            with pytest.raises(InsufficientPrivilege):
                connection.execute("CREATE TABLE public.mine (id int)")


def test_two_at_once_do_not_disturb_each_other(server: PostgresServer):
    server.create_database("busy")
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: migrate(server.url("busy"), stores()), range(4)))
    names = [name for one in ran for name in one]
    assert len(names) == len(set(names)) == ALL


def test_the_keyring_may_have_a_database_of_its_own(server: PostgresServer, tmp_path: Path):
    server.create_database("facts")
    server.create_database("keys")
    migrate(server.url("facts"), stores(), server.url("keys"))
    with psycopg.connect(server.url("facts")) as facts, psycopg.connect(server.url("keys", "anken_intake")) as keys:
        assert facts.execute("SELECT to_regclass('keyring.data_key')").fetchone() == (None,)
        assert keys.execute("SELECT count(*) FROM keyring.data_key").fetchone() == (0,)


class LaterStore(Store):
    """Billing's store as a later version has it: with scripts of its own after the present ones."""

    later: ClassVar[tuple[tuple[str, str], ...]] = ()

    def scripts(self) -> Iterator[tuple[str, str]]:
        yield from Store.scripts(self)
        yield from self.later


def later(*scripts: tuple[str, str]) -> LaterStore:
    found = next(store for store in stores() if store.schema == "billing")
    kind = type("LaterStore", (LaterStore,), {"later": scripts})
    return kind(found.schema, found.package, found.pattern, found.keyring_grant)


def valid_indexes(url: str) -> dict[str, bool]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'later%'"
        )
        return dict(rows.fetchall())


DROP = "DROP INDEX CONCURRENTLY IF EXISTS {schema}.later_idx"
MAKE = "CREATE INDEX CONCURRENTLY later_idx ON {schema}.events (tenant)"
INDEX = ("0002_index.sql", f"{OUTSIDE}\n{DROP};\n{MAKE};\n")


def test_a_script_outside_a_transaction_makes_an_index_while_others_migrate(server: PostgresServer):
    server.create_database("index")
    url = server.url("index")
    migrate(url, stores())
    store = later(INDEX)
    with ThreadPoolExecutor(3) as pool:
        ran = list(pool.map(lambda _: migrate(url, (store,)), range(3)))
    assert sorted(ran) == [[], [], ["billing/0002_index.sql"]]
    assert valid_indexes(url) == {"later_idx": True}
    with psycopg.connect(url) as connection:
        assert is_current(connection, store)


def test_an_index_that_an_earlier_run_left_unfinished_is_made_anew(server: PostgresServer):
    server.create_database("unfinished")
    url = server.url("unfinished")
    migrate(url, stores())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE INDEX later_idx ON billing.events (topic)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'billing.later_idx'::regclass")
    migrate(url, (later(INDEX),))
    assert valid_indexes(url) == {"later_idx": True}


def test_a_script_that_waits_for_a_lock_lets_appends_by(server: PostgresServer):
    server.create_database("waiting")
    url = server.url("waiting")
    migrate(url, stores())
    store = later(("0002_column.sql", "ALTER TABLE {schema}.events ADD COLUMN remark text"))
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as reading, psycopg.connect(url, autocommit=True) as writing:
        reading.execute("SELECT count(*) FROM billing.events")  # its lock is held until the transaction ends
        migrating = pool.submit(migrate, url, (store,))
        writing.execute("SET lock_timeout = '10s'")
        for _ in range(30):
            # Behind a statement that waited until the reader is done, this would wait for ever.
            with writing.transaction():
                writing.execute("LOCK TABLE billing.events IN ROW EXCLUSIVE MODE")
            time.sleep(0.02)
        assert not migrating.done()
        reading.rollback()
        assert migrating.result(60) == ["billing/0002_column.sql"]
