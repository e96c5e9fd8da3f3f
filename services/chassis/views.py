"""Read models: one row per subject, folded from events in store order, rebuilt from the store while the old one serves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from pydantic import JsonValue

from services.chassis.events import Event

Row = dict[str, JsonValue]


class Seen(NamedTuple):
    """A stored event as a view sees it: sealed fields are still sealed, so no row can leak them."""

    event: Event
    subject: UUID
    tenant: str
    position: int


@dataclass(frozen=True, slots=True)
class View:
    """A table of rows per subject: `fold` gives the row after an event, or None when the event is not its concern.

    `of` names the classes of events that `fold` looks at: no other is read for it. Whoever changes what `fold` makes of the
    events there are already, raises `revision`: the service then folds the whole store anew before it serves the view.
    """

    name: str
    fold: Callable[[Row, Seen], Row | None]
    of: tuple[type[Event], ...]
    revision: int = 1
