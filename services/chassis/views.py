"""Read models: one row per subject, folded from events in store order, dropped and rebuilt at will."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from services.chassis.events import Event

Row = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored event as a view sees it: sealed fields are still sealed, so no row can leak them."""

    event: Event
    subject: UUID
    tenant: str
    time: datetime
    position: int


@dataclass(frozen=True, slots=True)
class View:
    """A table of rows per subject: `fold` gives the row after an event, or None when the event is not its concern."""

    name: str
    fold: Callable[[Row, Seen], Row | None]
