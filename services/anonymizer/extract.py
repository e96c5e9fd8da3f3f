"""The extract of one case, from plan to acknowledged delivery. Pure: no clock, no disk, no engine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, assert_never

from services.anonymizer.events import (
    ContractNoted,
    DecisionNoted,
    DeliveryAcknowledged,
    DeliveryCollected,
    DeliveryReissued,
    ExtractDelivered,
    ExtractEvent,
    ExtractProduced,
    ExtractRejected,
    ExtractVerified,
    FileNoted,
    KeysDestroyed,
    ProcessingPlanned,
    ProposerNoted,
    RegisterNoted,
    SettlementNoted,
    SpecificationKept,
)
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command, Refused

CONFORMING: Final = "conforming"


@dataclass(frozen=True, slots=True)
class Extract:
    """State folded from events; only what a decision needs to know."""

    proposer: str | None = None
    decision: DecisionNoted | None = None
    settled: bool = False
    contract: ContractNoted | None = None
    registered: bool = False
    plan: ProcessingPlanned | None = None
    produced: ExtractProduced | None = None
    rejected: bool = False
    verified: bool = False
    fingerprints: tuple[str, ...] = ()
    keys_destroyed: bool = False
    delivered: ExtractDelivered | None = None
    token: str | None = None
    collected: bool = False
    acknowledged: str | None = None


def evolve(extract: Extract, event: ExtractEvent) -> Extract:
    """Fold one event into the extract."""
    match event:
        case ProposerNoted(account=account):
            return replace(extract, proposer=account)
        case DecisionNoted():
            return replace(extract, decision=event)
        case SettlementNoted():
            return replace(extract, settled=True)
        case ContractNoted():
            return replace(extract, contract=event)
        case RegisterNoted():
            return replace(extract, registered=True)
        case ProcessingPlanned():
            return replace(extract, plan=event)
        case ExtractProduced():
            return replace(extract, produced=event, rejected=False, fingerprints=(*extract.fingerprints, event.key_fingerprint))
        case ExtractVerified():
            return replace(extract, verified=True)
        case ExtractRejected():
            return replace(extract, produced=None, rejected=True)
        case KeysDestroyed():
            return replace(extract, keys_destroyed=True)
        case ExtractDelivered(token=token):
            return replace(extract, delivered=event, token=token)
        case DeliveryReissued(token=token):
            return replace(extract, token=token)
        case DeliveryCollected():
            return replace(extract, token=None, collected=True)
        case DeliveryAcknowledged(received=received):
            return replace(extract, acknowledged=received)
        case _:
            assert_never(event)


class PlanProcessing(Command):
    """`kept` and `entry` are None where no such specification was kept or the file's register entry has not been heard of."""

    specification: str
    kept: SpecificationKept | None
    entry: FileNoted | None
    source: str
    source_name: str


def decided_specification(extract: Extract, wanted: str) -> DecisionNoted:
    """Give the decision a plan rests on; raises Refused unless it is conforming and names the digest that is wanted (Art. 116(1))."""
    decision = extract.decision
    if decision is None or decision.outcome != CONFORMING:
        raise Refused("114", "outcome", "only a conforming proposal is processed")
    if wanted != decision.specification:
        raise Refused("116", "specification", "another digest than the decided one")
    return decision


def plan(extract: Extract, command: PlanProcessing) -> Iterator[ExtractEvent]:
    """Bind the decided specification to a source file (Art. 116(1), procedure T21), after fee and contract."""
    decision = decided_specification(extract, command.specification)
    if not extract.settled:
        raise Refused("119", "fee", "the fee is not paid")
    if extract.contract is None:
        raise Refused("115", "contract", "the use contract is not concluded")
    if command.kept is None:
        raise Refused("116", "specification", "no specification with this digest is kept")
    if command.entry is None:
        raise Refused("75", "file", "the register entry of the file is not known here")
    for column in command.kept.columns:
        if column not in command.entry.recorded_items:
            raise Refused("V13", f"columns.{column}", "the register entry has no such recorded item")
    planned = ProcessingPlanned(
        specification=command.specification,
        file=decision.file,
        source=command.source,
        source_name=command.source_name,
        k=command.kept.k,
    )
    if planned == extract.plan:
        return
    if extract.produced is not None:
        raise Refused("116", "source", "the extract was produced from another file")
    yield planned


