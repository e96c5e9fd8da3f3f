"""The projector: keeps a service's views and due dates up to date, batch by batch, each batch one transaction."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Cursor
from psycopg.rows import DictRow, tuple_row
from structlog.stdlib import get_logger

from services.chassis import metrics
from services.chassis.due import DueDates
from services.chassis.folding import BATCH, Folding
from services.chassis.loop import Loop
from services.chassis.migrate import channel
from services.chassis.rebuild import Reached, RebuildRunning, rebuilding
from services.chassis.recorder import Recorder
from services.chassis.rows import Rows
from services.chassis.versions import Served, Versions
from services.chassis.views import View

log = get_logger(__name__)

POLL_SECONDS: Final = 1.0
# Events that arrive within one such while are folded together: a batch of one costs as much as a batch of fifty.
GATHER_SECONDS: Final = 0.02


class Projector(Loop):
    """Keeps a service's views and due dates; several replicas take turns under the lock of the schema's views."""

    def __init__(self, recorder: Recorder, rows: Rows, views: Sequence[View], due: DueDates | None) -> None:
        super().__init__(f"projector-{recorder.datastore.schema}")
        self.recorder = recorder
        self.rows = rows
        self.views = views
        self.versions = Versions(recorder.datastore.schema)
        self.folding = Folding(rows, views, due)
        self.overtaken = False
        self.rebuilding: Generator[Reached] | None = None
        self.listening: psycopg.Connection[DictRow] | None = None

    def turn(self) -> None:
        """Fold what is new, or wait for a notification; fold a view anew whose definition is newer than its rows."""
        if self.rebuilding is not None:
            self._rebuild()
        elif not self.fold_next():
            self._listen()

    def fold_next(self) -> bool:
        """Fold one batch; tells whether there is more to do at once. Where another replica is folding, there is nothing."""
        with self._transaction() as cursor:
            if not self.versions.try_lock(cursor):
                return False
            place, head = self.versions.place(cursor)
            served = self._served(cursor, place)
            outdated = [view for view in self.views if served[view.name].revision < view.revision]
            if outdated:
                log.info("rebuild begun", view=outdated[0].name, revision=outdated[0].revision)
                self.rebuilding = rebuilding(self.recorder, self.rows, outdated[0])
                return True
            if self._is_overtaken(served):
                return False
            upto = min(place + BATCH, head)
            if upto == place:
                return False
            self.folding.fold(cursor, {name: one.version for name, one in served.items()}, place, upto, head)
            self.versions.move_to(cursor, upto)
        metrics.PROJECTED_EVENTS.inc(upto - place)
        return upto < head

    def _is_overtaken(self, served: Mapping[str, Served]) -> bool:
        newer = [view.name for view in self.views if served[view.name].revision > view.revision]
        if newer and not self.overtaken:
            log.warning("views left to a newer release", views=newer)
        self.overtaken = bool(newer)
        return self.overtaken

    def _served(self, cursor: Cursor[tuple[Any, ...]], place: int) -> Mapping[str, Served]:
        served = dict(self.versions.served(cursor))
        for view in self.views:
            if view.name not in served:
                # A view that comes later than the first event has no rows yet, and is folded anew like an outdated one.
                served[view.name] = Served(1, view.revision) if place == 0 else Served(0, 0)
                self.versions.serve(cursor, view.name, served[view.name])
        return served

    def _rebuild(self) -> None:
        try:
            if self.rebuilding is not None and next(self.rebuilding, None) is not None:
                return
            log.info("rebuild ended")
        except RebuildRunning:
            log.info("rebuild left to another process")
            self.stopping.wait(POLL_SECONDS)
        self.rebuilding = None

    @contextmanager
    def _transaction(self) -> Iterator[Cursor[tuple[Any, ...]]]:
        with (
            self.recorder.datastore.get_connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=tuple_row, binary=True) as cursor,
        ):
            yield cursor

    def _listen(self) -> None:
        if self.listening is None:
            self.listening = self.recorder.connection()
            self.listening.execute(f"LISTEN {channel(self.recorder.datastore.schema)}")
            return
        # A list, because what came while we folded comes all at once, and one while serves for all of it.
        if list(self.listening.notifies(timeout=POLL_SECONDS, stop_after=1)):
            self.stopping.wait(GATHER_SECONDS)

    def close(self) -> None:
        """Let go of the connections, and of a rebuild that was under way."""
        if self.rebuilding is not None:
            self.rebuilding.close()
            self.rebuilding = None
        if self.listening is not None:
            self.listening.close()
            self.listening = None
