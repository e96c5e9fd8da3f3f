"""An event with everything around it: identity, tenant, actor, cause, time; and its place in a stream."""

from dataclasses import dataclass, replace
from functools import cache
from uuid import UUID

from eventsourcing.persistence import Mapper, StoredEvent
from pydantic import AwareDatetime, BaseModel, ConfigDict, create_model

from contracts.topics import partition_of
from services.chassis.events import TOPICS, Event


class About(BaseModel):
    """What the envelope says of an event beside its payload."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    tenant: str
    actor: str
    role: str
    correlation: UUID
    causation: UUID | None = None
    time: AwareDatetime
    law_revision: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """The bytes the world will hear: the contract event's value and its attributes, made once."""

    value: bytes
    attributes: bytes


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event of one stream, as it is kept; `announced` is None for a silent one and on reading back."""

    originator_id: str
    originator_version: int
    about: About
    event: Event
    announced: Announcement | None = None

    @property
    def subject(self) -> UUID:
        """The uuid in the stream's name: what the event is about."""
        return subject_of(self.originator_id)


def subject_of(stream: str) -> UUID:
    """Take the uuid out of `<aggregate>-<uuid>`."""
    return UUID(stream[-36:])


@dataclass(frozen=True)
class Appending(StoredEvent):
    """A stored event with the columns of ours that the library does not know."""

    event_id: UUID
    tenant: str
    partition: int | None
    value: bytes | None
    attributes: bytes | None


class UnknownTopic(LookupError):
    """A stored event whose topic no module of this version registers."""


class RecordedMapper(Mapper[str]):
    """Maps Recorded to stored rows and back; the state is `{"about": …, "event": …}` as compact JSON."""

    def __init__(self) -> None:
        """Make a mapper that needs no transcoder: pydantic writes and reads the bytes."""

    def to_stored_event(self, domain_event: Recorded) -> Appending:  # type: ignore[override]  # our events carry an envelope
        """Write the envelope and the payload, which must be sealed already."""
        announced = domain_event.announced
        return Appending(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=domain_event.event.TOPIC,
            state=b'{"about":%b,"event":%b}'
            % (domain_event.about.model_dump_json(exclude_none=True).encode(), domain_event.event.model_dump_json().encode()),
            event_id=domain_event.about.id,
            tenant=domain_event.about.tenant,
            partition=None if announced is None else partition_of(str(domain_event.subject)),
            value=None if announced is None else announced.value,
            attributes=None if announced is None else announced.attributes,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        """Read a row back; sealed fields stay sealed. Raises UnknownTopic."""
        model = TOPICS.get(stored_event.topic)
        if model is None:
            raise UnknownTopic(stored_event.topic)
        state = reader_of(model).model_validate_json(stored_event.state)
        return Recorded(str(stored_event.originator_id), stored_event.originator_version, state.about, state.event)


class State(BaseModel):
    """The two parts of a stored state."""

    about: About
    event: Event


@cache
def reader_of(model: type[Event]) -> type[State]:
    """Make the model that reads the stored states of one event class."""
    return create_model(f"{model.__name__}State", __base__=State, event=(model, ...))


def with_event(recorded: Recorded, event: Event) -> Recorded:
    """Give the same record around another payload, as when sealed text is opened."""
    return replace(recorded, event=event)
