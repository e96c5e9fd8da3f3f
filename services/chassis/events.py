"""The bases of what a service says: events, commands, values, and the refusal that names its rule."""

from datetime import date
from functools import cache
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict


class Refused(Exception):
    """A decision that the rules do not allow: `rule` is an article or a validation, `field` the input it concerns."""

    def __init__(self, rule: str, field: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.field = field
        self.message = message


class SealedMark:
    """Marks a text field that leaves this process only encrypted under the key of its case."""


SEALED: Final = SealedMark()
Sealed = Annotated[str, SEALED]


class Value(BaseModel):
    """Immutable plain data inside an event or a command; unknown members are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Command(Value):
    """What somebody, a reaction or a date asks for, imperative; it carries everything that varies (today, the law)."""


class Event(Value):
    """What has happened, past tense: payload alone. The chassis wraps id, tenant, actor, cause and times around it.

    A subclass names its stable topic, which outlives any renaming: `class FeePaid(Event, topic="billing.FeePaid")`.
    Sealed fields stand at the top level of an event only.
    """

    TOPIC: ClassVar[str] = ""

    def __init_subclass__(cls, topic: str = "", **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)  # type: ignore[arg-type]  # pydantic takes its own configuration there
        if topic:
            known = TOPICS.setdefault(topic, cls)
            if known.__qualname__ != cls.__qualname__ or known.__module__ != cls.__module__:
                message = f"the topic {topic} belongs to {known.__module__}.{known.__qualname__}"
                raise TypeError(message)
            cls.TOPIC = topic

    def effective_on(self) -> date | None:
        """Give the date on which this took effect, where the event has one of its own (a payment's day)."""
        return None


TOPICS: Final[dict[str, type[Event]]] = {}


@cache
def sealed_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """List the names of the fields that are sealed, in their order."""
    return tuple(name for name, field in model.model_fields.items() if SEALED in field.metadata)
