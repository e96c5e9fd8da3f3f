"""A view is shown exactly the events that its fold looks at: one that it does not name would be missing from its rows."""

from collections.abc import Callable
from uuid import UUID

import pytest

from services.anonymizer.service import ROOM as ANONYMIZER
from services.billing.service import ROOM as BILLING
from services.chassis.events import TOPICS, Event
from services.chassis.room import Room
from services.chassis.views import Seen
from services.intake.service import ROOM as INTAKE
from services.review.service import ROOM as REVIEW

ROOMS = (INTAKE, REVIEW, BILLING, ANONYMIZER)
SUBJECT = UUID(int=1)


def concerns(look: Callable[[Event], object], event: type[Event]) -> bool:
    """Tell whether a fold does anything with an event of a class: it gives something, or stumbles over fields that hold nothing."""
    try:
        given = look(event.model_construct(**dict.fromkeys(event.model_fields)))
        return given is not None and (isinstance(given, dict) or bool(list(given)))
    except Exception:  # noqa: BLE001 - whatever it stumbles over, it has looked
        return True


def events_of(room: Room) -> list[type[Event]]:
    return [event for topic, event in TOPICS.items() if topic.startswith((f"{room.name}.", "chassis."))]


@pytest.mark.parametrize(("room", "view"), [(room, view) for room in ROOMS for view in room.views], ids=lambda one: one.name)
def test_a_view_names_the_events_that_it_folds(room, view):
    known = events_of(room)
    assert len(known) > 5
    looked_at = {event for event in known if concerns(lambda empty: view.fold({}, Seen(empty, SUBJECT, "minatono", 1)), event)}
    assert looked_at == set(view.of)


@pytest.mark.parametrize("room", [room for room in ROOMS if room.due], ids=lambda one: one.name)
def test_dates_name_the_events_that_set_them(room):
    looked_at = {event for event in events_of(room) if concerns(lambda empty: room.due.set_by(empty, SUBJECT), event)}
    assert looked_at == set(room.due.of)
