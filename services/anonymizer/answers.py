"""An extract as staff and its proposer see it over HTTP: states, digests and counts."""

from uuid import UUID

from pydantic import BaseModel

from services.anonymizer.extract import Extract


class ExtractAnswer(BaseModel):
    """What is known of a case's extract; what has not happened yet is null or false. Nothing of the processing method."""

    case: UUID
    outcome: str | None
    specification: str | None
    paid: bool
    contracted: bool
    registered: bool
    planned: bool
    source: str | None
    k: int | None
    records_read: int | None
    records_drawn: int | None
    records_suppressed: int | None
    records: int | None
    items: tuple[str, ...]
    smallest_before: int | None
    smallest: int | None
    parquet: str | None
    csv: str | None
    report: str | None
    rejected: bool
    verified: bool
    keys_destroyed: bool
    delivered: bool
    collected: bool
    acknowledged: str | None


def extract_answer(case: UUID, extract: Extract) -> ExtractAnswer:
    """Show an extract."""
    decision, plan, produced = extract.decision, extract.plan, extract.produced
    return ExtractAnswer(
        case=case,
        outcome=decision.outcome if decision else None,
        specification=decision.specification if decision else None,
        paid=extract.settled,
        contracted=extract.contract is not None,
        registered=extract.registered,
        planned=plan is not None,
        source=plan.source if plan else None,
        k=plan.k if plan else None,
        records_read=produced.records_read if produced else None,
        records_drawn=produced.records_drawn if produced else None,
        records_suppressed=produced.records_suppressed if produced else None,
        records=produced.records if produced else None,
        items=produced.items if produced else (),
        smallest_before=produced.smallest_before if produced else None,
        smallest=produced.smallest if produced else None,
        parquet=produced.parquet if produced else None,
        csv=produced.csv if produced else None,
        report=produced.report if produced else None,
        rejected=extract.rejected,
        verified=extract.verified,
        keys_destroyed=extract.keys_destroyed,
        delivered=extract.delivered is not None,
        collected=extract.collected,
        acknowledged=extract.acknowledged,
    )
