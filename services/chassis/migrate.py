"""Migrations: numbered SQL files applied once per schema, roles and grants included, while services append.

A script is one transaction. One whose first line is OUTSIDE runs statement by statement in none, as CREATE INDEX CONCURRENTLY
must; it may have been cut off in the middle and begins by dropping what such a run has left.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import psycopg
from psycopg import sql
from psycopg.errors import DuplicateObject, LockNotAvailable, UniqueViolation
from structlog.stdlib import get_logger

from services.chassis.loop import pause

log = get_logger(__name__)

KEYRING: Final = "keyring"
OUTSIDE: Final = "-- outside a transaction"
LOCK_TIMEOUT: Final = "100ms"
PATIENCE_SECONDS: Final = 300
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Store:
    """One schema to bring up to date: the package that holds its SQL files, and what its role may do in the keyring."""

    schema: str
    package: str
    pattern: str
    keyring_grant: str = ""

    @property
    def role(self) -> str:
        """The role the service works under."""
        return f"anken_{self.schema}"

    def scripts(self) -> Iterator[tuple[str, str]]:
        """List `(name, text)` of the SQL files in order; every service's store also has what an inbox keeps."""
        yield from scripts_of(self.package, self.pattern)
        if self.schema != KEYRING:
            yield from scripts_of("services.chassis.migrations", "dead_letters")


def scripts_of(package: str, pattern: str) -> Iterator[tuple[str, str]]:
    """List `(name, text)` of a package's SQL files of one kind in order."""
    found = [entry for entry in files(package).iterdir() if entry.name.endswith(f"_{pattern}.sql")]
    yield from ((entry.name, entry.read_text("utf-8")) for entry in sorted(found, key=lambda entry: entry.name))


def migrate(url: str, stores: tuple[Store, ...], keyring_url: str | None = None) -> list[str]:
    """Bring every store and the keyring up to date; gives the names of the scripts that ran. Safe to run twice at once."""
    ran: list[str] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for store in stores:
            make_role(connection, store.role)
        with alone(connection):
            for store in stores:
                ran += apply(connection, store)
    with psycopg.connect(keyring_url or url, autocommit=True) as connection:
        for store in stores:
            make_role(connection, store.role)
        with alone(connection):
            ran += apply(connection, Store(KEYRING, "services.chassis.migrations", KEYRING))
            with connection.transaction():
                grant_keyring(connection, stores)
    log.info("migrated", scripts=ran)
    return ran


@contextmanager
def alone(connection: psycopg.Connection) -> Iterator[None]:
    """Hold the lock of migrations. Asked for again and again: who waits in a statement is waited for by CREATE INDEX CONCURRENTLY."""
    lock = "hashtextextended('anken.migrate', 0)"
    while connection.execute(f"SELECT pg_try_advisory_lock({lock})").fetchone() != (True,):
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        connection.execute(f"SELECT pg_advisory_unlock({lock})")


def make_role(connection: psycopg.Connection, role: str) -> None:
    """Create a role that may log in, unless it is there; two databases of one cluster may try at the same time.

    Whoever migrates may then act as the role: an ordinary owner is no superuser, and the services may share its account.
    """
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
        try:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        except (DuplicateObject, UniqueViolation):
            log.info("role was made meanwhile", role=role)
    if connection.execute("SELECT pg_has_role(%s, 'SET')", (role,)).fetchone() != (True,):
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))


def apply(connection: psycopg.Connection, store: Store) -> list[str]:
    """Run the scripts of one schema that have not run yet; each is remembered when it has."""
    schema = sql.Identifier(store.schema)
    with connection.transaction():
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {}.migration (name text PRIMARY KEY, ran timestamptz NOT NULL DEFAULT now())").format(
                schema
            )
        )
    done = {row[0] for row in connection.execute(sql.SQL("SELECT name FROM {}.migration").format(schema))}
    ran: list[str] = []
    for name, text in store.scripts():
        if name in done:
            continue
        script = [
            sql.SQL(part).format(
                schema=schema,
                role=sql.Identifier(store.role),
                lock=sql.Literal(f"anken.append.{store.schema}"),
                channel=sql.Literal(channel(store.schema)),
            )
            for part in (statements(text) if text.startswith(OUTSIDE) else [text])
        ]
        remember = sql.SQL("INSERT INTO {}.migration (name) VALUES ({})").format(schema, name)
        if text.startswith(OUTSIDE):
            for statement in (*script, remember):
                connection.execute(statement)
        else:
            run_patiently(connection, name, [*script, remember])
        ran.append(f"{store.schema}/{name}")
    if store.schema != KEYRING:
        connection.execute(sql.SQL("GRANT SELECT ON {}.migration TO {}").format(schema, sql.Identifier(store.role)))
    return ran


def statements(text: str) -> list[str]:
    """Take a script apart where a line ends with a semicolon; one that runs outside a transaction holds no function."""
    return [part for part in text.split(";\n") if part.strip()]


def run_patiently(connection: psycopg.Connection, name: str, script: list[sql.Composed]) -> None:
    """Run a script as one transaction, anew while a lock is not to be had; raises LockNotAvailable in the end.

    Every append behind a statement that waits for a lock waits as well: so none waits longer than LOCK_TIMEOUT.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    attempt = 0
    while True:
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                for part in script:
                    connection.execute(part)
        except LockNotAvailable:
            if time.monotonic() > until:
                raise
            log.info("migration waits for a lock", script=name, attempt=attempt)
            time.sleep(pause(attempt))
            attempt += 1
        else:
            return


def grant_keyring(connection: psycopg.Connection, stores: tuple[Store, ...]) -> None:
    """Give each role exactly its grant on the keyring."""
    for store in stores:
        role = sql.Identifier(store.role)
        connection.execute(sql.SQL("REVOKE ALL ON keyring.data_key FROM {}").format(role))
        if store.keyring_grant:
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA keyring TO {}").format(role))
            connection.execute(sql.SQL("GRANT {} ON keyring.data_key TO {}").format(sql.SQL(store.keyring_grant), role))


def channel(schema: str) -> str:
    """Name the NOTIFY channel of a store."""
    return f"anken_{schema}"


def is_current(connection: psycopg.Connection, store: Store) -> bool:
    """Tell whether the schema is there and as new as this version of the code."""
    there = connection.execute("SELECT to_regclass(%s)", (f"{store.schema}.migration",)).fetchone()
    if there is None or there[0] is None:
        return False
    ran = {row[0] for row in connection.execute(sql.SQL("SELECT name FROM {}.migration").format(sql.Identifier(store.schema)))}
    return ran >= {name for name, _ in store.scripts()}
