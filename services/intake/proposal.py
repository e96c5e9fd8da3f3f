"""A proposal, which is a case: submitted, found complete, and what became of it (Arts. 112, 117). Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal, assert_never
from uuid import UUID

from contracts.values import Code, Count, Digest, Number, RecordedItem
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused, Value
from services.intake.events import (
    DecisionNoted,
    ExtractNoted,
    ProposalEvent,
    ProposalFoundComplete,
    ProposalSubmitted,
    RegisterUpdated,
    Stage,
    StageNoted,
)
from services.intake.file import require_unit
from services.intake.form7 import Form7, check
from services.intake.register import DatasetOutline, Unit

ITEMS: Final = tuple(f"112(2)({roman})" for roman in ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii"))
STAGES: Final[tuple[Stage, ...]] = ("use_ended", "acknowledged", "delivered", "keys_destroyed", "created", "contracted")


@dataclass(frozen=True, slots=True)
class Proposal:
    """State folded from events: what was filed, and the facts other services told, in whatever order they came."""

    filed: ProposalSubmitted | None = None
    checked: tuple[str, ...] | None = None
    outcome: Code | None = None
    stages: frozenset[Stage] = frozenset()
    extract: ExtractNoted | None = None
    registered: RegisterUpdated | None = None

    @property
    def status(self) -> str:
        """How far the case has come, as the proposer may know it."""
        for stage in STAGES:
            if stage in self.stages:
                return stage
        return self.outcome or ("under_review" if self.checked is not None else "received")


def evolve(proposal: Proposal, event: ProposalEvent) -> Proposal:
    """Fold one event."""
    match event:
        case ProposalSubmitted():
            return replace(proposal, filed=event)
        case ProposalFoundComplete(checked=checked):
            return replace(proposal, checked=checked)
        case DecisionNoted(outcome=outcome):
            return replace(proposal, outcome=outcome)
        case StageNoted(stage=stage):
            return replace(proposal, stages=proposal.stages | {stage})
        case ExtractNoted():
            return replace(proposal, extract=event)
        case RegisterUpdated():
            return replace(proposal, registered=event)
        case _:
            assert_never(event)


class CalledFile(Value):
    """The call and the file a proposal is about, as they stand; the event ids are absent while there is no such event."""

    call: UUID
    call_status: Literal["none", "noticed", "open", "closed"]
    call_event: UUID | None
    starts: date
    ends: date
    files: tuple[UUID, ...]
    file: UUID
    file_event: UUID | None
    body: Code
    register_version: Count
    principal_count: Count
    recorded_items: tuple[RecordedItem, ...]


class SubmitProposal(Command):
    form: Form7
    called: CalledFile
    party: UUID
    receipt_number: Number
    received: date
    min_principals: int
    required_papers: tuple[str, ...]
    certificate_max_age_months: int
    attachment_kinds: tuple[str, ...]
    delivery_methods: tuple[str, ...]


def submit(proposal: Proposal, command: SubmitProposal) -> Iterator[ProposalEvent]:
    """Receive a proposal for a new dataset: V09 open call that lists the file, V11 count, and a complete form (V12-V17, V21)."""
    if proposal.filed is not None:
        return
    called, form = command.called, command.form
    call_event, file_event = _admissible(called, command.received)
    check(
        form,
        command.received,
        called.recorded_items,
        command.required_papers,
        command.certificate_max_age_months,
        attachment_kinds=command.attachment_kinds,
        delivery_methods=command.delivery_methods,
    )
    if form.principal_count is None or form.use_from is None or form.use_to is None or form.delivery_method is None:
        raise Refused("V12", "form", "an item is missing (Art. 112(2))")
    if form.principal_count < command.min_principals:
        raise Refused("V11", "principal_count", f"a dataset has {command.min_principals} people at least")
    if form.principal_count > called.principal_count:
        raise Refused("V11", "principal_count", "the file has fewer people")
    yield ProposalSubmitted(
        receipt_number=command.receipt_number,
        kind="NEW",
        body=called.body,
        call=called.call,
        call_event=call_event,
        file=called.file,
        file_event=file_event,
        register_version=called.register_version,
        party=command.party,
        principal_count=form.principal_count,
        file_principal_count=called.principal_count,
        recorded_items=called.recorded_items,
        wanted_items=tuple(form.wanted),
        granularity=json.dumps(form.wanted, ensure_ascii=False),
        proposer=form.proposer,
        address=form.address,
        representative=form.representative,
        purpose=form.purpose,
        business=form.business,
        use_from=form.use_from,
        use_to=form.use_to,
        period_reason=form.period_reason,
        safeguards=form.safeguards,
        delivery_method=form.delivery_method,
        attachments=form.attachments,
        received=command.received,
    )


def _admissible(called: CalledFile, received: date) -> tuple[UUID, UUID]:
    if called.call_status != "open" or called.call_event is None:
        raise Refused("V09", "call", f"the call is not open: its window is {called.starts} to {called.ends}")
    if not called.starts <= received <= called.ends:
        raise Refused("V09", "call", f"{received} lies outside the window {called.starts} to {called.ends}")
    if called.file not in called.files or called.file_event is None:
        raise Refused("112", "file", "the call does not list this file (Art. 112(1))")
    return called.call_event, called.file_event


class FindComplete(Command):
    """The coordinating unit found nothing missing."""


def find_complete(proposal: Proposal, _: FindComplete) -> Iterator[ProposalEvent]:
    """Say that items and papers are complete (Rule 54), naming each that was looked at; once."""
    filed = _filed(proposal)
    if proposal.checked is None:
        yield ProposalFoundComplete(checked=(*ITEMS, *dict.fromkeys(paper.kind for paper in filed.attachments)))


class NoteDecision(Command):
    outcome: Code


def note_decision(proposal: Proposal, command: NoteDecision) -> Iterator[ProposalEvent]:
    """Take in how the head decided; always accepted."""
    if proposal.outcome != command.outcome:
        yield DecisionNoted(outcome=command.outcome)


class NoteStage(Command):
    stage: Stage


def note_stage(proposal: Proposal, command: NoteStage) -> Iterator[ProposalEvent]:
    """Take in that the case reached a stage; always accepted."""
    if command.stage not in proposal.stages:
        yield StageNoted(stage=command.stage)


class NoteExtract(Command):
    records: Count
    items: tuple[RecordedItem, ...]


def note_extract(proposal: Proposal, command: NoteExtract) -> Iterator[ProposalEvent]:
    """Take in what the verified extract contains; always accepted."""
    noted = ExtractNoted(records=command.records, items=command.items)
    if proposal.extract != noted:
        yield noted


class UpdateRegister(Command):
    case: UUID
    unit: Unit
    reuse_from: date
    reuse_to: date
    version: Count
    entry_digest: Digest


def update_register(proposal: Proposal, command: UpdateRegister) -> Iterator[ProposalEvent]:
    """Fill fields 16-18 of the file's entry (Art. 117, Rule 63), after the extract was verified and its keys destroyed."""
    filed = _filed(proposal)
    outline = outline_of(proposal, command.case, command.unit, command.reuse_from, command.reuse_to)
    if proposal.registered is not None:
        known = proposal.registered
        if (known.unit, known.reuse_from, known.reuse_to) == (command.unit, command.reuse_from, command.reuse_to):
            return
        raise Refused("117", "reuse_from", "the register was updated with other particulars")
    yield RegisterUpdated(
        file=filed.file,
        version=command.version,
        principal_count=outline.principal_count,
        items=outline.items,
        unit=command.unit,
        reuse_from=command.reuse_from,
        reuse_to=command.reuse_to,
        entry_digest=command.entry_digest,
    )


def outline_of(proposal: Proposal, case: UUID, unit: Unit, reuse_from: date, reuse_to: date) -> DatasetOutline:
    """Give what the register will say of the created dataset; raises Refused (117) while there is nothing to say."""
    if proposal.extract is None:
        raise Refused("117", "extract", "no extract of this case has been verified")
    if "keys_destroyed" not in proposal.stages:
        raise Refused("117", "keys", "the keys of the extract have not been destroyed")
    require_unit(unit, "117", "unit")
    if reuse_from > reuse_to:
        raise Refused("117", "reuse_to", "the period of reuse ends before it begins")
    return DatasetOutline(
        case=case,
        principal_count=proposal.extract.records,
        items=proposal.extract.items,
        unit=unit,
        reuse_from=reuse_from,
        reuse_to=reuse_to,
    )


def _filed(proposal: Proposal) -> ProposalSubmitted:
    if proposal.filed is None:
        raise Refused("112", "case", "there is no such proposal")
    return proposal.filed


PROPOSAL: Final = Aggregate("proposal", Proposal(), evolve)
