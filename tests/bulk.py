"""Tens of thousands of announced events in intake's store, quickly: calls noticed for a far future, which only the case log records."""

from datetime import UTC, date, datetime
from uuid import UUID

from uuid6 import uuid7

from contracts import intake
from services.chassis.announcement import make_announcement
from services.chassis.recorded import About, Appending, Recorded, RecordedMapper
from services.chassis.recorder import Recorder
from services.intake.events import CallNoticed

TENANT = "minatono"
FAR = date(2099, 4, 1)
NOTICED = CallNoticed(number="R81-0001", body="mayor", noticed=date(2026, 4, 1), starts=FAR, ends=FAR, files=())
SAID = intake.CallNoticed.model_validate(NOTICED.model_dump())
AT_ONCE = 100


class Bulk:
    """Writes to a set of subjects in turn, so that each has a history in which order can be told."""

    def __init__(self, recorder: Recorder, subjects: int) -> None:
        self.recorder = recorder
        self.mapper = RecordedMapper()
        self.versions = {UUID(bytes=uuid7().bytes): 0 for _ in range(subjects)}

    def write(self, count: int) -> None:
        """Append `count` events, a hundred to a statement."""
        subjects = [*self.versions]
        for start in range(0, count, AT_ONCE):
            batch = [self._next(subjects[number % len(subjects)]) for number in range(start, min(count, start + AT_ONCE))]
            self.recorder.insert_events(batch)

    def _next(self, subject: UUID) -> Appending:
        self.versions[subject] += 1
        about = About(
            id=UUID(bytes=uuid7().bytes),
            tenant=TENANT,
            actor="coordinator-1",
            role="coordinator",
            correlation=subject,
            time=datetime.now(UTC),
            law_revision="20260717_508AC0000000062",
        )
        announced = make_announcement("intake", SAID, about)
        return self.mapper.to_stored_event(Recorded(f"call-{subject}", self.versions[subject], about, NOTICED, announced))