class RecordProduction(Command):
    """What the engine says it did; the decision compares it with the plan."""

    specification: str
    source: str
    engine: str
    records_read: int
    records_drawn: int
    records_suppressed: int
    records: int
    items: tuple[str, ...]
    k: int
    smallest_before: int
    smallest: int
    parquet: str
    csv: str
    report: str
    key_fingerprint: str
    producer: str


def planned_processing(extract: Extract) -> ProcessingPlanned:
    """Give the plan; raises Refused where there is none."""
    if extract.plan is None:
        raise Refused("116", "plan", "nothing has been planned")
    return extract.plan


def produce(extract: Extract, command: RecordProduction) -> Iterator[ExtractEvent]:
    """Record the extract if it is the planned one (Rule 62); a plan is carried out once unless the extract was rejected."""
    planned = planned_processing(extract)
    if extract.produced is not None:
        return
    if command.specification != planned.specification:
        raise Refused("116", "specification", "another digest than the planned one")
    if command.source != planned.source:
        raise Refused("116", "source", "the source file has changed since it was planned")
    if command.smallest < planned.k:
        raise Refused("62", "risk.k", f"the smallest class has {command.smallest} records, {planned.k} are asked for")
    people = decided_specification(extract, planned.specification).principal_count
    if command.records > people:
        raise Refused("112", "records", f"the extract holds {command.records} persons, {people} were decided")
    yield ExtractProduced.model_validate(command.model_dump())


class VerifyExtract(Command):
    """What a recount of the written files found; `fault` is rule and field of what the specification promises otherwise."""

    checker: str
    records: int
    items: tuple[str, ...]
    smallest: int
    parquet: str
    csv: str
    fault: tuple[str, str] | None


def extract_to_check(extract: Extract, checker: str) -> ExtractProduced:
    """Give the extract that `checker` may check; raises Refused where there is none or it is the checker's own work (V34)."""
    if extract.produced is None:
        raise Refused("116", "extract", "nothing has been produced")
    if checker == extract.produced.producer:
        raise Refused("V34", "checker", "who produced the extract does not check it")
    return extract.produced


def verify(extract: Extract, command: VerifyExtract) -> Iterator[ExtractEvent]:
    """Compare the recount with what was said; any disagreement rejects the extract (Rule 65)."""
    produced = extract_to_check(extract, command.checker)
    if extract.verified:
        return
    fault = disagreement(produced, command)
    if fault is not None:
        rule, field = fault
        yield ExtractRejected(rule=rule, field=field, checker=command.checker)
        return
    yield ExtractVerified(
        records=command.records,
        items=command.items,
        smallest=command.smallest,
        parquet=command.parquet,
        csv=command.csv,
        checker=command.checker,
    )


def disagreement(produced: ExtractProduced, recount: VerifyExtract) -> tuple[str, str] | None:
    """Give rule and field of the first thing in which the written files differ from what was said or promised."""
    compared = (
        ("116", "parquet", recount.parquet == produced.parquet),
        ("116", "csv", recount.csv == produced.csv),
        ("116", "records", recount.records == produced.records),
        ("116", "items", recount.items == produced.items),
        ("62", "smallest", recount.smallest == produced.smallest and recount.smallest >= produced.k),
    )
    return next(((rule, field) for rule, field, agrees in compared if not agrees), recount.fault)


class DestroyKeys(Command):
    """The keys were deleted from the protected place."""


def destroyable_keys(extract: Extract) -> tuple[str, ...]:
    """Give the fingerprints of the keys that may go; raises Refused while they are needed for producing again (V31)."""
    if not extract.verified:
        raise Refused("V31", "keys", "the keys are destroyed once a second person has verified the extract")
    return extract.fingerprints


def destroy_keys(extract: Extract, _command: DestroyKeys) -> Iterator[ExtractEvent]:
    """Record that the keys are gone (V31); gone once is gone."""
    fingerprints = destroyable_keys(extract)
    if not extract.keys_destroyed:
        yield KeysDestroyed(fingerprints=fingerprints)


EXTRACT: Final = Aggregate("extract", Extract(), evolve)
