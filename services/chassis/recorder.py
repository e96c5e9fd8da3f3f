"""The PostgreSQL recorder: an append is one statement, and the application's role can only add.

The library's own append hangs on large saves, holds a table lock that VACUUM blocks and needs more than
SELECT and INSERT (evidence: event-sourcing.md, facts 1-6). Numbers and times are given under an advisory lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier

from services.chassis.recorded import Appending


class VersionConflict(Exception):
    """Somebody else appended to the stream since it was read."""


class AlreadyTaken(Exception):
    """The inbox position has moved since it was read: another reader took the record."""


@dataclass(frozen=True, slots=True)
class Taking:
    """An inbox position to move in the same statement: `name` from `since` (None: never seen) to `to`."""

    name: str
    since: int | None
    to: int


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

    def __init__(self, url: str, schema: str, role: str, *, pool_size: int = 1, max_overflow: int = 15) -> None:
        super().__init__(
            dbname="", host="", port="", user="", password="", schema=schema, originator_id_type="text",
            pool_size=pool_size, max_overflow=max_overflow, connect_timeout=10,
        )  # fmt: skip
        self.pool.kwargs = {**connection_parameters(url, role), "row_factory": dict_row}

    def register_type_adapters(self) -> None:
        """Look up no composite types: our append takes plain arrays, and so a service is composed without a database."""


def connection_parameters(url: str, role: str) -> dict[str, Any]:
    """Split a libpq URL and add what every connection of a service has: its role, a name, short lock waits."""
    found: dict[str, Any] = dict(conninfo_to_dict(url))
    found["options"] = f"{found.get('options') or ''} -c role={role} -c lock_timeout=30s".strip()
    found.setdefault("application_name", role)
    return found


class Recorder(PostgresProcessRecorder):
    """Stored events and tracking of one service."""

    def __init__(self, datastore: Datastore, heard: Sequence[str] = ()) -> None:
        super().__init__(datastore, events_table_name="events", tracking_table_name="tracking")
        self.heard = sorted(heard)
        self.append_statement = SQL(
            "SELECT * FROM {}.append(%s::text[], %s::bigint[], %s::text[], %s::bytea[], %s::uuid[], %s::text[],"
            " %s::smallint[], %s::bytea[], %s::bytea[], %s, %s::bigint, %s::bigint, %s::text[])"
        ).format(Identifier(datastore.schema))
        self.outbox_statement = SQL(
            "SELECT notification_id, previous, originator_id, recorded, after, partition, value, attributes FROM {}.events"
            " WHERE notification_id > %s AND partition IS NOT NULL ORDER BY notification_id LIMIT %s"
        ).format(Identifier(datastore.schema))

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:  # noqa: ANN401 - the library's signature
        """Append in one statement; raises VersionConflict or AlreadyTaken, nothing stored then.

        No retry here: if a commit's answer was lost, only the caller can tell whether its events are in.
        """
        taking: Taking | None = kwargs.get("tracking")
        events = [event for event in stored_events if isinstance(event, Appending)]
        columns: list[Any] = [
            [e.originator_id for e in events],
            [e.originator_version for e in events],
            [e.topic for e in events],
            [e.state for e in events],
            [e.event_id for e in events],
            [e.tenant for e in events],
            [e.partition for e in events],
            [e.value for e in events],
            [e.attributes for e in events],
        ]
        tracking = (None, None, None) if taking is None else (taking.name, taking.since, taking.to)
        try:
            with self.datastore.get_connection() as connection:
                cursor = connection.execute(self.append_statement, (*columns, *tracking, self.heard), prepare=True)
                return [next(iter(row.values())) for row in cursor.fetchall()]
        except IntegrityError as error:
            constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
            if constraint == "tracking_position":
                raise AlreadyTaken(str(error)) from None
            if constraint == "events_pkey":
                raise VersionConflict(str(error)) from None
            raise

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
        parameters = dict(self.datastore.pool.kwargs or {})  # type: ignore[arg-type]  # a dict, set above
        return Connection.connect(**parameters | given, autocommit=True)
