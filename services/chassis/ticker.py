"""The ticker: when a date has come, take the step it leads to; durable and idempotent, so a crash only repeats it."""

import time
from typing import Final
from uuid import UUID

from structlog.stdlib import get_logger

from services.chassis import metrics
from services.chassis.actor import service_actor
from services.chassis.desk import Desk
from services.chassis.due import Due, DueDates
from services.chassis.events import Refused
from services.chassis.loop import Loop
from services.chassis.reactions import OURS
from services.chassis.reading import NotFound
from services.chassis.rows import Rows
from services.chassis.trace import span, traceparent

log = get_logger(__name__)

POLL_SECONDS: Final = 0.5
ASIDE_SECONDS: Final = 60


class Ticker(Loop):
    """Answers due dates by the business clock; a date is done only after its step was stored."""

    def __init__(self, desk: Desk, rows: Rows, due: DueDates) -> None:
        super().__init__(f"ticker-{desk.service}")
        self.desk = desk
        self.rows = rows
        self.due = due
        self.aside: dict[tuple[str, UUID], float] = {}

    def turn(self) -> None:
        """Answer all dates that have come, then wait."""
        for tenant, due in self.rows.due_by(self.desk.today(), self.due.steps):
            self._answer(tenant, due)
        self.desk.clock.wait(POLL_SECONDS)

    def _answer(self, tenant: str, due: Due) -> None:
        if due.kind not in self.due.steps:
            log.error("date of a kind this version does not know", tenant=tenant, kind=due.kind, subject=str(due.subject))
            return
        if self.aside.get((due.kind, due.subject), 0) > time.monotonic():
            return
        with span(f"date {due.kind}", kind=due.kind, tenant=tenant):
            try:
                step = self.due.steps[due.kind](due, self.desk.today())
                self.desk.take(service_actor(self.desk.service, tenant, traceparent()), step)
            except (Refused, NotFound) as refused:
                # The date no longer leads anywhere (a withdrawn case, say); the decision knows, the date need not.
                log.info("date refused", tenant=tenant, kind=due.kind, subject=str(due.subject), reason=str(refused))
                metrics.DATES_ANSWERED.labels(due.kind, "refused").inc()
            except Exception as error:
                if isinstance(error, OURS):
                    raise
                # A defect that one case meets: the date stays, and the others are answered. Nothing is lost by trying again.
                log.exception("date failed", tenant=tenant, kind=due.kind, subject=str(due.subject))
                metrics.DATES_ANSWERED.labels(due.kind, "failed").inc()
                self.aside[due.kind, due.subject] = time.monotonic() + ASIDE_SECONDS
                return
            else:
                metrics.DATES_ANSWERED.labels(due.kind, "taken").inc()
        self.rows.finish(due)
        self.last_turn = time.monotonic()  # after a leap of the clock one turn answers thousands
