"""The published entry of a file in the register (Art. 75, Order Art. 21, Arts. 110 and 117), and its digest."""

import hashlib
import json
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from contracts.values import Count, Digest, RecordedItem
from services.chassis.events import Value

Line = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Items = Annotated[tuple[RecordedItem, ...], Field(min_length=1, max_length=200)]


class Unit(Value):
    """A unit of the body that receives proposals: its name and its address (Art. 110(ii), 117(ii))."""

    name: str
    address: str


class RegisterFields(Value):
    """What the unit holding a file tells about it: fields 1-13, 19 and 20 of the register, in the law's order."""

    name: Line
    body_name: Line
    unit: Line
    purpose: Line
    recorded_items: Items
    population: Line
    collection: Line
    sensitive: bool
    regular_recipients: tuple[Line, ...]
    request_unit: Line
    special_procedure: Line | None = None
    file_type: Literal["60-2-1", "60-2-2"]
    order21_7: bool
    ordinance_sensitive: bool
    remarks: Line | None = None


class DatasetOutline(Value):
    """What was created from a file and until when others may propose to use it: fields 16-18 (Art. 117, Rule 63)."""

    case: UUID
    principal_count: Count
    items: tuple[RecordedItem, ...]
    unit: Unit
    reuse_from: date
    reuse_to: date


class RegisterEntry(Value):
    """The whole entry as it is published; a `proposal_unit` means that proposals are solicited (fields 14, 15)."""

    fields: RegisterFields
    proposal_unit: Unit | None
    datasets: tuple[DatasetOutline, ...]

    def digest(self) -> Digest:
        """Give `sha256:<hex>` of the entry's canonical JSON: UTF-8, sorted members, no blanks."""
        text = json.dumps(self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
