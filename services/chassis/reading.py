"""What one attempt reads and decides: each stream once, so that the state a step is made from is the one it is decided on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from services.chassis.aggregate import Aggregate, Step
from services.chassis.recorded import Recorded

S = TypeVar("S")


class NotFound(LookupError):
    """There is no such thing for this tenant."""

    def __init__(self, what: str, subject: UUID) -> None:
        super().__init__(f"no {what} {subject}")
        self.what = what
        self.subject = subject


@dataclass(frozen=True, slots=True)
class Stream:
    """A replayed stream: its folded state and the events behind it, sealed text opened where we may."""

    state: Any
    events: tuple[Recorded, ...]


@dataclass(slots=True)
class Reading:
    """The streams read so far, each with what this attempt decided on it, and all that it decided, in order."""

    load: Callable[[Aggregate[Any, Any], UUID], Stream]
    streams: dict[str, Stream] = field(default_factory=dict)
    decided: list[Recorded] = field(default_factory=list)

    def stream(self, aggregate: Aggregate[Any, Any], subject: UUID) -> Stream:
        """Give a stream as this attempt sees it; raises NotFound for another tenant's, in a tenant's part."""
        name = aggregate.stream(subject)
        if name not in self.streams:
            self.streams[name] = self.load(aggregate, subject)
        return self.streams[name]

    def state(self, aggregate: Aggregate[S, Any], subject: UUID) -> S:
        """Give the state of one aggregate with what was decided on it here; the empty one if nothing ever happened to it."""
        state: S = self.stream(aggregate, subject).state
        return state

    def part(self, tenant: str) -> "Reading":
        """Begin a part that sees one tenant's streams alone, and is kept with `keep` or simply forgotten."""

        def load(aggregate: Aggregate[Any, Any], subject: UUID) -> Stream:
            found = self.stream(aggregate, subject)
            if found.events and found.events[0].about.tenant != tenant:
                raise NotFound(aggregate.name, subject)
            return found

        return Reading(load)

    def keep(self, part: "Reading") -> None:
        """Take in what a part decided."""
        self.streams.update(part.streams)
        self.decided += part.decided

    def add(self, recorded: Recorded, state: object) -> None:
        """Take in an event that was decided, and the state after it."""
        self.decided.append(recorded)
        self.streams[recorded.originator_id] = Stream(state, (*self.streams[recorded.originator_id].events, recorded))


MakeSteps = Callable[[Reading], Iterable[Step]]
