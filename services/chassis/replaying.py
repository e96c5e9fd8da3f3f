"""Replaying letters: what an inbox could not take is decided on the state of now, each letter in one transaction, a case's in order."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from structlog.stdlib import get_logger

from contracts.envelope import Undecodable
from services.chassis.dead_letters import Letter
from services.chassis.desk import Desk
from services.chassis.heard import Reactions
from services.chassis.inbox_store import AlreadyTaken, InboxStore, Move
from services.chassis.kept_letters import KeptLetter, KeptLetters, State
from services.chassis.loop import pause
from services.chassis.reactions import RECORDS_FAULT, Reacting, failed
from services.chassis.received import Received, receive
from services.chassis.recorded import Appending
from services.chassis.recorder import VersionConflict

log = get_logger(__name__)

ATTEMPTS: Final = 20


class Unreplayable(Exception):
    """A letter stays as it is, and nothing was stored; the message names it and says why."""

    def __init__(self, letter: int, reason: str) -> None:
        super().__init__(f"letter {letter}: {reason}")
        self.letter = letter
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Replayed:
    """One letter that is closed now, and how many events followed from it."""

    letter: int
    events: int


@dataclass(frozen=True, slots=True)
class _Decided:
    """What replaying a letter comes to; `case` is the one it belongs to, if any waits for it."""

    kept: KeptLetter
    case: UUID | None
    moves: Mapping[str, Move]
    events: Sequence[Appending]


class Replaying:
    """Replays the letters of one room. Letters and appends change under one lock, so a running inbox and a replay never cross."""

    def __init__(self, desk: Desk, reactions: Reactions) -> None:
        self.desk = desk
        self.reacting = Reacting(desk, reactions)
        self.store = InboxStore(desk.recorder)
        self.letters = KeptLetters(desk.recorder.datastore.schema)

    def replay_case(self, case: UUID, actor: str) -> Iterator[Replayed]:
        """Replay the open letters of a case in order, those that an inbox adds meanwhile too; the last one releases the case.

        Raises Unreplayable at the first that fails again: it and those behind it stay, those before it are done.
        """
        while True:
            with self.desk.recorder.datastore.get_connection() as connection:
                first = self.letters.first_of(connection, case)
            if first is None:
                return
            yield self.replay(first, actor)

    def replay(self, number: int, actor: str) -> Replayed:
        """Decide one letter as an inbox would now, append what follows and close it; raises Unreplayable, nothing stored then."""
        for attempt in range(ATTEMPTS):
            decided = self._decided(number)
            try:
                self._close(decided, actor)
            except (AlreadyTaken, VersionConflict):
                time.sleep(pause(attempt) / 4)
                continue
            kept = decided.kept
            log.info(
                "letter replayed", letter=number, actor=actor, events=len(decided.events), tenant=kept.tenant, event_type=kept.type,
                event_id=kept.event_id and str(kept.event_id),
            )  # fmt: skip
            return Replayed(number, len(decided.events))
        raise Unreplayable(number, f"{ATTEMPTS} attempts met a newer version each time")

    def _decided(self, number: int) -> _Decided:
        with self.desk.recorder.datastore.get_connection() as connection:
            kept = self.letters.one(connection, number)
            if kept is None:
                raise Unreplayable(number, "there is none of this number")
            if kept.state is not State.OPEN:
                raise Unreplayable(number, f"it was {kept.state} already")
            raw = self.letters.raw(connection, number)
        try:
            received = receive(raw)
        except Undecodable as error:
            raise Unreplayable(number, f"{kept.cause}: {error.reason}") from None
        moves: dict[str, Move] = {}
        if kept.position is None:  # it had no envelope when it came, so that its place was not moved
            place = self.store.places_of([raw.source]).get(raw.source)
            if place is not None and received.envelope.position <= place:
                return _Decided(kept, None, {}, ())  # taken meanwhile from another copy
            moves[raw.source] = _next(number, received, place)
        reaction = self.reacting.reaction(received)
        letter, reading = reaction.letter, self.desk.reading(reaction.steps)
        if letter is None and reaction.concerns:
            letter = self.reacting.decide(reaction, reading)
        if letter is not None:
            raise again(number, letter)
        return _Decided(kept, reaction.subject if reaction.concerns else kept.subject, moves, self.desk.stored(reading))

    def _close(self, decided: _Decided, actor: str) -> None:
        kept, number = decided.kept, decided.kept.letter
        try:
            with self.desk.recorder.datastore.get_connection() as connection, connection.transaction():
                self.letters.lock(connection)
                first = None if decided.case is None else self.letters.first_of(connection, decided.case)
                if first is not None and first != number:
                    raise Unreplayable(number, f"letter {first} of the same case comes first")
                self.store.places.move(connection, decided.moves)
                if not self.letters.replayed(connection, number, actor):
                    raise Unreplayable(number, "somebody else has closed it meanwhile")
                (outcome,) = self.desk.recorder.append(connection, [decided.events])
                if isinstance(outcome, VersionConflict):
                    raise outcome
        except RECORDS_FAULT as error:
            with self.desk.recorder.datastore.get_connection() as connection:
                received = receive(self.letters.raw(connection, number))
            raise again(number, failed(received, kept.subject, error)) from None


def again(number: int, letter: Letter) -> Unreplayable:
    """Say that a letter failed again, and how."""
    stack = f" (stack {letter.stack})" if letter.stack else ""
    return Unreplayable(number, f"{letter.cause} again: {letter.reason}{stack}")


def _next(number: int, received: Received, place: int | None) -> Move:
    """Give the move that taking a record comes to; raises Unreplayable in a hole."""
    envelope, source = received.envelope, received.raw.source
    if envelope.previousposition != place:
        owner = source.partition("/")[0]
        since = 1 if place is None else place
        reason = f"it is position {envelope.position} of {source}, and what comes before it is missing: republish {owner} from {since}"
        raise Unreplayable(number, reason)
    return Move(place, envelope.position)
