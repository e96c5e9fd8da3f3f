"""A call for proposals: noticed, opened, closed (Art. 111, Rule 53). Pure: no clock, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Literal, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.values import Code, Number
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused, Value
from services.intake.events import CallClosed, CallEvent, CallNoticed, CallOpened

Status = Literal["none", "noticed", "open", "closed"]


@dataclass(frozen=True, slots=True)
class Call:
    """State folded from events."""

    notice: CallNoticed | None = None
    status: Status = "none"


def evolve(call: Call, event: CallEvent) -> Call:
    """Fold one event."""
    match event:
        case CallNoticed():
            return replace(call, notice=event, status="noticed")
        case CallOpened():
            return replace(call, status="open")
        case CallClosed():
            return replace(call, status="closed")
        case _:
            assert_never(event)


def call_subject(tenant: str, number: str) -> UUID:
    """Give the id of the call with this number: one tenant cannot have two calls of one number."""
    return uuid5(NAMESPACE_URL, f"urn:anken:call:{tenant}:{number}")


class CalledFile(Value):
    """What a call must know of a file it lists."""

    file: UUID
    body: Code
    flagged: bool


class NoticeCall(Command):
    number: Number
    body: Code
    noticed: date
    starts: date
    ends: date
    files: tuple[CalledFile, ...]
    min_days: int


def notice(call: Call, command: NoticeCall) -> Iterator[CallEvent]:
    """Publish a call's particulars; V06 length of the window, V07 beforehand, V08 flagged files of the same body."""
    if call.notice is None:
        days = (command.ends - command.starts).days + 1
        if days < command.min_days:
            raise Refused("V06", "ends", f"the window has {days} days, both ends included; {command.min_days} are the least")
        if command.noticed > command.starts:
            raise Refused("V07", "starts", f"the notice of {command.noticed} does not come before the window")
    if not command.files:
        raise Refused("111", "files", "a call lists at least one file")
    for called in command.files:
        if not called.flagged:
            raise Refused("V08", "files", "a listed file is not flagged for proposals")
        if called.body != command.body:
            raise Refused("V08", "files", "a listed file is held by another body")
    noticed = CallNoticed(
        number=command.number,
        body=command.body,
        noticed=command.noticed if call.notice is None else call.notice.noticed,
        starts=command.starts,
        ends=command.ends,
        files=tuple(dict.fromkeys(called.file for called in command.files)),
    )
    if noticed == call.notice:
        return
    if call.notice is not None:
        raise Refused("111", "number", "a call of this number was noticed with other particulars")
    yield noticed


class OpenCall(Command):
    today: date


def open_window(call: Call, command: OpenCall) -> Iterator[CallEvent]:
    """Open the window on its first day (Rule 53(1)); once."""
    noticed = _noticed(call)
    if command.today < noticed.starts:
        raise Refused("111", "starts", f"the window opens on {noticed.starts}")
    if call.status == "noticed":
        yield CallOpened(starts=noticed.starts)


class CloseCall(Command):
    today: date


def close_window(call: Call, command: CloseCall) -> Iterator[CallEvent]:
    """Close the window the day after its last; a window that nobody opened in time is recorded as opened first."""
    noticed = _noticed(call)
    if command.today < noticed.ends + timedelta(days=1):
        raise Refused("111", "ends", f"the window is open up to and including {noticed.ends}")
    if call.status == "noticed":
        yield CallOpened(starts=noticed.starts)
    if call.status != "closed":
        yield CallClosed(ends=noticed.ends)


def _noticed(call: Call) -> CallNoticed:
    if call.notice is None:
        raise Refused("111", "call", "the call was not noticed")
    return call.notice


CALL: Final = Aggregate("call", Call(), evolve)
