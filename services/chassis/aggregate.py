"""An aggregate as a value: its name, its empty state, its fold; and a step, one decision to take on one of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, Generic, TypeVar
from uuid import UUID

from services.chassis.events import Command, Event

S = TypeVar("S")
E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Command)


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S, E]):
    """One kind of aggregate; its streams are called `<name>-<uuid>`, and the uuid is the subject of its events."""

    name: str
    initial: S
    evolve: Callable[[S, E], S]

    def stream(self, subject: UUID) -> str:
        """Name the stream of one aggregate of this kind."""
        return f"{self.name}-{subject}"

    def fold(self, events: Iterable[E], state: S | None = None) -> S:
        """Fold events over a state, the empty one if none is given."""
        return reduce(self.evolve, events, self.initial if state is None else state)


@dataclass(frozen=True, slots=True)
class Step:
    """A decision to take: on which aggregate, by which function, with which command. Make it with `step` or `next_step`."""

    aggregate: Aggregate[Any, Any]
    subject: UUID
    decide: Callable[[Any, Any], Iterator[Event]]
    command: Command
    begun: bool = False  # something must have happened to the aggregate before


def step(aggregate: Aggregate[S, E], subject: UUID, decide: Callable[[S, C], Iterator[E]], command: C) -> Step:
    """Bind a decision to the aggregate it is taken on; the types of state, command and events must agree."""
    return Step(aggregate, subject, decide, command)


def next_step(aggregate: Aggregate[S, E], subject: UUID, decide: Callable[[S, C], Iterator[E]], command: C) -> Step:
    """Bind a decision as `step` does, to an aggregate that has begun: to take it on another raises NotFound."""
    return Step(aggregate, subject, decide, command, begun=True)
