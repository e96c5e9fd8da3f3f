"""Real servers for all tests: one PostgreSQL and one Apache Kafka a session, an empty database and a topic prefix a test."""

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg.sql import SQL, Identifier

from anken.kafka import KafkaCluster
from anken.postgres import PostgresServer
from anken.processes import migrate_all
from anken.topics import apply_topics
from services.chassis.logs import describe_exception

DATABASE = "anken"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count every test that needs a broker among the slow ones: it takes eight seconds to start."""
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def plain_logs() -> None:
    """Log as the services do, without the coloured tracebacks that structlog draws by default."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            describe_exception,
            structlog.processors.KeyValueRenderer(),
        ]
    )


plain_logs()


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database."""

    server: PostgresServer
    name: str

    def url(self, role: str | None = None) -> str:
        """Give its address for a role, by default the superuser."""
        return self.server.url(self.name, role)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        # No test pulls this server's plug, and every test makes a database: waiting for the disk would be half of the run.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> Database:
    postgres.create_database(DATABASE)
    migrate_all(postgres.url(DATABASE))
    return Database(postgres, DATABASE)


@pytest.fixture
def database(migrated: Database) -> Iterator[Database]:
    """The migrated database, emptied after each test: a tenth of the time that a new one takes."""
    yield migrated
    with psycopg.connect(migrated.url(), autocommit=True) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE tablename <> 'migration' AND schemaname <> ALL (%s)",
            (["pg_catalog", "information_schema", "public"],),
        ).fetchall()
        connection.execute(SQL("TRUNCATE {}").format(SQL(", ").join(Identifier(*table) for table in tables)))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    cluster = KafkaCluster(tmp_path_factory.mktemp("kafka"), fast_failover=True)
    cluster.start()
    cluster.wait_ready()
    yield cluster
    cluster.stop()


@pytest.fixture
def prefix(kafka: KafkaCluster) -> str:
    """Topics of one test's own; gives their prefix."""
    name = f"test-{secrets.token_hex(4)}"
    apply_topics(kafka.bootstrap, name)
    return name


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "vault"
    folder.mkdir(mode=0o700)
    return folder
