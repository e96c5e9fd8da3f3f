"""Events as real ones are: a proposal found complete, announced, with everything around it."""

from datetime import UTC, datetime
from itertools import repeat
from typing import Final
from uuid import UUID

from uuid6 import uuid7

from services.chassis.announcement import make_announcement
from services.chassis.recorded import About, Appending, Recorded, RecordedMapper
from services.intake.announce import announce
from services.intake.events import ProposalFoundComplete
from services.intake.proposal import ITEMS

MAPPER: Final = RecordedMapper()
PAPERS: Final = ("pledge", "certificate_of_registration", "certificate_of_seal", "safeguards", "delegation", "identity_of_representative")
EVENT: Final = ProposalFoundComplete(checked=(*ITEMS, *PAPERS))


def found_complete(case: UUID | None = None) -> Appending:
    """Make the first event of a case of its own."""
    subject = case or UUID(bytes=uuid7().bytes)
    about = About(
        id=UUID(bytes=uuid7().bytes),
        tenant="minatono",
        actor="coordinator-1",
        role="coordinator",
        correlation=subject,
        causation=UUID(bytes=uuid7().bytes),
        time=datetime.now(UTC),
        law_revision="20260717_508AC0000000062",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    said = announce(EVENT, None)
    if said is None:
        raise TypeError("the event is not announced any more: choose another")
    return MAPPER.to_stored_event(Recorded(f"proposal-{subject}", 1, about, EVENT, make_announcement("intake", said, about)))


def many(count: int) -> list[Appending]:
    """Make the first events of so many cases."""
    return [found_complete(case) for case in repeat(None, count)]
