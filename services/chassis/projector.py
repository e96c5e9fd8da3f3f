"""The projector: folds stored events into view rows and due dates, batch by batch, each batch one transaction."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import psycopg
from eventsourcing.persistence import Notification, StoredEvent
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier
from structlog.stdlib import get_logger

from services.chassis.due import Due, DueDates
from services.chassis.loop import Loop
from services.chassis.migrate import channel
from services.chassis.recorded import RecordedMapper
from services.chassis.recorder import Recorder
from services.chassis.rows import Rows
from services.chassis.views import Row, Seen, View

log = get_logger(__name__)

PLACE: Final = "views"
BATCH: Final = 500
POLL_SECONDS: Final = 1.0


class Projector(Loop):
    """Keeps a service's views and due dates; several replicas take turns by comparing and setting the place."""

    def __init__(self, recorder: Recorder, rows: Rows, views: Sequence[View], due: DueDates | None) -> None:
        super().__init__(f"projector-{recorder.datastore.schema}")
        self.recorder = recorder
        self.rows = rows
        self.views = views
        self.due = due
        self.mapper = RecordedMapper()
        self.listening: psycopg.Connection[DictRow] | None = None
        self.move = SQL(
            "INSERT INTO {}.tracking AS t VALUES (%(place)s, %(to)s) ON CONFLICT (application_name) DO UPDATE"
            " SET notification_id = excluded.notification_id WHERE t.notification_id = %(since)s RETURNING 1"
        ).format(Identifier(recorder.datastore.schema))

    def turn(self) -> None:
        """Fold what is new, or wait for a notification."""
        since = self.recorder.max_tracking_id(PLACE) or 0
        notifications = self.recorder.select_notifications(since, BATCH, inclusive_of_start=False)
        if notifications:
            self.fold(since, notifications)
        else:
            self._listen()

    def fold(self, since: int, notifications: Sequence[Notification]) -> None:
        """Fold one batch; a replica that was overtaken stores nothing."""
        seen = [self._seen(one) for one in notifications]
        with self.recorder.datastore.transaction(commit=True) as cursor:
            cursor.execute(self.move, {"place": PLACE, "since": since, "to": notifications[-1].id})
            if cursor.fetchone() is None:
                return
            rows = self.rows.read(cursor, [view.name for view in self.views], list({one.subject for one in seen}))
            changed: dict[tuple[str, UUID], tuple[str, Row]] = {}
            for one in seen:
                for view in self.views:
                    key = view.name, one.subject
                    row = view.fold(rows.get(key, {}), one)
                    if row is not None:
                        rows[key] = row
                        changed[key] = one.tenant, row
            self.rows.write(cursor, changed)
            self.rows.write_due(cursor, self._dates(seen))

    def _dates(self, seen: Sequence[Seen]) -> list[tuple[str, Due]]:
        if self.due is None:
            return []
        latest = {(due.kind, due.subject): (one.tenant, due) for one in seen for due in self.due.set_by(one.event, one.subject)}
        return list(latest.values())

    def _seen(self, notification: Notification) -> Seen:
        stored = StoredEvent(notification.originator_id, notification.originator_version, notification.topic, notification.state)
        recorded = self.mapper.to_domain_event(stored)
        return Seen(recorded.event, recorded.subject, recorded.about.tenant, recorded.about.time, notification.id)

    def _listen(self) -> None:
        if self.listening is None:
            self.listening = self.recorder.connection()
            self.listening.execute(f"LISTEN {channel(self.recorder.datastore.schema)}")
            return
        for _ in self.listening.notifies(timeout=POLL_SECONDS, stop_after=1):
            return

    def close(self) -> None:
        """Let go of the listening connection."""
        if self.listening is not None:
            self.listening.close()
            self.listening = None
