"""The desk: where steps are decided on replayed state and appended, for HTTP, reactions and dates alike."""

import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.persistence import EventStore, StoredEvent
from pydantic import BaseModel
from structlog.stdlib import get_logger
from uuid6 import uuid7

from contracts.law import Law, law_on
from services.chassis import metrics
from services.chassis.actor import Acting, Cause
from services.chassis.aggregate import Aggregate, Step
from services.chassis.announcement import Announce, make_announcement
from services.chassis.clock import BusinessClock, start_of
from services.chassis.events import Event, sealed_fields
from services.chassis.keyring import Keyring, open_event
from services.chassis.loop import pause
from services.chassis.reading import MakeSteps, NotFound, Reading, Stream
from services.chassis.recorded import About, Appending, Recorded, RecordedMapper, with_event
from services.chassis.recorder import Recorder, VersionConflict
from services.chassis.rows import Rows
from services.chassis.views import Row

log = get_logger(__name__)

S = TypeVar("S")
E = TypeVar("E", bound=Event)
ATTEMPTS = 20


class Taken(BaseModel):
    """What came of a request: the subject, the names of the new events, the position of the last one."""

    subject: UUID
    events: tuple[str, ...]
    position: int | None


class Desk:
    """One service's desk. `opens` tells whether this service has a grant to open sealed text."""

    def __init__(
        self, *, service: str, recorder: Recorder, keyring: Keyring | None, clock: BusinessClock, announce: Announce, rows: Rows
    ) -> None:
        self.service = service
        self.recorder = recorder
        self.keyring = keyring
        self.clock = clock
        self.announce = announce
        self._rows = rows
        self.mapper = RecordedMapper()
        self.events: EventStore[str] = EventStore(mapper=self.mapper, recorder=recorder)

    def now(self) -> datetime:
        """Give the business moment."""
        return self.clock.now()

    def today(self) -> date:
        """Give the business day."""
        return self.clock.today()

    def law(self) -> Law:
        """Give the law in force today."""
        return law_on(self.today())

    def new_id(self) -> UUID:
        """Mint a UUIDv7."""
        return UUID(bytes=uuid7().bytes)

    def take(self, acting: Acting, *steps: Step, cause: Cause | None = None) -> Taken:
        """Decide the steps in order and append what they yield in one statement; see `take_in_turn`."""
        return self.take_in_turn(acting, lambda _: steps, cause=cause)

    def take_in_turn(self, acting: Acting, steps: MakeSteps, *, cause: Cause | None = None) -> Taken:
        """Make each step when the one before it has been decided, and append what all of them yield in one statement.

        Raises what a decision refuses (nothing stored), NotFound for another tenant's stream. After a version conflict all
        steps are made and decided again, on the newer state.
        """
        for attempt in range(ATTEMPTS):
            reading = Reading(self._stream).part(acting.tenant)
            about = UUID(int=0)
            for one in steps(reading):
                self.decide(reading, one, acting, cause)
                about = one.subject
            if not reading.decided:
                return Taken(subject=about, events=(), position=None)
            try:
                positions = self.events.put(reading.decided)
            except VersionConflict:
                metrics.VERSION_CONFLICTS.inc()
                log.info("decided again after a version conflict", attempt=attempt)
                time.sleep(pause(attempt) / 4)
                continue
            return Taken(
                subject=about,
                events=tuple(type(one.event).__name__ for one in reading.decided),
                position=_last(positions),
            )
        raise VersionConflict(f"{ATTEMPTS} attempts met a newer version each time")

    def reading(self, wanted: Iterable[Step] = ()) -> Reading:
        """Begin to read, with the streams of these steps fetched together; no tenant's part yet."""
        names = {one.aggregate.stream(one.subject) for one in wanted}
        stored = {name: list[StoredEvent]() for name in names} | (self.recorder.select_streams(names) if names else {})

        def load(aggregate: Aggregate[Any, Any], subject: UUID) -> Stream:
            events = stored.get(aggregate.stream(subject))
            return self._stream(aggregate, subject) if events is None else self._folded(aggregate, map(self.mapper.to_domain_event, events))

        return Reading(load)

    def stored(self, reading: Reading) -> list[Appending]:
        """Write what was decided as it is stored."""
        return [self.mapper.to_stored_event(one) for one in reading.decided]

    def decide(self, reading: Reading, one: Step, acting: Acting, cause: Cause | None) -> None:
        """Decide one step within a reading; raises what the decision refuses, NotFound for a next step where there was none."""
        name = one.aggregate.stream(one.subject)
        if one.begun and not reading.stream(one.aggregate, one.subject).events:
            raise NotFound(one.aggregate.name, one.subject)
        for event in one.decide(reading.state(one.aggregate, one.subject), one.command):
            before = reading.stream(one.aggregate, one.subject)
            after = one.aggregate.evolve(before.state, event)
            reading.add(self._record(name, one.subject, event, after, before.events, acting, cause), after)

    def _record(
        self, stream: str, subject: UUID, event: Event, state: object, history: Sequence[Recorded], acting: Acting, cause: Cause | None
    ) -> Recorded:
        now = self.now()
        effective = event.effective_on()
        about = About(
            id=self.new_id(),
            tenant=acting.tenant,
            actor=acting.actor,
            role=acting.role,
            correlation=cause.correlation if cause else history[0].about.correlation if history else subject,
            causation=cause.event if cause else None,
            time=start_of(effective) if effective else now,
            law_revision=law_on(now.date()).revision,
            traceparent=acting.trace,
        )
        if self.keyring is None and sealed_fields(type(event)):
            raise TypeError(f"{event.TOPIC} has sealed fields, and {self.service} has no grant on the keyring")
        sealed = self.keyring.seal(event, about.id, acting.tenant, subject) if self.keyring else event
        said = self.announce(sealed, state)
        return Recorded(
            originator_id=stream,
            originator_version=len(history) + 1,
            about=about,
            event=sealed,
            announced=None if said is None else make_announcement(self.service, said, about),
        )

    def _stream(self, aggregate: Aggregate[Any, Any], subject: UUID) -> Stream:
        return self._folded(aggregate, self.events.get(aggregate.stream(subject)))  # type: ignore[arg-type]  # our mapper's type

    def _folded(self, aggregate: Aggregate[Any, Any], events: Iterable[Recorded]) -> Stream:
        opened = self._opened(list(events))
        return Stream(aggregate.fold(one.event for one in opened), opened)

    def _opened(self, events: list[Recorded]) -> tuple[Recorded, ...]:
        if self.keyring is None or not any(sealed_fields(type(one.event)) for one in events):
            return tuple(events)
        key = self.keyring.key(events[0].about.tenant, events[0].subject)
        return tuple(with_event(one, open_event(key, one.event, one.about.id)) for one in events)

    def state(self, aggregate: Aggregate[S, Any], subject: UUID, acting: Acting) -> S:
        """Replay one aggregate; raises NotFound if nothing happened to it or it is another tenant's."""
        found = Reading(self._stream).part(acting.tenant).stream(aggregate, subject)
        if not found.events:
            raise NotFound(aggregate.name, subject)
        state: S = found.state
        return state

    def event_id(self, aggregate: Aggregate[S, Any], subject: UUID, kind: type[E], acting: Acting) -> UUID:
        """Give the id of the newest event of a kind in a stream; raises NotFound if there is none."""
        found = Reading(self._stream).part(acting.tenant).stream(aggregate, subject)
        for one in reversed(found.events):
            if isinstance(one.event, kind):
                return one.about.id
        raise NotFound(kind.__name__, subject)

    def rows(self, view: str, acting: Acting) -> list[Row]:
        """Read a view's rows of the actor's tenant, newest last."""
        return self._rows.of(view, acting.tenant)


def _last(positions: Sequence[int] | Sequence[Any] | None) -> int | None:
    last = positions[-1] if positions else None
    return last if isinstance(last, int) or last is None else int(last.notification.id)
