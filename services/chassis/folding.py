"""Folds a stretch of stored events into rows of given versions, and into due dates: a few statements, however many events."""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
from pydantic import BaseModel, TypeAdapter, create_model

from services.chassis.due import Due, DueDates
from services.chassis.events import TOPICS, Event
from services.chassis.recorded import subject_of
from services.chassis.rows import Key, Rows, statement
from services.chassis.views import Row, Seen, View

BATCH: Final = 2000  # events a transaction: one second of a slow machine, and few enough to be held in memory

Stored = tuple[int, str, str, str, bytes]  # position, stream, tenant, topic, state


@dataclass(slots=True)
class Stretch:
    """The events after `since` up to `upto`: by the row that each is for, and those that may set dates."""

    since: int
    upto: int
    told: dict[Key, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    dated: list[Seen] = field(default_factory=list)


NOTHING: Final = Stretch(0, 0)


class Folding:
    """What is folded in one service: views, and dates if it has any. Events that nobody looks at are not even read."""

    def __init__(self, rows: Rows, views: Sequence[View], due: DueDates | None = None) -> None:
        self.rows = rows
        self.due = due
        self.folds = {view.name: view.fold for view in views}
        self.views = {
            topic: tuple(view.name for view in views if topic in {event.TOPIC for event in view.of})
            for topic in {event.TOPIC for view in views for event in view.of}
        }
        self.dated = {event.TOPIC for event in due.of} if due else set()
        self.topics = sorted(self.views.keys() | self.dated)
        self.ahead = NOTHING
        self.select = statement(
            "SELECT notification_id, originator_id, tenant, topic, state FROM {}.events"
            " WHERE notification_id > %s AND notification_id <= %s AND topic = ANY(%s) ORDER BY notification_id",
            rows.datastore.schema,
        )

    def fold(self, cursor: Cursor[tuple[Any, ...]], versions: Mapping[str, int], since: int, upto: int, head: int = 0) -> None:
        """Fold the events after `since` up to `upto` into the given version of each view, within the caller's transaction.

        If the store goes on to `head`, as much again at least, the stretch that follows is taken in while the server writes this one:
        a stored event never changes, so it may be folded by whichever transaction comes next, if that begins where this one ends.
        """
        with _uncollected():
            stretch = self.ahead
            if (stretch.since, stretch.upto) != (since, upto):
                stretch = self._stretch(since, upto, self._stored(cursor, since, upto))
            following = upto + (upto - since)
            stored = self._stored(cursor, upto, following) if following <= head else ()
            changed = self._changed(stretch, self.rows.read(cursor, versions, stretch.told))
            with cursor.connection.pipeline():  # sends, and waits at its end only
                self.rows.write(cursor, versions, changed)
                self.rows.write_due(cursor, self._dates(stretch))
                self.ahead = self._stretch(upto, following, stored) if following <= head else NOTHING

    def _stored(self, cursor: Cursor[tuple[Any, ...]], since: int, upto: int) -> Sequence[Stored]:
        cursor.execute(self.select, (since, upto, self.topics), prepare=True)
        return cursor.fetchall()

    def _stretch(self, since: int, upto: int, stored: Iterable[Stored]) -> Stretch:
        stretch = Stretch(since, upto)
        told = stretch.told
        subjects: dict[str, tuple[UUID, str]] = {}
        for position, stream, tenant, topic, state in stored:
            found = subjects.get(stream)
            if found is None:
                subject = subject_of(stream)
                found = subjects[stream] = subject, str(subject)
            one = Seen(payload_reader(topic)(state).event, found[0], tenant, position)
            for view in self.views.get(topic, ()):
                told[view, tenant, found[1]].append(one)
            if topic in self.dated:
                stretch.dated.append(one)
        return stretch

    def _changed(self, stretch: Stretch, rows: Mapping[Key, Row]) -> dict[Key, Row]:
        changed: dict[Key, Row] = {}
        for key, told in stretch.told.items():
            fold, row = self.folds[key[0]], rows.get(key, {})
            for one in told:
                folded = fold(row, one)
                if folded is not None:
                    row = changed[key] = folded
        return changed

    def _dates(self, stretch: Stretch) -> list[tuple[str, Due]]:
        if self.due is None:
            return []
        latest = {(due.kind, due.subject): (one.tenant, due) for one in stretch.dated for due in self.due.set_by(one.event, one.subject)}
        return list(latest.values())


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the collector of cycles wait: a batch makes thousands of objects and no cycle, and looking through them took a sixth of it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Payload(BaseModel):
    """A stored state without the envelope, which no fold looks at: half of the time to read it."""

    event: Event


@cache
def payload_reader(topic: str) -> Callable[[bytes], Payload]:
    """Make what reads the stored states of one topic."""
    model: type[Payload] = create_model("Payload", __base__=Payload, event=(TOPICS[topic], ...))
    read: Callable[[bytes], Payload] = TypeAdapter(model).validator.validate_json
    return read
