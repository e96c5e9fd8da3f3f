"""The PostgreSQL recorder: an append is one statement, and the application's role can only add.

The library's own append hangs on large saves, holds a table lock that VACUUM blocks and needs more than
SELECT and INSERT (evidence: event-sourcing.md, facts 1-6). Numbers and times are given under an advisory lock.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Any, Final

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg import Connection, DataError, IntegrityError
from psycopg import Error as PsycopgError
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier

from services.chassis import metrics
from services.chassis.append_connection import PLANS, AppendConnection, AppendStatements, append_within
from services.chassis.append_requests import append_requests
from services.chassis.append_rows import AppendRow, HeardKeys, row_of
from services.chassis.group_append import GroupAppend
from services.chassis.recorded import Appending

FROZEN_SECONDS: Final = 10
# A server that vanished without a word is noticed within half a minute; the kernel alone would wait for a quarter of an hour.
KEEPALIVES: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}


class VersionConflict(Exception):
    """Somebody else appended to the stream since it was read."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One announced event as the relay reads it."""

    position: int
    previous: int | None
    stream: str
    recorded: datetime
    after: str
    partition: int
    value: bytes
    attributes: bytes


class Datastore(PostgresDatastore):
    """The library's pool over any libpq URL, acting under the service's role."""

    appending: AppendConnection | None = None  # used in turn only: a pool's check-out costs a third of an append

    def __init__(self, url: str, schema: str, role: str, *, pool_size: int = 1, max_overflow: int = 15) -> None:
        super().__init__(
            dbname="", host="", port="", user="", password="", schema=schema, originator_id_type="text",
            pool_size=pool_size, max_overflow=max_overflow, connect_timeout=10,
            idle_in_transaction_session_timeout=FROZEN_SECONDS,  # the library sets its own, which is none
        )  # fmt: skip
        self.pool.kwargs = {**connection_parameters(url, role), "row_factory": dict_row}

    def register_type_adapters(self) -> None:
        """Look up no composite types: our append takes plain arrays, and so a service is composed without a database."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the appending connection and the pool."""
        if self.appending is not None:
            self.appending.close()
            self.appending = None
        super().close()


def connection_parameters(url: str, role: str) -> dict[str, Any]:
    """Split a libpq URL and add what every connection of a service has: its role, a name, an end to each wait.

    A process that is frozen or cut off in mid-transaction holds the append lock: it loses its connection, so that others go on.
    """
    found: dict[str, Any] = {**KEEPALIVES, **conninfo_to_dict(url)}
    ends = f"-c lock_timeout=30s -c idle_in_transaction_session_timeout={FROZEN_SECONDS}s"
    found["options"] = f"{found.get('options') or ''} -c role={role} {ends}".strip()
    found["client_encoding"] = "utf8"
    found.setdefault("application_name", role)
    return found


