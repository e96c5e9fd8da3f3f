"""A backlog as review's store has it: an announced cost estimate in each of many cases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from uuid6 import uuid7

from contracts import review
from services.chassis.announcement import make_announcement
from services.chassis.recorded import About, Appending, Recorded, RecordedMapper
from services.review.events import CostEstimated

MAPPER: Final = RecordedMapper()
PARTY: Final = UUID(int=7)


def cost_estimates(count: int) -> Iterator[Appending]:
    """Make the estimates of so many cases, each with all attributes an announced event can have."""
    own = CostEstimated(creation_minutes=480, outsourcing=0)
    said = review.CostEstimated(body="mayor", kind="NEW", party=PARTY, dataset=None, creation_minutes=480, outsourcing=0)
    for _ in range(count):
        case = UUID(bytes=uuid7().bytes)
        about = About(
            id=UUID(bytes=uuid7().bytes), tenant="minatono", actor="coordinator-1", role="coordinator", correlation=case,
            causation=UUID(bytes=uuid7().bytes), time=datetime.now(UTC), law_revision="20260717_508AC0000000062",
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )  # fmt: skip
        yield MAPPER.to_stored_event(Recorded(f"screening-{case}", 1, about, own, make_announcement("review", said, about)))
