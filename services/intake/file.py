"""A personal-information file and its register entry: registered, assessed, flagged. Pure: no clock, no I/O."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never

from contracts.values import Code, Count
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused, Value
from services.intake.events import FileEligibilityAssessed, FileEvent, FileFlagged, FileOutlineEntered, FileRegistered
from services.intake.register import DatasetOutline, RegisterEntry, RegisterFields, Unit

BODY: Final = re.compile(r"[a-z0-9\-]{1,32}")  # an implementing body's code, such as `mayor` or `board-of-education`
CONDITIONS: Final = ("60(3)(i)", "60(3)(ii)", "60(3)(iii)")


@dataclass(frozen=True, slots=True)
class PersonalInfoFile:
    """State folded from events; `version` counts the published entry's changes."""

    fields: RegisterFields | None = None
    body: str = ""
    of_assembly: bool = False
    principal_count: int = 0
    version: int = 0
    entry_digest: str = ""
    met: tuple[str, ...] | None = None
    reasons: str = ""
    proposal_unit: Unit | None = None
    datasets: tuple[DatasetOutline, ...] = ()

    @property
    def flagged(self) -> bool:
        """Proposals are solicited for this file (Art. 110)."""
        return self.proposal_unit is not None

    def entry(self) -> RegisterEntry:
        """Give the published entry as it stands; raises Refused (75) for a file that is not registered."""
        if self.fields is None:
            raise Refused("75", "file", "the file is not in the register")
        return RegisterEntry(fields=self.fields, proposal_unit=self.proposal_unit, datasets=self.datasets)


def evolve(file: PersonalInfoFile, event: FileEvent) -> PersonalInfoFile:
    """Fold one event."""
    match event:
        case FileRegistered():
            return replace(
                file,
                fields=event.fields,
                body=event.body,
                of_assembly=event.of_assembly,
                principal_count=event.principal_count,
                version=event.version,
                entry_digest=event.entry_digest,
            )
        case FileEligibilityAssessed(met=met, reasons=reasons):
            return replace(file, met=met, reasons=reasons)
        case FileFlagged(unit=unit, version=version, entry_digest=digest):
            return replace(file, proposal_unit=unit, version=version, entry_digest=digest)
        case FileOutlineEntered(outline=outline, version=version, entry_digest=digest):
            return replace(file, datasets=(*file.datasets, outline), version=version, entry_digest=digest)
        case _:
            assert_never(event)


class RegisterFile(Command):
    body: Code
    of_assembly: bool
    fields: RegisterFields
    principal_count: Count
    min_principals: int


def register(file: PersonalInfoFile, command: RegisterFile) -> Iterator[FileEvent]:
    """Enter a file in the register; one with fewer people than the Order's number has no entry (V01, Order Art. 20(2))."""
    if BODY.fullmatch(command.body) is None:
        raise Refused("75", "body", "a body's code is made of lower-case letters, digits and hyphens, 32 at most")
    if command.principal_count < command.min_principals:
        raise Refused("V01", "principal_count", f"the register takes files of {command.min_principals} people and more")
    if len(set(command.fields.recorded_items)) != len(command.fields.recorded_items):
        raise Refused("75", "recorded_items", "a recorded item is named twice")
    if file.fields is not None:
        if (file.fields, file.body, file.principal_count) == (command.fields, command.body, command.principal_count):
            return
        raise Refused("75", "file", "the file is registered already with other particulars")
    yield FileRegistered(
        body=command.body,
        of_assembly=command.of_assembly,
        fields=command.fields,
        principal_count=command.principal_count,
        version=1,
        entry_digest=RegisterEntry(fields=command.fields, proposal_unit=None, datasets=()).digest(),
    )


class ConditionFinding(Value):
    """One condition of Art. 60(3), whether it is met, and why."""

    condition: Literal["60(3)(i)", "60(3)(ii)", "60(3)(iii)"]
    met: bool
    reason: str


class AssessEligibility(Command):
    findings: tuple[ConditionFinding, ...]


def assess(file: PersonalInfoFile, command: AssessEligibility) -> Iterator[FileEvent]:
    """Judge the three conditions of Art. 60(3), each once and with its reason (V03)."""
    file.entry()
    if sorted(finding.condition for finding in command.findings) != sorted(CONDITIONS):
        raise Refused("V03", "findings", f"one finding is wanted for each of {', '.join(CONDITIONS)}")
    for finding in command.findings:
        if not finding.reason.strip():
            raise Refused("V03", "reason", f"the finding on {finding.condition} gives no reason")
    by_condition = {finding.condition: finding for finding in command.findings}
    met = tuple(condition for condition in CONDITIONS if by_condition[condition].met)
    reasons = json.dumps({condition: by_condition[condition].reason for condition in CONDITIONS}, ensure_ascii=False)
    if (file.met, file.reasons) == (met, reasons):
        return
    if file.flagged:
        raise Refused("110", "findings", "the file is flagged on the findings it has")
    yield FileEligibilityAssessed(eligible=met == CONDITIONS, met=met, reasons=reasons)


class FlagFile(Command):
    unit: Unit


def flag(file: PersonalInfoFile, command: FlagFile) -> Iterator[FileEvent]:
    """Say in the entry that proposals are solicited and where (Art. 110); V03 three positive findings, V04 unit, V35 assembly."""
    entry = file.entry()
    if file.of_assembly:
        raise Refused("V35", "body", "files of an assembly cannot be called (Art. 2(11)(ii))")
    if file.met != CONDITIONS:
        missing = [condition for condition in CONDITIONS if condition not in (file.met or ())]
        raise Refused("V03", "findings", f"not found met: {', '.join(missing)}")
    require_unit(command.unit, "V04", "unit")
    if file.proposal_unit == command.unit:
        return
    flagged = entry.model_copy(update={"proposal_unit": command.unit})
    yield FileFlagged(unit=command.unit, version=file.version + 1, entry_digest=flagged.digest())


class EnterOutline(Command):
    outline: DatasetOutline


def enter_outline(file: PersonalInfoFile, command: EnterOutline) -> Iterator[FileEvent]:
    """Add a dataset's outline to the entry (Art. 117), once a case; version and digest are those RegisterUpdated tells."""
    entry = file.entry()
    if any(known.case == command.outline.case for known in file.datasets):
        return
    told = entry.model_copy(update={"datasets": (*file.datasets, command.outline)})
    yield FileOutlineEntered(outline=command.outline, version=file.version + 1, entry_digest=told.digest())


def require_unit(unit: Unit, rule: str, field: str) -> None:
    """Refuse a unit without a name or without an address."""
    for part in ("name", "address"):
        if not getattr(unit, part).strip():
            raise Refused(rule, f"{field}.{part}", f"the receiving unit's {part} is missing")


FILE: Final = Aggregate("file", PersonalInfoFile(), evolve)
