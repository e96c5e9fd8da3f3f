"""Making the bytes the world hears: payload and attributes, once, at append."""

from collections.abc import Callable
from typing import Final

from pydantic_core import from_json, to_json

from contracts.catalog import owned
from contracts.envelope import CONTENT_TYPE, MAX_PAYLOAD, SPECVERSION, Envelope, header_name, timestamp, utc
from contracts.values import ContractEvent
from services.chassis.events import Event, Refused
from services.chassis.recorded import About, Announcement
from services.chassis.recorder import Outgoing

HEADERS: Final = tuple((header_name(name), name) for name in Envelope.model_fields)
OPENING: Final = (("ce_specversion", SPECVERSION.encode()), ("content-type", CONTENT_TYPE.encode()))

Announce = Callable[[Event, object], ContractEvent | None]


def make_announcement(owner: str, said: ContractEvent, about: About) -> Announcement:
    """Write a contract event's bytes; raises Refused when the payload is larger than a log entry may hold."""
    entry = owned(owner, type(said))
    value = said.model_dump_json().encode()
    if len(value) > MAX_PAYLOAD:
        raise Refused("size", entry.name, f"an event may hold {MAX_PAYLOAD} bytes, this one has {len(value)}")
    # The attributes known before the append; position, recorded time and `after` are given by the database. A model of
    # them, made to be dumped, took four fifths of an announcement; the types are About's, which were checked there.
    attributes = {
        "id": about.id,
        "source": f"/anken/{owner}",
        "type": entry.type,
        "time": timestamp(about.time),
        "dataschema": entry.dataschema,
        "tenantid": about.tenant,
        "correlationid": about.correlation,
        "causationid": about.causation,
        "actor": about.actor,
        "actorrole": about.role,
        "lawrevision": about.law_revision,
        "traceparent": about.traceparent,
    }
    return Announcement(value, to_json({name: known for name, known in attributes.items() if known is not None}))


def key_of(outgoing: Outgoing) -> bytes:
    """Give the record key: the case or other subject, as the stream's name has it from a UUID's own text."""
    return outgoing.stream[-36:].encode()


def headers_of(outgoing: Outgoing) -> list[tuple[str, bytes]]:
    """Complete the stored attributes with what the database gave: the same row always gives the same headers.

    The attributes were checked when they were written; an Envelope made here only to be taken apart costs half of a relay's time.
    """
    known: dict[str, str | None] = from_json(outgoing.attributes)
    known["subject"] = outgoing.stream[-36:]
    known["recordedtime"] = timestamp(utc(outgoing.recorded))
    known["after"] = outgoing.after
    known["position"] = str(outgoing.position)
    known["previousposition"] = None if outgoing.previous is None else str(outgoing.previous)
    return [*OPENING, *((header, value.encode()) for header, name in HEADERS if (value := known.get(name)))]
