"""The CloudEvents 1.0 attributes every event carries, and their binary form in Kafka headers.

Written by hand because the published library turns "no data" into an empty value instead of a tombstone and spells
`traceparent` as `ce_traceparent`, which tracing does not read. It serves as the second opinion in the tests.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

CONTENT_TYPE: Final = "application/json"
SPECVERSION: Final = "1.0"
PLAIN: Final = frozenset({"content-type", "position", "previousposition", "traceparent"})
MAX_PAYLOAD: Final = 48 * 1024
LAST_POSITION: Final = 2**63 - 1
RFC_3339: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
CANONICAL_UUID: Final = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
DIGITS: Final = r"[0-9]+"


class Undecodable(Exception):
    """A Kafka record that is no event of ours: `reason` says which attribute is missing or wrong, never a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def timestamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 with microseconds; UTC is `Z`, any other offset stands as it is."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def written_as(pattern: str) -> BeforeValidator:
    """Let text through only in the one form our headers have; pydantic alone reads `1700000000` as a time and `1_000` as a number."""
    form = re.compile(pattern)

    def check(value: object) -> object:
        if isinstance(value, str) and not form.fullmatch(value):
            raise PydanticCustomError("wrong_form", "not in the form of this attribute")
        return value

    return BeforeValidator(check)


Time = Annotated[AwareDatetime, written_as(RFC_3339), PlainSerializer(timestamp, return_type=str)]
Id = Annotated[UUID, written_as(CANONICAL_UUID)]
Position = Annotated[int, written_as(DIGITS), Field(ge=0, le=LAST_POSITION)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Envelope(BaseModel):
    """The attributes around a payload. Names are CloudEvents' own: lower-case letters and digits."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id = Field(description="UUIDv7 of the event; a duplicate has the same id")
    source: Text = Field(description="who says it: /anken/<service>")
    type: Text = Field(description="jp.anken.<service>.<event-in-kebab>.v<major>")
    subject: Text = Field(description="the case, or the call, file or dataset it is about; also the record key")
    time: Time = Field(description="when it took effect: the event's own date where it has one, else the business clock")
    recordedtime: Time = Field(description="when it was stored, by the database's clock; never running backwards within a store")
    dataschema: Text = Field(description="$id of the payload's JSON Schema")
    tenantid: Text = Field(description="whose it is")
    correlationid: Id = Field(description="the journey it belongs to")
    causationid: Id | None = Field(default=None, description="id of the announced event that caused it, if one did")
    after: str = Field(default="", description="what its author had taken in of this partition, e.g. `billing=77 intake=1041`")
    actor: Text = Field(description="opaque id of the account; a reaction or a date acts as service:<name>")
    actorrole: Text = Field(description="the role in which the account acted")
    lawrevision: Text = Field(description="the statute's revision that was applied")
    traceparent: str | None = Field(default=None, description="W3C trace context, stored with the event")
    position: Position = Field(description="its place in the source's store")
    previousposition: Position | None = Field(default=None, description="the place before it on this partition; absent for the first")


def header_name(attribute: str) -> str:
    """Give the Kafka header of an attribute: `ce_` before CloudEvents' own, none before transport's."""
    return attribute if attribute in PLAIN else f"ce_{attribute}"


ATTRIBUTES: Final = {header_name(name): name for name in ("specversion", "content-type", *Envelope.model_fields)}


def to_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    """Encode the attributes as Kafka headers in a fixed order; an absent attribute has no header."""
    attributes = envelope.model_dump(mode="json", exclude_none=True)
    if not attributes["after"]:
        del attributes["after"]
    headers = [("ce_specversion", SPECVERSION), ("content-type", CONTENT_TYPE)]
    headers += [(header_name(name), str(value)) for name, value in attributes.items()]
    return [(name, value.encode()) for name, value in headers]


def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Decode Kafka headers, passing over foreign ones; raises Undecodable naming the first attribute that is missing or malformed."""
    found: dict[str, Any] = {}
    for name, value in headers:
        attribute = ATTRIBUTES.get(name)
        if attribute is None:
            continue
        try:
            found[attribute] = (value or b"").decode()
        except UnicodeDecodeError:
            reason = f"attribute {attribute}: not UTF-8"
            raise Undecodable(reason) from None
    if found.pop("specversion", None) != SPECVERSION:
        reason = "ce_specversion is not 1.0"
        raise Undecodable(reason)
    if not found.pop("content-type", "").startswith(CONTENT_TYPE):
        reason = "content-type is not application/json"
        raise Undecodable(reason)
    try:
        return Envelope.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        reason = f"attribute {'.'.join(str(part) for part in first['loc'])}: {first['type']}"
        raise Undecodable(reason) from None


def utc(moment: datetime) -> datetime:
    """Give the same moment in UTC."""
    return moment.astimezone(UTC)
