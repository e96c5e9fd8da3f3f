"""Limits of a request: a body too large, and values in it that a later step could not hold."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES: Final = 2 << 20
GREATEST: Final = 2**53 - 1  # RFC 8259, 6: what every reader of JSON holds exactly
YEARS: Final = range(1868, 3000)  # both ends leave room for the day before and for adding years

Place = tuple[int | str, ...]


class TooLarge(HTTPException):
    """The body is larger than any request needs."""

    def __init__(self) -> None:
        super().__init__(413, f"a body has {MOST_BYTES} bytes at most")


class BodyLimit:
    """Middleware that stops reading a body at MOST_BYTES, whether its length was declared or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES:
                raise TooLarge
            return message

        await self.app(scope, limited, send)


def refuse_unholdable(body: BaseModel) -> None:
    """Refuse text, numbers and dates that PostgreSQL's JSON, other readers or the calendar cannot hold; raises ValidationError."""
    errors = [
        InitErrorDetails(type=PydanticCustomError("unholdable", message), loc=place, input=None) for place, message in unholdable(body)
    ]
    if errors:
        raise ValidationError.from_exception_data(type(body).__name__, errors)


def unholdable(value: object, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Find what cannot be held: each place, and what is wrong there."""
    match value:
        case BaseModel():
            yield from unholdable(dict(value), place)
        case dict():
            for name, member in value.items():
                yield from unholdable(name, (*place, str(name)))
                yield from unholdable(member, (*place, str(name)))
        case list() | tuple():
            for number, member in enumerate(value):
                yield from unholdable(member, (*place, number))
        case str() if "\0" in value:
            yield place, "Text holds no NUL character"
        case int() if abs(value) > GREATEST:
            yield place, f"Numbers lie between -{GREATEST} and {GREATEST}"
        case date() if value.year not in YEARS:
            yield place, f"Years lie between {YEARS.start} and {YEARS.stop - 1}"
        case _:
            return
