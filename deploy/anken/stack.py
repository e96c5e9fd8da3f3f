"""The whole house on one machine: PostgreSQL and Kafka, embedded or pointed at, and the five services in front of them."""

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from anken import processes
from anken.errors import Failed
from anken.processes import Services
from anken.services import NAMES
from anken.topics import apply_topics, remove_topics
from contracts.topics import PREFIX

DATABASE: Final = "anken"


class Stack:
    """Servers and services over one data folder; a context manager that stops all it started, in order.

    `ANKEN_KAFKA_BOOTSTRAP` and `ANKEN_DATABASE_URL` replace the embedded servers. A `private` stack shares nothing with
    others there: topics under a prefix of its own and a database of its own, which are removed at the end.
    """

    def __init__(self, folder: Path, *, private: bool) -> None:
        self.folder = folder
        self.private = private
        self.prefix = PREFIX
        self.services = Services(folder / "logs")
        self.vault = folder / "vault"
        self.issuer_folder = folder / "secrets"
        self.bootstrap = os.environ.get("ANKEN_KAFKA_BOOTSTRAP", "")
        self.database_url = os.environ.get("ANKEN_DATABASE_URL", "")
        self._role_urls: dict[str, str] = {}
        self._stop = ExitStack()

    @property
    def urls(self) -> dict[str, str]:
        """Where each service listens."""
        return self.services.urls

    def __enter__(self) -> Self:
        processes.warm_up()
        try:
            with ThreadPoolExecutor(1, "kafka") as beside:
                kafka = beside.submit(self._kafka)
                self._postgres()
                ran = processes.in_child(processes.migrate_all, self._migrating_url(), migrating_keyring_url())
                kafka.result()
            apply_topics(self.bootstrap, self.prefix)
            if self.prefix != PREFIX:
                self._stop.callback(remove_topics, self.bootstrap, self.prefix)
            self._start_services()
        except BaseException:
            self._stop.close()
            raise
        self.migrated: list[str] = ran
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.close()

    def _kafka(self) -> None:
        if self.bootstrap:
            if self.private:
                self.prefix = f"{PREFIX}-{secrets.token_hex(4)}"
            return
        from anken.kafka import KafkaCluster

        cluster = KafkaCluster(self.folder / "kafka")
        self._stop.callback(cluster.stop)
        cluster.start()
        cluster.wait_ready()
        self.bootstrap = cluster.bootstrap

    def _postgres(self) -> None:
        if self.database_url:
            if self.private:
                self._private_database()
            return
        from anken.postgres import PostgresServer

        server = PostgresServer(self.folder / "postgres")
        self._stop.callback(server.stop)
        server.start()
        server.create_database(DATABASE)
        self.database_url = server.url(DATABASE)
        self._role_urls = {name: server.url(DATABASE, f"anken_{name}") for name in NAMES}

    def _migrating_url(self) -> str:
        """Give the account that makes schemas and roles: one of its own only for the very database that was pointed at."""
        pointed_at = self.database_url == os.environ.get("ANKEN_DATABASE_URL")
        return os.environ.get("ANKEN_MIGRATE_DATABASE_URL", self.database_url) if pointed_at else self.database_url

    def _private_database(self) -> None:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
        from psycopg.sql import SQL, Identifier

        admin, name = self.database_url, f"anken_{secrets.token_hex(4)}"
        try:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        except psycopg.Error as error:
            raise Failed(f"ANKEN_DATABASE_URL: no database of its own could be made there: {str(error).splitlines()[0]}") from None

        def drop() -> None:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

        self._stop.callback(drop)
        self.database_url = make_conninfo(**{**conninfo_to_dict(admin), "dbname": name})  # type: ignore[arg-type]  # values of a parsed conninfo

    def _start_services(self) -> None:
        processes.in_child(make_secrets, str(self.issuer_folder))
        for folder in (self.vault, self.vault / "sources"):
            folder.mkdir(mode=0o700, exist_ok=True)
        # What a private stack leaves behind is thrown away: nobody waits for its batches and sessions to end in order.
        self._stop.callback(self.services.kill if self.private else self.services.stop)
        self.services.start({name: self._settings(name) for name in NAMES})

    def restart(self, *names: str) -> None:
        """Start services again that have ended or were killed, each where it listened before."""
        self.services.start({name: {**self._settings(name), "port": int(self.urls[name].rpartition(":")[2])} for name in names})

    def _settings(self, name: str) -> dict[str, Any]:
        return {
            "service": name,
            "database_url": self._role_urls.get(name, self.database_url),
            "key_file": self.issuer_folder / "keyring.key",
            "kafka_bootstrap": self.bootstrap,
            "topic_prefix": self.prefix,
            "jwks_file": self.issuer_folder / "jwks.json",
            "development": True,
            "vault": self.vault,
            "member": "0",
            "port": 0,
        }


def migrating_keyring_url() -> str | None:
    """Give the account that makes the keyring, where it has a database of its own."""
    return os.environ.get("ANKEN_MIGRATE_KEYRING_URL") or os.environ.get("ANKEN_KEYRING_URL")


def make_secrets(folder: str) -> None:
    """Make the wrapping key and the development issuer's key, unless they are there."""
    from services.chassis.issuer import DevelopmentIssuer
    from services.chassis.keyring import make_key_file

    path = Path(folder)
    path.mkdir(mode=0o700, exist_ok=True)
    make_key_file(path / "keyring.key")
    DevelopmentIssuer(path)
