"""A view that forgets nothing: which events came to each shelf, in which order, and by which definition they were folded."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from uuid6 import uuid7

from services.chassis.due import Due, DueDates
from services.chassis.events import Event
from services.chassis.recorded import About, Recorded, RecordedMapper
from services.chassis.recorder import Recorder
from services.chassis.views import Row, Seen, View

MAPPER = RecordedMapper()


class BookShelved(Event, topic="shelf.BookShelved"):
    number: int


class BookTaken(Event, topic="shelf.BookTaken"):
    number: int


class ShelfDusted(Event, topic="shelf.ShelfDusted"):
    """Of no concern to any view."""


class InspectionFixed(Event, topic="shelf.InspectionFixed"):
    on: date


def books(name: str = "books", *, revision: int = 1, mark: str = "first") -> View:
    """Make a view of the books on each shelf; `mark` stands for what a release may change in a fold."""

    def fold(row: Row, seen: Seen) -> Row:
        numbers = row.get("numbers", [])
        assert isinstance(numbers, list)
        match seen.event:
            case BookShelved(number=number):
                return {"shelf": str(seen.subject), "numbers": [*numbers, number], "mark": mark}
            case BookTaken(number=number):
                return {**row, "shelf": str(seen.subject), "numbers": [*numbers, -number], "mark": mark}
        raise AssertionError(seen.event)

    return View(name, fold, of=(BookShelved, BookTaken), revision=revision)


def first_taken(row: Row, seen: Seen) -> Row | None:
    """Keep the first book that was taken; whatever comes later is not this view's concern."""
    assert isinstance(seen.event, BookTaken)
    return None if row else {"first": seen.event.number}


TAKEN = View("taken", first_taken, of=(BookTaken,))
DATES = DueDates(of=(InspectionFixed,), set_by=lambda event, subject: [Due("inspection", subject, event.on)], steps={})  # type: ignore[attr-defined]  # `of` says that it is an InspectionFixed


class Shelves:
    """Appends events to the shelves of two tenants, as fast as the store takes them."""

    def __init__(self, recorder: Recorder, count: int = 4) -> None:
        self.recorder = recorder
        self.ids = [UUID(bytes=uuid7().bytes) for _ in range(count)]
        self.versions = dict.fromkeys(self.ids, 0)

    def tenant(self, shelf: UUID) -> str:
        """Every other shelf is another tenant's."""
        return ("minatono", "yamanoue")[self.ids.index(shelf) % 2]

    def append(self, happened: Sequence[tuple[int, Event]]) -> None:
        """Append events, each to the shelf of its number, in one statement."""
        stored = []
        for place, event in happened:
            shelf = self.ids[place % len(self.ids)]
            self.versions[shelf] += 1
            about = About(
                id=UUID(bytes=uuid7().bytes), tenant=self.tenant(shelf), actor="clerk-1", role="clerk", correlation=shelf,
                time=datetime.now(UTC), law_revision="none",
            )  # fmt: skip
            stored.append(MAPPER.to_stored_event(Recorded(f"shelf-{shelf}", self.versions[shelf], about, event)))
        self.recorder.insert_events(stored)


def folded(recorder: Recorder, view: View) -> dict[tuple[str, UUID], Row]:
    """Fold the whole store by one event at a time, without the projector: what its rows are measured by."""
    rows: dict[tuple[str, UUID], Row] = {}
    for stored in recorder.select_notifications(1, 1_000_000):
        one = MAPPER.to_domain_event(stored)
        key = one.about.tenant, one.subject
        if isinstance(one.event, view.of):
            row = view.fold(rows.get(key, {}), Seen(one.event, one.subject, one.about.tenant, stored.id))
            if row is not None:
                rows[key] = row
    return rows


def kept(recorder: Recorder, view: View) -> dict[int, dict[tuple[str, UUID], Row]]:
    """Read all rows of a view, by version."""
    found: dict[int, dict[tuple[str, UUID], Row]] = {}
    with recorder.connection() as connection:
        for row in connection.execute("SELECT version, tenant, subject, content FROM intake.row WHERE view = %s", (view.name,)):
            found.setdefault(row["version"], {})[row["tenant"], row["subject"]] = row["content"]
    return found
