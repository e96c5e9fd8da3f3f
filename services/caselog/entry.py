r"""The entry: one line that holds an event whole, whose hash is the next link of its subject's chain.

The head is flat and its members stand in a fixed order; the payload's bytes are spliced in behind it as they came, never
parsed and written again. So the first `,"data":` is the border (within the head every quotation mark is escaped), and
anyone can check an entry with `printf '\0' | cat - entry | sha256sum` (evidence: provable-log.md, sections 4 and 7).
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from contracts.catalog import BY_TYPE
from contracts.envelope import Envelope

LONGEST_LINE: Final = 65_535
LONGEST_SEQ: Final = 2**63 - 1
NO_LEAF: Final = bytes(32)
BORDER: Final = b',"data":'


class Flag(StrEnum):
    """Why an entry's payload is not what its type promises; it is recorded all the same."""

    UNPARSED = "unparsed"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    INVALID = "invalid"


class NotOneValue(ValueError):
    """The payload is not one JSON value in UTF-8 on one line: spliced as it is, it could forge a head."""


class Unrecordable(ValueError):
    """An event that no line can hold: `reason` says which limit it breaks, never a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Linked:
    """One entry in its place in the chain."""

    line: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One event ready to be logged: all of its line but its place in the chain, which it gets when it is admitted."""

    envelope: Envelope
    flag: Flag | None
    rest: bytes

    @property
    def tenant(self) -> str:
        """Whose log it belongs to."""
        return self.envelope.tenantid

    @property
    def subject(self) -> UUID:
        """Whose chain it belongs to."""
        return UUID(self.envelope.subject)

    def link(self, seq: int, previous: bytes) -> Linked:
        """Write the line for place `seq` (from 1) after the leaf `previous` (32 bytes, zeros for the first)."""
        chain: dict[str, str | int] = {"tenantid": self.tenant, "subject": str(self.subject), "seq": seq, "prev": previous.hex()}
        line = compact(chain)[:-1] + self.rest
        return Linked(line, leaf_of(line))


def leaf_of(line: bytes) -> bytes:
    """Hash a line as a leaf of the log's tree (RFC 9162, section 2.1.1: SHA-256 over 0x00 and the entry)."""
    return hashlib.sha256(b"\0" + line).digest()


def write_entry(envelope: Envelope, owner: str, payload: bytes) -> Entry:
    """Make an event's entry, `owner` being whose topic it came from; raises Unrecordable when no line can hold it."""
    try:
        subject = UUID(envelope.subject)
    except ValueError:
        raise Unrecordable("attribute subject: no uuid") from None
    if str(subject) != envelope.subject:
        raise Unrecordable("attribute subject: no uuid in its canonical form")
    for name in ("tenantid", "type"):
        if "\0" in getattr(envelope, name):
            raise Unrecordable(f"attribute {name}: holds a NUL")
    flag, data = judge(envelope.type, owner, payload)
    entry = Entry(envelope, flag, b"," + compact(_attributes(envelope, flag))[1:-1] + BORDER + data + b"}")
    length = len(entry.link(LONGEST_SEQ, NO_LEAF).line)
    if length > LONGEST_LINE:
        raise Unrecordable(f"the line may hold {LONGEST_LINE} bytes, this one would have up to {length}")
    return entry


def _attributes(envelope: Envelope, flag: Flag | None) -> dict[str, str | int]:
    """List the head's members behind the chain's own, in their fixed order; what is absent has no member."""
    written = envelope.model_dump(mode="json", exclude_none=True)
    if not written["after"]:
        del written["after"]
    if flag is not None:
        written["flag"] = flag.value
    return {name: written[name] for name in HEAD if name in written}


HEAD: Final = (
    "id", "source", "type", "dataschema", "time", "recordedtime", "correlationid", "causationid", "after",
    "actor", "actorrole", "lawrevision", "traceparent", "position", "previousposition", "flag",
)  # fmt: skip


def judge(kind: str, owner: str, payload: bytes) -> tuple[Flag | None, bytes]:
    """Give what is wrong with a payload, if anything, and the bytes that stand for it: its own, or their base64 as text."""
    try:
        read_payload(payload)
    except NotOneValue:
        return Flag.UNPARSED, b'"%b"' % base64.b64encode(payload)
    entry = BY_TYPE.get(kind)
    if entry is None:
        return Flag.UNKNOWN, payload
    if entry.owner != owner:
        return Flag.FOREIGN, payload
    try:
        entry.model.model_validate_json(payload)
    except ValidationError:
        return Flag.INVALID, payload
    return None, payload


def read_payload(payload: bytes) -> JsonValue:
    """Read one JSON value from one line of UTF-8 (RFC 8259; no NaN, no unpaired surrogate); raises NotOneValue."""
    if b"\n" in payload or b"\r" in payload:
        raise NotOneValue("more than one line")
    try:
        value: JsonValue = from_json(payload, allow_inf_nan=False)
    except ValueError as error:
        raise NotOneValue(str(error)) from None
    return value


def split(line: bytes) -> tuple[dict[str, str | int], bytes]:
    """Take a line apart at its border: the head's members and the payload's bytes."""
    head, _, data = line.partition(BORDER)
    members: dict[str, str | int] = json.loads(head + b"}")
    return members, data[:-1]


def compact(members: dict[str, str | int]) -> bytes:
    """Write a flat JSON object without spaces, in UTF-8."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
