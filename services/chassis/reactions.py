"""Reacting: from a record to the steps it leads to, appended together with the place it was read at."""

from collections.abc import Sequence
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
from contracts.values import ContractEvent
from services.chassis.actor import Cause, service_actor
from services.chassis.aggregate import Step, step
from services.chassis.dead_letters import DeadLetters
from services.chassis.desk import Desk, NotFound
from services.chassis.events import Refused
from services.chassis.heard import Heard, Reactions
from services.chassis.keyring import KeyFileUnusable
from services.chassis.logs import describe
from services.chassis.loop import AWAY
from services.chassis.received import Received
from services.chassis.recorder import AlreadyTaken, Taking, VersionConflict
from services.chassis.refusal import REFUSAL, RecordRefusal, record_refusal
from services.chassis.spans import reaction_span
from services.chassis.trace import traceparent

log = get_logger(__name__)

HEARD: Final = "heard:"
# Our own troubles are not the record's fault: they are waited out or end the process, and no fact is buried for them.
PASS_ON: Final = (*AWAY, AlreadyTaken, VersionConflict, PersistenceError, PsycopgError, KeyFileUnusable)
RECORDS_FAULT: Final = (DataError, PsycopgDataError)


@dataclass(slots=True)
class Reader:
    """The place up to which this service has read one source: what is stored, and what it has only passed over since."""

    name: str
    stored: int | None
    passed: int | None

    def taking(self, position: int) -> Taking:
        """Describe the move from the stored place to `position`."""
        return Taking(self.name, self.stored, position)

    def moved(self, position: int) -> None:
        """Remember that the place was stored."""
        self.stored = self.passed = position


class ReactingListener:
    """Takes records in order: each reaction's events and the place read are one append."""

    def __init__(self, desk: Desk, reactions: Reactions, dead_letters: DeadLetters) -> None:
        self.desk = desk
        self.reactions = reactions
        self.dead_letters = dead_letters

    def place(self, source: str) -> int | None:
        """Give the position taken last from a source."""
        place: int | None = self.desk.recorder.max_tracking_id(HEARD + source)
        return place

    def take(self, source: str, since: int | None, records: Sequence[Received]) -> None:
        """React to each record; those that concern nobody here only move the place, once at the end."""
        reader = Reader(HEARD + source, since, since)
        for received in records:
            self._one(reader, received)
        if reader.passed is not None and reader.passed != reader.stored:
            self.desk.skip(reader.taking(reader.passed))

    def _one(self, reader: Reader, received: Received) -> None:
        position = received.envelope.position
        entry = BY_TYPE.get(received.envelope.type)
        if entry is None or entry.model not in self.reactions:
            reader.passed = position
            return
        if entry.owner != owner_of(received.raw.topic) or received.raw.key != received.envelope.subject.encode():
            self.dead_letters.bury(received.raw, "attribute type or subject: not this topic's, or not this record key's")
            reader.passed = position
            return
        try:
            event = entry.model.model_validate_json(received.value)
            subject = UUID(received.envelope.subject)
        except (ValidationError, ValueError) as error:
            self.dead_letters.bury(received.raw, f"payload: {describe(error)}")
            reader.passed = position
            return
        try:
            with reaction_span(received):
                self._react(reader, received, event, subject)
        except Exception as error:
            if isinstance(error, PASS_ON) and not isinstance(error, RECORDS_FAULT):
                raise
            # A defect of ours or a record no rule foresaw: kept whole for an operator, and the partition goes on.
            log.exception(
                "reaction failed", tenant=received.envelope.tenantid, event_type=received.envelope.type, event_id=str(received.envelope.id)
            )
            self.dead_letters.bury(received.raw, f"{type(error).__name__}: {describe(error)}")
            reader.passed = position
            return
        reader.moved(position)

    def _react(self, reader: Reader, received: Received, event: ContractEvent, subject: UUID) -> None:
        envelope = received.envelope
        acting = service_actor(self.desk.service, envelope.tenantid, traceparent())
        cause = Cause(envelope.id, envelope.correlationid)
        taking = reader.taking(envelope.position)
        heard = Heard(event, envelope.id, subject, envelope.tenantid, envelope.actor, envelope.time, self.desk.today())
        steps: tuple[Step, ...] = tuple(self.reactions[type(event)](heard))
        if not steps:
            self.desk.skip(taking)
            return
        try:
            self.desk.take(acting, *steps, cause=cause, taking=taking)
        except (Refused, NotFound) as refused:
            refusal = RecordRefusal(
                rule=refused.rule if isinstance(refused, Refused) else "unknown",
                field=refused.field if isinstance(refused, Refused) else refused.what,
                reaction=steps[-1].decide.__name__,
                event=envelope.id,
            )
            log.warning(
                "reaction refused",
                tenant=envelope.tenantid,
                rule=refusal.rule,
                field=refusal.field,
                event_type=envelope.type,
                event_id=str(envelope.id),
            )
            self.desk.take(acting, step(REFUSAL, subject, record_refusal, refusal), cause=cause, taking=taking)
