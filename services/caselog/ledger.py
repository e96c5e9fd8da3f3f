"""The ledger: appends entries to their tenants' logs and their subjects' chains, inside the caller's transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from services.caselog.entry import NO_LEAF, Entry

COLUMNS: Final = {
    "tenant": "text", "idx": "int8", "subject": "uuid", "seq": "int8", "event_id": "uuid", "type": "text",
    "effective": "timestamptz", "recorded": "timestamptz", "logged": "timestamptz",
    "source": "text", "partition": "int2", "position": "int8", "flag": "text", "leaf": "bytea", "line": "bytea",
}  # fmt: skip


class LogMoved(Exception):
    """The log's size is not what was read a moment ago: somebody writes without our lock, or the database was rolled back."""


class Ledger:
    """The SQL of appending; everything is read from the database each time, so no error can leave a stale cache."""

    def __init__(self, schema: str) -> None:
        named = Identifier(schema)
        self.select_known = SQL(
            "SELECT event_id FROM {0}.entry WHERE event_id = ANY(%(ids)s)"
            " UNION SELECT event_id FROM {0}.left_out WHERE event_id = ANY(%(ids)s)"
        ).format(named)
        self.select_heads = SQL(
            "SELECT c.tenant, c.subject, e.seq, e.leaf FROM unnest(%s::text[], %s::uuid[]) c(tenant, subject) CROSS JOIN LATERAL"
            " (SELECT seq, leaf FROM {}.entry e WHERE e.tenant = c.tenant AND e.subject = c.subject ORDER BY seq DESC LIMIT 1) e"
        ).format(named)
        self.open_log = SQL("INSERT INTO {}.log VALUES (%s, 0, clock_timestamp()) ON CONFLICT DO NOTHING").format(named)
        self.select_size = SQL("SELECT size FROM {}.log WHERE tenant = %s").format(named)
        self.move_size = SQL(
            "UPDATE {}.log SET size = %(new)s, logged = greatest(clock_timestamp(), logged)"
            " WHERE tenant = %(tenant)s AND size = %(old)s RETURNING logged"
        ).format(named)
        self.copy = SQL("COPY {}.entry ({}) FROM STDIN (FORMAT BINARY)").format(named, SQL(", ").join(map(Identifier, COLUMNS)))

    def known(self, cursor: Cursor[DictRow], ids: Collection[UUID]) -> set[UUID]:
        """Give those of the event ids that are in the log, or left out of it for good."""
        cursor.execute(self.select_known, {"ids": list(ids)})
        return {row["event_id"] for row in cursor.fetchall()}

    def append(self, cursor: Cursor[DictRow], admitted: Sequence[tuple[str, Entry]]) -> None:
        """Append entries in order, each with the source it came from; raises LogMoved when a log was moved by somebody else."""
        heads = self._heads(cursor, {(entry.tenant, entry.subject) for _, entry in admitted})
        by_tenant: dict[str, list[tuple[str, Entry]]] = {}
        for source, entry in admitted:
            by_tenant.setdefault(entry.tenant, []).append((source, entry))
        rows: list[tuple[object, ...]] = []
        for tenant, entries in sorted(by_tenant.items()):
            size, logged = self._reserve(cursor, tenant, len(entries))
            for idx, (source, entry) in enumerate(entries, size):
                seq, previous = heads.get((tenant, entry.subject), (0, NO_LEAF))
                linked = entry.link(seq + 1, previous)
                heads[tenant, entry.subject] = seq + 1, linked.leaf
                owner, _, partition = source.partition("/")
                about = entry.envelope
                rows.append((
                    tenant, idx, entry.subject, seq + 1, about.id, about.type, about.time, about.recordedtime, logged,
                    owner, int(partition), about.position, entry.flag and entry.flag.value, linked.leaf, linked.line,
                ))  # fmt: skip
        with cursor.copy(self.copy) as copy:
            copy.set_types(list(COLUMNS.values()))
            for row in rows:
                copy.write_row(row)

    def _heads(self, cursor: Cursor[DictRow], chains: Collection[tuple[str, UUID]]) -> dict[tuple[str, UUID], tuple[int, bytes]]:
        cursor.execute(self.select_heads, ([tenant for tenant, _ in chains], [subject for _, subject in chains]))
        return {(row["tenant"], row["subject"]): (row["seq"], bytes(row["leaf"])) for row in cursor.fetchall()}

    def _reserve(self, cursor: Cursor[DictRow], tenant: str, count: int) -> tuple[int, datetime]:
        """Move the log's size by compare-and-set; gives the size before and the time of logging."""
        cursor.execute(self.open_log, (tenant,))
        size: int = cursor.execute(self.select_size, (tenant,)).fetchall()[0]["size"]
        moved = cursor.execute(self.move_size, {"tenant": tenant, "old": size, "new": size + count}).fetchone()
        if moved is None:
            raise LogMoved(f"the log of tenant {tenant} is no longer of size {size}")
        logged: datetime = moved["logged"]
        return size, logged
