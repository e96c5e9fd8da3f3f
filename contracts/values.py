"""The kinds of value an event may carry: ids, codes, counts, dates, yen, digests and sealed text."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Yen = Annotated[int, Field(ge=0, description="integer yen")]
Count = Annotated[int, Field(ge=0)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:()\-]{1,64}$")]
Article = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .()\-]{1,64}$")]
Number = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Z0-9\-]+$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
SealedText = Annotated[
    str,
    StringConstraints(pattern=r"^sealed:v1:[A-Za-z0-9_\-]+$"),
    Field(
        description="AES-GCM under the subject's data key; associated data are the event's id and the field's name",
        json_schema_extra={"format": "sealed"},
    ),
]
RecordedItem = Annotated[str, StringConstraints(min_length=1, max_length=120)]
EventId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f\-]{36}$")]


class ContractValue(BaseModel):
    """Plain data inside a contract event; members that a newer author added are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class ContractEvent(ContractValue):
    """One event as the world hears it: the payload beside the envelope's attributes."""

    MAJOR: ClassVar[int] = 1


class ReactionRefused(ContractEvent):
    """What a listener would have done about an event was no longer allowed."""

    rule: Article
    field: RecordedItem
    reaction: Code
    event: EventId
