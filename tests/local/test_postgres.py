"""The embedded PostgreSQL: reachable by URL, durable over a restart and a crash, and nobody else's business."""

import stat
import threading

import psycopg
import pytest

from anken.children import ServerFailed
from anken.postgres import PostgresServer

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path):
    with PostgresServer(tmp_path / "postgres") as running:
        yield running


def query(url, statement):
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def test_it_is_the_real_one_with_durable_commits(server):
    settings = "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync'), current_setting('synchronous_commit')"
    assert query(server.url(), settings) == [(18, "on", "on")]


def test_databases_and_roles_are_reached_by_url(server):
    server.create_database("cases of テスト市")
    server.create_database("cases of テスト市")
    with psycopg.connect(server.url("cases of テスト市"), autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk LOGIN")
    assert query(server.url("cases of テスト市", role="clerk"), "SELECT current_database(), current_user") == [
        ("cases of テスト市", "clerk")
    ]


def test_data_survives_a_stop_and_a_power_cut(server):
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE fact AS SELECT 1 AS number")
    server.stop()
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("INSERT INTO fact VALUES (2)")
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url())
    server.start()
    assert query(server.url(), "SELECT number FROM fact ORDER BY 1") == [(1,), (2,)]


def test_a_frozen_server_answers_nothing_until_it_goes_on(server):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        server.pause()
        asked = threading.Thread(target=connection.execute, args=("SELECT 1",))
        asked.start()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url(), connect_timeout=2)
        assert asked.is_alive()
        server.resume()
        asked.join()
    assert query(server.url(), "SELECT 1") == [(1,)]


def test_two_servers_do_not_meet(server, tmp_path):
    with PostgresServer(tmp_path / "other") as other:
        other.create_database("mine")
        assert query(server.url(), "SELECT 1 FROM pg_database WHERE datname = 'mine'") == []


def test_a_long_folder_gets_a_short_socket(tmp_path):
    with PostgresServer(tmp_path / ("long" * 25)) as server:
        first = server.url()
        server.kill()
        server.start()
        assert server.url() == first
        assert query(first, "SELECT 1") == [(1,)]


def test_its_folder_is_closed_to_others(server):
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700


def test_its_log_quotes_no_statement(server):
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE person (name text PRIMARY KEY)")
    with psycopg.connect(server.url()) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO person VALUES ('髙橋 花子'), ('髙橋 花子')")
    log = (server.folder / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "花子" not in log


def test_a_server_that_cannot_start_shows_its_log(tmp_path):
    with PostgresServer(tmp_path / "postgres") as server:
        pass
    (tmp_path / "postgres" / "data" / "postgresql.conf").write_text("port = nonsense\n")
    with pytest.raises(ServerFailed, match="invalid value for parameter"):
        server.start()
