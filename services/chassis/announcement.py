"""Making the bytes the world hears: payload and attributes, once, at append."""

from collections.abc import Callable
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.catalog import owned
from contracts.envelope import MAX_PAYLOAD, Envelope, Time, to_headers, utc
from contracts.values import ContractEvent
from services.chassis.events import Event, Refused
from services.chassis.recorded import About, Announcement, subject_of
from services.chassis.recorder import Outgoing

Announce = Callable[[Event, object], ContractEvent | None]


class Attributes(BaseModel):
    """The attributes known before the append; position, recorded time and `after` are given by the database."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    source: str
    type: str
    time: Time
    dataschema: str
    tenantid: str
    correlationid: UUID
    causationid: UUID | None = None
    actor: str
    actorrole: str
    lawrevision: str
    traceparent: str | None = None


def make_announcement(owner: str, said: ContractEvent, about: About) -> Announcement:
    """Write a contract event's bytes; raises Refused when the payload is larger than a log entry may hold."""
    entry = owned(owner, type(said))
    value = said.model_dump_json().encode()
    if len(value) > MAX_PAYLOAD:
        raise Refused("size", entry.name, f"an event may hold {MAX_PAYLOAD} bytes, this one has {len(value)}")
    attributes = Attributes(
        id=about.id,
        source=f"/anken/{owner}",
        type=entry.type,
        time=about.time,
        dataschema=entry.dataschema,
        tenantid=about.tenant,
        correlationid=about.correlation,
        causationid=about.causation,
        actor=about.actor,
        actorrole=about.role,
        lawrevision=about.law_revision,
        traceparent=about.traceparent,
    )
    return Announcement(value, attributes.model_dump_json(exclude_none=True).encode())


def headers_of(outgoing: Outgoing) -> list[tuple[str, bytes]]:
    """Complete the stored attributes with what the database gave: the same row always gives the same headers."""
    attributes = Attributes.model_validate_json(outgoing.attributes)
    return to_headers(
        Envelope(
            **attributes.model_dump(),
            subject=str(subject_of(outgoing.stream)),
            recordedtime=utc(outgoing.recorded),
            after=outgoing.after,
            position=outgoing.position,
            previousposition=outgoing.previous,
        )
    )
