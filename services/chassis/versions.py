"""How far a service's views have come, and which version of each one is served."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Cursor
from psycopg.sql import SQL, Identifier

from services.chassis.recorder import FROZEN_SECONDS

PLACE: Final = "views"


@dataclass(frozen=True, slots=True)
class Served:
    """The version of a view that is read, and the revision of the definition that folded it."""

    version: int
    revision: int


class Versions:
    """The place and the versions of one schema. Whoever moves either of them holds the lock of the schema's views."""

    def __init__(self, schema: str) -> None:
        self.name = f"anken.views.{schema}"
        named = Identifier(schema)
        self.select_place = SQL(
            "SELECT coalesce((SELECT notification_id FROM {0}.tracking WHERE application_name = %s), 0),"
            " coalesce((SELECT max(notification_id) FROM {0}.events), 0)"
        ).format(named)
        self.move = SQL(
            "INSERT INTO {}.tracking VALUES (%s, %s)"
            " ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id"
        ).format(named)
        self.select = SQL("SELECT name, serving, revision FROM {}.view").format(named)
        self.upsert = SQL(
            "INSERT INTO {}.view (name, serving, revision) VALUES (%s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET serving = excluded.serving, revision = excluded.revision"
        ).format(named)

    def try_lock(self, cursor: Cursor[tuple[Any, ...]]) -> bool:
        """Take the lock until the transaction ends, if nobody has it or waits for it.

        A process that is frozen with the lock loses its connection after ten seconds, so that another one can go on.
        """
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true), pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
            (f"{FROZEN_SECONDS}s", self.name),
        )
        _, taken = cursor.fetchone() or (None, False)
        return bool(taken)

    def lock(self, cursor: Cursor[tuple[Any, ...]]) -> None:
        """Wait for the lock, behind the batch that is being folded and before the next one."""
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self.name,))

    def place(self, cursor: Cursor[tuple[Any, ...]]) -> tuple[int, int]:
        """Tell up to which position the served versions are folded, and the last position in the store."""
        cursor.execute(self.select_place, (PLACE,), prepare=True)
        folded, head = cursor.fetchone() or (0, 0)
        return folded, head

    def move_to(self, cursor: Cursor[tuple[Any, ...]], position: int) -> None:
        """Say that the served versions are folded up to a position."""
        cursor.execute(self.move, (PLACE, position), prepare=True)

    def served(self, cursor: Cursor[tuple[Any, ...]]) -> Mapping[str, Served]:
        """Read which version of each view is served; version 0 has no rows."""
        cursor.execute(self.select, prepare=True)
        return {name: Served(version, revision) for name, version, revision in cursor.fetchall()}

    def serve(self, cursor: Cursor[tuple[Any, ...]], view: str, served: Served) -> None:
        """Switch a view to another version for every reader."""
        cursor.execute(self.upsert, (view, served.version, served.revision))
