"""Reacting: from a record to the steps it leads to, and what they decide; a refusal is a fact, a failure a letter."""

import hashlib
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from eventsourcing.persistence import DataError, PersistenceError
from psycopg import DataError as PsycopgDataError
from psycopg import Error as PsycopgError
from pydantic import ValidationError
from structlog.stdlib import get_logger

from contracts.catalog import BY_TYPE
from contracts.topics import owner_of
from services.chassis.actor import Acting, Cause, service_actor
from services.chassis.aggregate import Step, step
from services.chassis.dead_letters import Cause as Why
from services.chassis.dead_letters import Letter
from services.chassis.desk import Desk
from services.chassis.events import Refused
from services.chassis.heard import Heard, Reactions
from services.chassis.keyring import KeyFileUnusable
from services.chassis.logs import describe, places
from services.chassis.loop import AWAY
from services.chassis.reading import NotFound, Reading
from services.chassis.received import Received
from services.chassis.recorder import VersionConflict
from services.chassis.refusal import REFUSAL, RecordRefusal, record_refusal
from services.chassis.spans import reaction_span
from services.chassis.trace import traceparent

log = get_logger(__name__)

# Our own troubles are not the record's fault: they are waited out or end the process, and no fact is buried for them.
OURS: Final = (*AWAY, VersionConflict, PersistenceError, PsycopgError, KeyFileUnusable)
RECORDS_FAULT: Final = (DataError, PsycopgDataError)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a record leads to: steps to decide, in whose name and because of what; or a letter, if it could not be understood."""

    received: Received
    subject: UUID | None = None
    steps: tuple[Step, ...] = ()
    letter: Letter | None = None

    @property
    def concerns(self) -> bool:
        """Tell whether this service reacts to the record at all."""
        return bool(self.steps) or self.letter is not None


class Reacting:
    """One room's reactions, decided at its desk."""

    def __init__(self, desk: Desk, reactions: Reactions) -> None:
        self.desk = desk
        self.reactions = reactions

    def reaction(self, received: Received) -> Reaction:
        """Find what a record leads to; reads and writes nothing."""
        envelope = received.envelope
        entry = BY_TYPE.get(envelope.type)
        if entry is None or entry.model not in self.reactions:
            return Reaction(received)
        if entry.owner != owner_of(received.raw.topic) or received.raw.key != envelope.subject.encode():
            # Not said by who may say it: kept, but no case waits for it.
            reason = "attribute type or subject: not this topic's, or not this record key's"
            return Reaction(received, letter=Letter(received.raw, envelope, None, Why.FOREIGN, reason))
        subject: UUID | None = None
        try:
            subject = UUID(envelope.subject)
            event = entry.model.model_validate_json(received.value)
        except (ValidationError, ValueError) as error:
            return Reaction(received, subject, letter=Letter(received.raw, envelope, subject, Why.PAYLOAD, f"payload: {describe(error)}"))
        heard = Heard(event, envelope.id, subject, envelope.tenantid, envelope.actor, envelope.time, self.desk.today())
        try:
            steps = tuple(self.reactions[type(event)](heard))
        except Exception as error:
            if isinstance(error, OURS):
                raise
            return Reaction(received, subject, letter=failed(received, subject, error))
        return Reaction(received, subject, steps)

    def decide(self, reaction: Reaction, reading: Reading) -> Letter | None:
        """Decide a reaction within a reading: all of its steps or, where one is refused, the refusal; gives a letter if it fails."""
        envelope = reaction.received.envelope
        cause = Cause(envelope.id, envelope.correlationid)
        with reaction_span(reaction.received):
            acting = service_actor(self.desk.service, envelope.tenantid, traceparent())
            part = reading.part(envelope.tenantid)
            try:
                for one in reaction.steps:
                    self.desk.decide(part, one, acting, cause)
            except (Refused, NotFound) as refused:
                part = self._refused(reaction, refused, reading, acting, cause)
            except Exception as error:
                if isinstance(error, OURS) and not isinstance(error, RECORDS_FAULT):
                    raise
                return failed(reaction.received, reaction.subject, error)
        reading.keep(part)
        return None

    def _refused(self, reaction: Reaction, refused: Refused | NotFound, reading: Reading, acting: Acting, cause: Cause) -> Reading:
        envelope, last = reaction.received.envelope, reaction.steps[-1]
        refusal = RecordRefusal(
            rule=refused.rule if isinstance(refused, Refused) else "unknown",
            field=refused.field if isinstance(refused, Refused) else refused.what,
            reaction=getattr(last.decide, "__name__", "reaction"),
            event=envelope.id,
        )
        log.warning(
            "reaction refused", tenant=envelope.tenantid, rule=refusal.rule, field=refusal.field,
            event_type=envelope.type, event_id=str(envelope.id),
        )  # fmt: skip
        part = reading.part(envelope.tenantid)
        self.desk.decide(part, step(REFUSAL, UUID(envelope.subject), record_refusal, refusal), acting, cause)
        return part


def failed(received: Received, subject: UUID | None, error: BaseException) -> Letter:
    """Make a letter of a record on which our code broke: a defect of ours, or a record no rule foresaw."""
    envelope = received.envelope
    log.error("reaction failed", tenant=envelope.tenantid, event_type=envelope.type, event_id=str(envelope.id), exc_info=error)
    stack = hashlib.sha256("\n".join(places(error.__traceback__)).encode()).hexdigest()[:16]
    return Letter(received.raw, envelope, subject, Why.FAILED, f"{type(error).__name__}: {describe(error)}", stack)


def behind(received: Received, subject: UUID) -> Letter:
    """Make a letter of a record whose case is parked."""
    return Letter(received.raw, received.envelope, subject, Why.PARKED, "the case is parked behind an earlier letter")
