"""Folds a stretch of stored events into rows of given versions, and into due dates: a few statements, however many events."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, create_model

from services.chassis.due import Due, DueDates
from services.chassis.events import TOPICS, Event
from services.chassis.recorded import subject_of
from services.chassis.rows import Key, Rows
from services.chassis.views import Row, Seen, View

BATCH: Final = 2000  # events a transaction: one second of a slow machine, and few enough to be held in memory


class Folding:
    """What is folded in one service: views, and dates if it has any. Events that nobody looks at are not even read."""

    def __init__(self, rows: Rows, views: Sequence[View], due: DueDates | None = None) -> None:
        self.rows = rows
        self.due = due
        self.views = {
            topic: tuple(view for view in views if topic in {event.TOPIC for event in view.of})
            for topic in {event.TOPIC for view in views for event in view.of}
        }
        self.dated = {event.TOPIC for event in due.of} if due else set()
        self.topics = sorted(self.views.keys() | self.dated)
        self.select = SQL(
            "SELECT notification_id, originator_id, tenant, topic, state FROM {}.events"
            " WHERE notification_id > %s AND notification_id <= %s AND topic = ANY(%s) ORDER BY notification_id"
        ).format(Identifier(rows.datastore.schema))

    def fold(self, cursor: Cursor[tuple[Any, ...]], versions: Mapping[str, int], since: int, upto: int) -> None:
        """Fold the events after `since` up to `upto` into the given version of each view, within the caller's transaction."""
        seen = self._read(cursor, since, upto)
        concerned = [(one, view, (view.name, one.tenant, one.subject)) for one in seen for view in self.views.get(one.event.TOPIC, ())]
        rows = self.rows.read(cursor, versions, {key for _, _, key in concerned})
        changed: dict[Key, Row] = {}
        for one, view, key in concerned:
            row = view.fold(rows.get(key, {}), one)
            if row is not None:
                rows[key] = changed[key] = row
        self.rows.write(cursor, versions, changed)
        self.rows.write_due(cursor, self._dates(seen))

    def _read(self, cursor: Cursor[tuple[Any, ...]], since: int, upto: int) -> list[Seen]:
        cursor.execute(self.select, (since, upto, self.topics), prepare=True)
        subjects: dict[str, UUID] = {}
        seen: list[Seen] = []
        for position, stream, tenant, topic, state in cursor.fetchall():
            subject = subjects.get(stream) or subjects.setdefault(stream, subject_of(stream))
            seen.append(Seen(payload_reader(topic).model_validate_json(state).event, subject, tenant, position))
        return seen

    def _dates(self, seen: Sequence[Seen]) -> list[tuple[str, Due]]:
        if self.due is None:
            return []
        latest = {
            (due.kind, due.subject): (one.tenant, due)
            for one in seen
            if one.event.TOPIC in self.dated
            for due in self.due.set_by(one.event, one.subject)
        }
        return list(latest.values())


class Payload(BaseModel):
    """A stored state without the envelope, which no fold looks at: half of the time to read it."""

    event: Event


@cache
def payload_reader(topic: str) -> type[Payload]:
    """Make the model that reads the payloads of one topic."""
    return create_model("Payload", __base__=Payload, event=(TOPICS[topic], ...))
