"""The waiting room: records that were read before what their authors had taken in; and how far each source is admitted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from contracts.envelope import Envelope
from contracts.topics import OWNERS
from services.caselog.admission import Arrival
from services.caselog.entry import Entry, Flag
from services.chassis.backlog import Distance

LONGEST_LOOK: Final = 500
DISTANCES: Final = (
    Distance(
        "anken_caselog_waiting_records",
        "Records that were read before what their authors had taken in.",
        SQL("SELECT count(*) FROM {schema}.waiting"),
    ),
    Distance(
        "anken_caselog_waiting_oldest_seconds",
        "How long the oldest waiting record has waited; 0 when none does.",
        SQL("SELECT coalesce(greatest(0, extract(epoch FROM clock_timestamp() - min(since))), 0) FROM {schema}.waiting"),
    ),
)


class WaitingRoom:
    """The SQL of waiting, inside the caller's transaction."""

    def __init__(self, schema: str) -> None:
        named = Identifier(schema)
        self.select_first = SQL(
            "SELECT w.* FROM unnest(%s::text[]) s(source) CROSS JOIN LATERAL"
            " (SELECT source, attributes, flag, rest FROM {}.waiting w WHERE w.source = s.source ORDER BY position LIMIT %s) w"
        ).format(named)
        self.select_expecting = SQL("SELECT DISTINCT source FROM {}.waiting WHERE cause = ANY(%s)").format(named)
        self.insert = SQL(
            "INSERT INTO {}.waiting (source, position, tenant, cause, attributes, flag, rest) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        ).format(named)
        self.delete = SQL("DELETE FROM {}.waiting WHERE source = %s AND position = ANY(%s)").format(named)
        self.select_places = SQL("SELECT source, position FROM {}.admitted").format(named)
        self.move_place = SQL(
            "INSERT INTO {}.admitted VALUES (%s, %s) ON CONFLICT (source) DO UPDATE SET position = excluded.position"
        ).format(named)

    def places(self, cursor: Cursor[DictRow]) -> dict[str, int]:
        """Give the last admitted position of every source."""
        return {row["source"]: row["position"] for row in cursor.execute(self.select_places).fetchall()}

    def first(self, cursor: Cursor[DictRow], partition: str) -> list[Arrival]:
        """Read the first arrivals of each source of one partition number; those behind them cannot be admitted before them."""
        cursor.execute(self.select_first, ([f"{owner}/{partition}" for owner in OWNERS], LONGEST_LOOK))
        return [arrival_of(row) for row in cursor.fetchall()]

    def expecting(self, cursor: Cursor[DictRow], ids: Sequence[UUID]) -> set[str]:
        """Give the partition numbers in which a record waits for one of these events as its cause."""
        cursor.execute(self.select_expecting, (list(ids),))
        return {row["source"].partition("/")[2] for row in cursor.fetchall()}

    def store(self, cursor: Cursor[DictRow], arrivals: Iterable[Arrival]) -> None:
        """Let arrivals wait."""
        cursor.executemany(self.insert, [row_of(arrival) for arrival in arrivals])

    def leave(self, cursor: Cursor[DictRow], admitted: Sequence[Arrival]) -> None:
        """Take admitted arrivals out, whether they waited or not, and move their sources' places; per source in order."""
        positions: dict[str, list[int]] = {}
        for arrival in admitted:
            positions.setdefault(arrival.source, []).append(arrival.position)
        cursor.executemany(self.delete, list(positions.items()))
        cursor.executemany(self.move_place, [(source, those[-1]) for source, those in positions.items()])


def row_of(arrival: Arrival) -> tuple[object, ...]:
    """Write the row of a waiting record; one without an entry may hold what a text column cannot, so it names no tenant."""
    entry, envelope = arrival.entry, arrival.envelope
    attributes = envelope.model_dump_json(exclude_none=True).encode()
    if entry is None:
        return arrival.source, arrival.position, None, envelope.causationid, attributes, None, None
    return arrival.source, arrival.position, entry.tenant, envelope.causationid, attributes, entry.flag and entry.flag.value, entry.rest


def arrival_of(row: Mapping[str, Any]) -> Arrival:
    """Read the row of a waiting record."""
    envelope = Envelope.model_validate_json(bytes(row["attributes"]))
    if row["rest"] is None:
        return Arrival(row["source"], envelope, None)
    return Arrival(row["source"], envelope, Entry(envelope, row["flag"] and Flag(row["flag"]), bytes(row["rest"])))
