"""`anken dlq`: an operator looks at a service's dead letters, has them replayed in order, or drops them, in a name that is kept."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from anken.data_folder import running
from anken.errors import Failed
from anken.reach import database_of

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import DictRow

    from services.chassis.kept_letters import KeptLetter, KeptLetters
    from services.chassis.received import RawRecord
    from services.chassis.replaying import Replaying

ACTOR: Final = re.compile(r"\S{1,200}")
LONGEST_REASON: Final = 500
NEVER: Final = (
    "the case log replays nothing: what it could not record is left out for good (caselog.left_out),"
    " what it could not read comes again with `anken republish`; drop the letter"
)


def list_letters(service: str, data: Path, *, every: bool, as_json: bool) -> None:
    """Print open letters, or all there ever were, in the order in which they were kept."""
    from services.chassis.kept_letters import State

    with _letters(service, data) as (connection, kept):
        found = kept.in_state(connection, [*State] if every else [State.OPEN])
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False, indent=2))
        return
    for one in found:
        print(_line(one))
    waiting = [one for one in found if one.state is State.OPEN]
    print(f"{_count(len(waiting), 'open letter')}, {_count(len({one.subject for one in waiting} - {None}), 'parked case')}")


def show_letter(service: str, number: int, data: Path, *, as_json: bool, payload: bool) -> None:
    """Print what is known of a letter and its envelope; the content, which holds sealed text or anybody's bytes, only when asked for."""
    with _letters(service, data) as (connection, kept):
        one = kept.one(connection, number)
        if one is None:
            raise Failed(f"{service} has no letter {number}")
        raw = kept.raw(connection, number)
    told: dict[str, Any] = {**one.model_dump(mode="json"), "envelope": _envelope(raw), "bytes": len(raw.value or b"")}
    if payload:
        told["key"], told["value"] = _text(raw.key), _text(raw.value)
        told["headers"] = [[name, _text(value)] for name, value in raw.headers]
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for name, value in told.items():
        if isinstance(value, dict):
            print("\n".join([f"{name}:", *(f"  {attribute}: {each}" for attribute, each in value.items())]))
        elif value is not None:
            print(f"{name}: {value}")


def replay_letters(service: str, data: Path, actor: str, *, number: int | None, case: UUID | None) -> None:
    """Replay one letter, the letters of one case in order, or all; raises Failed for those that fail again, which stay."""
    if service == "caselog":
        raise Failed(NEVER)
    _named(actor)
    from services.chassis.kept_letters import State
    from services.chassis.replaying import Unreplayable

    with _letters(service, data) as (connection, kept):
        waiting = kept.in_state(connection, [State.OPEN])
    if case is not None:
        cases: list[UUID | int] = [case]
        if case not in {one.subject for one in waiting}:
            raise Failed(f"{service} has no open letter of case {case}")
    elif number is not None:
        cases = [number]
    else:
        cases = [*dict.fromkeys(one.letter if one.subject is None else one.subject for one in waiting)]
    failed: list[str] = []
    done = 0
    with _replaying(service, data) as replaying:
        for one in cases:
            try:
                for replayed in replaying.replay_case(one, actor) if isinstance(one, UUID) else [replaying.replay(one, actor)]:
                    print(f"letter {replayed.letter}: replayed, {_count(replayed.events, 'event')}")
                    done += 1
            except Unreplayable as error:
                failed.append(str(error))
    if failed:
        raise Failed(f"{_count(done, 'letter')} replayed, stopped at " + "; ".join(failed))
    print(f"{_count(done, 'letter')} replayed")


def drop_letters(service: str, data: Path, actor: str, reason: str, *, number: int | None, case: UUID | None) -> None:
    """Close one letter, or all of a case, for good: what they said is not done, and why is kept."""
    _named(actor)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Failed(f"--reason says in 1 to {LONGEST_REASON} characters why the letter is dropped")
    with _letters(service, data) as (connection, kept):
        _log_as(service)
        dropped = kept.drop(connection, actor, reason.strip(), number=number, case=case)
    if not dropped:
        raise Failed(f"{service} has no open letter " + (str(number) if case is None else f"of case {case}"))
    print("\n".join(f"letter {one.letter}: dropped" for one in dropped))


@contextmanager
def _letters(service: str, data: Path) -> "Iterator[tuple[Connection[DictRow], KeptLetters]]":
    import psycopg
    from psycopg.rows import dict_row

    from services.chassis.kept_letters import KeptLetters
    from services.chassis.recorder import connection_parameters

    parameters = {"connect_timeout": 10, **connection_parameters(database_of(service, data), f"anken_{service}")}
    with psycopg.connect(**parameters, row_factory=dict_row, autocommit=True) as connection:
        yield connection, KeptLetters(service)


@contextmanager
def _replaying(service: str, data: Path) -> "Iterator[Replaying]":
    import importlib

    from services.chassis.keyring import KeyFileUnusable
    from services.chassis.loop import AWAY
    from services.chassis.room import make_replaying
    from services.chassis.settings import settings_for

    secrets = (running(data) or {}).get("secrets")
    own_key = {"key_file": Path(secrets) / "keyring.key"} if secrets and not os.environ.get("ANKEN_KEY_FILE") else {}
    settings = settings_for(service, database_url=database_of(service, data), **own_key)
    _log_as(service)
    try:
        replaying, close = make_replaying(importlib.import_module(f"services.{service}.service").ROOM, settings)
        try:
            yield replaying
        finally:
            close()
    except KeyFileUnusable as error:
        raise Failed(str(error)) from None
    except AWAY as error:
        raise Failed(f"the database went away: {next(iter(str(error).splitlines()), type(error).__name__)}") from None


def _log_as(service: str) -> None:
    """Let what is logged (who replayed or dropped what, where a reaction broke) go to standard error as a service's lines do."""
    from services.chassis.logs import configure_logs

    configure_logs(service, os.environ.get("ANKEN_LOG_LEVEL", "INFO"), sys.stderr)


def _named(actor: str) -> None:
    if not ACTOR.fullmatch(actor):
        raise Failed("--actor is the account in whose name this is done: 1 to 200 characters without spaces")


def _envelope(raw: "RawRecord") -> dict[str, Any]:
    """Give a readable record's attributes; of another only the headers' names, for it may hold anything."""
    from contracts.envelope import Undecodable
    from services.chassis.received import receive

    try:
        return receive(raw).envelope.model_dump(mode="json", exclude_none=True)
    except Undecodable:
        return {name: f"{len(value or b'')} bytes" for name, value in raw.headers}


def _line(one: "KeptLetter") -> str:
    closed = "" if one.closed is None else f"  {one.state} {one.closed:%Y-%m-%d %H:%M} by {one.actor}"
    what = (one.type or "no event").removeprefix("jp.anken.")
    about = "no case waits" if one.subject is None else f"case {one.subject}"
    stack = f" (stack {one.stack})" if one.stack else ""
    return f"{one.letter}  {one.since:%Y-%m-%d %H:%M}  {one.cause}  {what}  {about}  {one.reason}{stack}{closed}"


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "backslashreplace")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
