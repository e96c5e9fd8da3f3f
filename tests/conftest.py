"""Real servers for all tests: one PostgreSQL and one Apache Kafka a session, a database and a topic prefix a test."""

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

TEMPLATE = "anken_template"


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
    """A migrated database of one test's own."""

    server: PostgresServer
    name: str

    def url(self, role: str | None = None) -> str:
        """Give its address for a role, by default the superuser."""
        return self.server.url(self.name, role)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    postgres.create_database(TEMPLATE)
    migrate_all(postgres.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database(postgres: PostgresServer, template: str) -> Iterator[Database]:
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        yield Database(postgres, name)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


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
