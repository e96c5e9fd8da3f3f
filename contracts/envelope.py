"""The CloudEvents 1.0 attributes every event carries, and their binary form in Kafka headers.

Written by hand because the published library turns "no data" into an empty value instead of a tombstone and spells
`traceparent` as `ce_traceparent`, which tracing does not read. It serves as the second opinion in the tests.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer, StringConstraints, ValidationError

CONTENT_TYPE: Final = "application/json"
SPECVERSION: Final = "1.0"
PLAIN: Final = frozenset({"content-type", "position", "previousposition", "traceparent"})
MAX_PAYLOAD: Final = 48 * 1024


class Undecodable(Exception):
    """A Kafka record that is no event of ours: `reason` says which attribute is missing or wrong, never a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def timestamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 with microseconds; UTC is `Z`, any other offset stands as it is."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


Time = Annotated[AwareDatetime, PlainSerializer(timestamp, return_type=str)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Envelope(BaseModel):
    """The attributes around a payload. Names are CloudEvents' own: lower-case letters and digits."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    source: Text
    type: Text
    subject: Text
    time: Time
    recordedtime: Time
    dataschema: Text
    tenantid: Text
    correlationid: UUID
    causationid: UUID | None = None
    after: str = ""
    actor: Text
    actorrole: Text
    lawrevision: Text
    traceparent: str | None = None
    position: int
    previousposition: int | None = None


def to_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    """Encode the attributes as Kafka headers in a fixed order; an absent attribute has no header."""
    attributes = envelope.model_dump(mode="json", exclude_none=True)
    if not attributes["after"]:
        del attributes["after"]
    headers = [("ce_specversion", SPECVERSION), ("content-type", CONTENT_TYPE)]
    headers += [(name if name in PLAIN else f"ce_{name}", str(value)) for name, value in attributes.items()]
    return [(name, value.encode()) for name, value in headers]


def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Decode Kafka headers; raises Undecodable naming the first attribute that is missing or malformed."""
    found: dict[str, Any] = {}
    for name, value in headers:
        try:
            found[name.removeprefix("ce_")] = (value or b"").decode()
        except UnicodeDecodeError:
            reason = f"header {name[:64]!r} is not UTF-8"
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