class Recorder(PostgresProcessRecorder):
    """Stored events and tracking of one service."""

    def __init__(self, datastore: Datastore, heard: Sequence[str] = ()) -> None:
        super().__init__(datastore, events_table_name="events", tracking_table_name="tracking")
        self.store = datastore
        self.keys = HeardKeys(heard)
        self.statements = AppendStatements(datastore.schema)
        self.group: GroupAppend[Sequence[AppendRow], Sequence[int]] = GroupAppend(self._append_group)
        named = Identifier(datastore.schema)
        self.outbox_statement = (
            SQL(
                "SELECT notification_id, previous, originator_id, recorded, after, partition, value, attributes FROM {}.events"
                " WHERE notification_id > %s AND partition IS NOT NULL ORDER BY notification_id LIMIT %s"
            )
            .format(named)
            .as_string()
        )
        self.streams_statement = (
            SQL(
                "SELECT originator_id, originator_version, topic, state FROM {}.events WHERE originator_id = ANY(%s)"
                " ORDER BY originator_id, originator_version"
            )
            .format(named)
            .as_string()
        )

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: object) -> Sequence[int]:
        """Append the events of one request, together with requests that came meanwhile; raises VersionConflict, nothing stored then.

        No retry here: if a commit's answer was lost, only the caller can tell whether its events are in.
        """
        begun = perf_counter()
        try:
            return self.group.ask(rows_of(stored_events))
        finally:
            metrics.APPEND_SECONDS.observe(perf_counter() - begun)

    def _append_group(self, requests: Sequence[Sequence[AppendRow]]) -> "Sequence[Sequence[int] | BaseException]":
        metrics.APPEND_REQUESTS.observe(len(requests))
        try:
            return self._append_now(requests)
        except (IntegrityError, DataError):
            if len(requests) == 1:
                raise
            # One of them is at fault; the others are not to suffer for having come at the same time.
            return [self._alone(request) for request in requests]

    def _alone(self, request: Sequence[AppendRow]) -> "Sequence[int] | BaseException":
        try:
            return self._append_now([request])[0]
        except PsycopgError as error:
            return error

    def _append_now(self, requests: Sequence[Sequence[AppendRow]]) -> "list[Sequence[int] | VersionConflict]":
        if self.store.appending is None:
            own = self.connection(options=f"{self._parameters()['options']} {PLANS}")
            self.store.appending = AppendConnection(own, self.statements, self.keys)
        appending = self.store.appending
        try:
            if len(requests) == 1 and len(requests[0]) == 1:
                place = appending.append_one(requests[0][0])
                return answers_to(requests, [None if place is None else (place,)])
            return answers_to(requests, append_requests(requests, appending.append))
        except (IntegrityError, DataError):
            raise
        except PsycopgError:  # whatever it is, it is not about these events
            appending.close()
            self.store.appending = None
            raise

    def append(self, connection: Connection[DictRow], requests: Sequence[Sequence[Appending]]) -> "list[Sequence[int] | VersionConflict]":
        """Append requests in the connection's transaction, or in one of their own; gives each its positions, or its conflict."""
        written = [rows_of(request) for request in requests]
        return answers_to(written, append_requests(written, partial(append_within, connection, self.statements, self.keys)))

    def select_streams(self, names: Collection[str]) -> dict[str, list[StoredEvent]]:
        """Read whole streams at once; one that does not exist yet is missing."""
        found: dict[str, list[StoredEvent]] = {}
        with self.datastore.get_connection() as connection:
            for row in connection.execute(self.streams_statement, (list(names),), prepare=True):
                name = row["originator_id"]
                stored = StoredEvent(name, row["originator_version"], row["topic"], bytes(row["state"]))
                found.setdefault(name, []).append(stored)
        return found

    def select_outgoing(self, position: int, limit: int) -> list[Outgoing]:
        """Read announced events after `position` in store order."""
        with self.datastore.get_connection() as connection:
            rows = connection.execute(self.outbox_statement, (position, limit), prepare=True).fetchall()
        return [
            Outgoing(
                position=row["notification_id"],
                previous=row["previous"],
                stream=row["originator_id"],
                recorded=row["recorded"],
                after=row["after"] or "",
                partition=row["partition"],
                value=bytes(row["value"]),
                attributes=bytes(row["attributes"]),
            )
            for row in rows
        ]

    def connection(self, **given: Any) -> Connection[DictRow]:  # noqa: ANN401 - libpq's parameters, of several types
        """Open a connection of its own, outside the pool: for a session lock or LISTEN. `given` parameters win over the pool's."""
        return Connection.connect(**self._parameters() | given, autocommit=True)

    def _parameters(self) -> dict[str, Any]:
        return dict(self.datastore.pool.kwargs or {})  # type: ignore[arg-type]  # a dict, set above


def rows_of(events: Sequence[StoredEvent]) -> list[AppendRow]:
    """Write the events of a request."""
    if not all(isinstance(event, Appending) for event in events):
        raise TypeError("only events that our mapper wrote can be appended")
    return [row_of(event) for event in events if isinstance(event, Appending)]


def answers_to(requests: Sequence[Sequence[AppendRow]], places: Sequence[Sequence[int] | None]) -> list[Sequence[int] | VersionConflict]:
    """Count what was stored, and make the conflicts of those that were not."""
    metrics.APPEND_EVENTS.inc(sum(len(found) for found in places if found))
    return [VersionConflict(request[0].stream) if found is None else found for request, found in zip(requests, places, strict=True)]
