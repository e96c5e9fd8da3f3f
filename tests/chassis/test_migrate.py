"""Migrations: run twice at once, run by an ordinary owner, and leave every role with its own grants alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from anken.postgres import PostgresServer
from anken.services import stores
from services.chassis.migrate import is_current, migrate
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
    assert sorted(map(len, ran)) == [0, 0, 0, ALL]


def test_the_keyring_may_have_a_database_of_its_own(server: PostgresServer, tmp_path: Path):
    server.create_database("facts")
    server.create_database("keys")
    migrate(server.url("facts"), stores(), server.url("keys"))
    with psycopg.connect(server.url("facts")) as facts, psycopg.connect(server.url("keys", "anken_intake")) as keys:
        assert facts.execute("SELECT to_regclass('keyring.data_key')").fetchone() == (None,)
        assert keys.execute("SELECT count(*) FROM keyring.data_key").fetchone() == (0,)
