"""Where view rows and due dates are kept: two plain tables, written by the projector, read by the desk."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from services.chassis.due import Due
from services.chassis.recorder import Datastore
from services.chassis.views import Row


class Rows:
    """The read side of one service's schema."""

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        schema = Identifier(datastore.schema)
        self.select = SQL("SELECT content FROM {}.row WHERE view = %s AND tenant = %s ORDER BY subject").format(schema)
        self.select_one = SQL("SELECT view, subject, content FROM {}.row WHERE view = ANY(%s) AND subject = ANY(%s)").format(schema)
        self.upsert = SQL(
            "INSERT INTO {}.row AS r (view, subject, tenant, content) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (view, subject) DO UPDATE SET content = excluded.content"
        ).format(schema)
        self.set_due = SQL(
            "INSERT INTO {}.due (kind, subject, tenant, due) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (kind, subject) DO UPDATE SET due = excluded.due, done = false"
        ).format(schema)
        self.select_due = SQL(
            "SELECT kind, subject, tenant, due FROM {}.due WHERE NOT done AND due <= %s ORDER BY due, kind, subject LIMIT 100"
        ).format(schema)
        self.finish_due = SQL("UPDATE {}.due SET done = true WHERE kind = %s AND subject = %s AND due = %s").format(schema)

    def of(self, view: str, tenant: str) -> list[Row]:
        """Read all rows of one view for one tenant, in the order their subjects were made (UUIDv7)."""
        with self.datastore.get_connection() as connection:
            return [row["content"] for row in connection.execute(self.select, (view, tenant)).fetchall()]

    def read(self, cursor: Cursor[DictRow], views: list[str], subjects: list[UUID]) -> dict[tuple[str, UUID], Row]:
        """Read the rows that a batch is about to change."""
        cursor.execute(self.select_one, (views, subjects))
        return {(row["view"], row["subject"]): row["content"] for row in cursor.fetchall()}

    def write(self, cursor: Cursor[DictRow], rows: Mapping[tuple[str, UUID], tuple[str, Row]]) -> None:
        """Write the changed rows, each with its tenant."""
        cursor.executemany(self.upsert, [(view, subject, tenant, Jsonb(row)) for (view, subject), (tenant, row) in rows.items()])

    def write_due(self, cursor: Cursor[DictRow], dates: list[tuple[str, Due]]) -> None:
        """Write the dates that events set, each with its tenant."""
        cursor.executemany(self.set_due, [(due.kind, due.subject, tenant, due.on) for tenant, due in dates])

    def due_by(self, today: date) -> list[tuple[str, Due]]:
        """List up to a hundred dates that have come and were not answered, each with its tenant."""
        with self.datastore.get_connection() as connection:
            found = connection.execute(self.select_due, (today,)).fetchall()
        return [(row["tenant"], Due(row["kind"], row["subject"], row["due"])) for row in found]

    def finish(self, due: Due) -> None:
        """Mark a date as answered, unless it was moved meanwhile."""
        with self.datastore.get_connection() as connection:
            connection.execute(self.finish_due, (due.kind, due.subject, due.on))
