"""Where view rows and due dates are kept: two plain tables, written by the projector, read by the desk."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.sql import SQL, Identifier
from pydantic_core import from_json, to_json

from services.chassis.due import Due
from services.chassis.recorder import Datastore
from services.chassis.views import Row

Key = tuple[str, str, str]  # view, tenant, subject: text, because a UUID is hashed anew, in Python, at each look


def statement(template: LiteralString, schema: str) -> str:
    """Write a statement out for a schema: once, because a composed one is written out again at each execution."""
    return SQL(template).format(Identifier(schema)).as_string()


class Rows:
    """The read side of one service's schema. Every row belongs to a version of its view, and readers see the served one."""

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        schema = datastore.schema
        self.select = statement(
            "SELECT r.content FROM {0}.view v JOIN {0}.row r ON r.view = v.name AND r.version = v.serving"
            " WHERE v.name = %s AND r.tenant = %s ORDER BY r.subject",
            schema,
        )
        self.select_some = statement(
            "SELECT r.view, r.tenant, r.subject::text, r.content::text"
            " FROM unnest(%b::text[], %b::integer[], %b::text[], %b::uuid[]) wanted (view, version, tenant, subject)"
            " JOIN {}.row r USING (view, version, tenant, subject)",
            schema,
        )
        self.upsert = statement(
            "INSERT INTO {}.row (view, version, tenant, subject, content) SELECT view, version, tenant, subject, content::json"
            " FROM unnest(%b::text[], %b::integer[], %b::text[], %b::uuid[], %b::text[]) new (view, version, tenant, subject, content)"
            " ON CONFLICT (view, version, tenant, subject) DO UPDATE SET content = excluded.content",
            schema,
        )
        self.delete = statement(
            "WITH old AS (SELECT version, tenant, subject FROM {0}.row WHERE view = %s AND version <> %s LIMIT %s)"
            " DELETE FROM {0}.row r USING old"
            " WHERE r.view = %s AND r.version = old.version AND r.tenant = old.tenant AND r.subject = old.subject",
            schema,
        )
        self.set_due = statement(
            "INSERT INTO {}.due (kind, subject, tenant, due) SELECT * FROM unnest(%b::text[], %b::uuid[], %b::text[], %b::date[])"
            " ON CONFLICT (kind, subject) DO UPDATE SET due = excluded.due, done = false",
            schema,
        )
        self.select_due = statement(
            "SELECT kind, subject, tenant, due FROM {}.due WHERE NOT done AND due <= %s"
            " ORDER BY kind = ANY(%s) DESC, due, kind, subject LIMIT 100",
            schema,
        )
        self.finish_due = statement("UPDATE {}.due SET done = true WHERE kind = %s AND subject = %s AND due = %s", schema)

    def of(self, view: str, tenant: str) -> list[Row]:
        """Read all rows of one view for one tenant, in the order their subjects were made (UUIDv7)."""
        with self.datastore.get_connection() as connection:
            return [row["content"] for row in connection.execute(self.select, (view, tenant)).fetchall()]

    def read(self, cursor: Cursor[tuple[Any, ...]], versions: Mapping[str, int], keys: Collection[Key]) -> dict[Key, Row]:
        """Read the rows that are about to change, of the given version of each view."""
        if not keys:
            return {}
        cursor.execute(self.select_some, _columns(versions, keys), prepare=True)
        return {(view, tenant, subject): from_json(content) for view, tenant, subject, content in cursor.fetchall()}

    def write(self, cursor: Cursor[tuple[Any, ...]], versions: Mapping[str, int], rows: Mapping[Key, Row]) -> None:
        """Write the changed rows into the given version of each view, in one statement."""
        if rows:
            cursor.execute(self.upsert, [*_columns(versions, rows), [to_json(row).decode() for row in rows.values()]], prepare=True)

    def clear(self, cursor: Cursor[tuple[Any, ...]], view: str, kept: int, limit: int) -> int:
        """Delete up to `limit` rows of a view's other versions than the `kept` one; gives how many there were."""
        cursor.execute(self.delete, (view, kept, limit, view))
        return cursor.rowcount

    def write_due(self, cursor: Cursor[tuple[Any, ...]], dates: list[tuple[str, Due]]) -> None:
        """Write the dates that events set, each kind and subject once and each with its tenant, in one statement."""
        if dates:
            columns = [
                [due.kind for _, due in dates],
                [due.subject for _, due in dates],
                [tenant for tenant, _ in dates],
                [due.on for _, due in dates],
            ]
            cursor.execute(self.set_due, columns, prepare=True)

    def due_by(self, today: date, known: Collection[str]) -> list[tuple[str, Due]]:
        """List up to a hundred dates that have come and were not answered, each with its tenant; those of `known` kinds first.

        Nobody here answers the others, so that a hundred of them would otherwise hold up all that come later.
        """
        with self.datastore.get_connection() as connection:
            found = connection.execute(self.select_due, (today, list(known))).fetchall()
        return [(row["tenant"], Due(row["kind"], row["subject"], row["due"])) for row in found]

    def finish(self, due: Due) -> None:
        """Mark a date as answered, unless it was moved meanwhile."""
        with self.datastore.get_connection() as connection:
            connection.execute(self.finish_due, (due.kind, due.subject, due.on))


def _columns(versions: Mapping[str, int], keys: Collection[Key]) -> list[list[Any]]:
    return [
        [view for view, _, _ in keys],
        [versions[view] for view, _, _ in keys],
        [tenant for _, tenant, _ in keys],
        [subject for _, _, subject in keys],
    ]
