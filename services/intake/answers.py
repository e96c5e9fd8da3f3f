"""What intake answers about a file, a call or a case: its state as JSON."""

from typing import Final
from uuid import UUID

from pydantic import JsonValue

from services.chassis.views import Row
from services.intake.call import Call
from services.intake.file import PersonalInfoFile
from services.intake.proposal import Proposal

INTERNAL: Final = frozenset({"principal_count", "eligible"})


def published_row(row: Row) -> Row:
    """Give a file's row without what stays internal."""
    return {name: value for name, value in row.items() if name not in INTERNAL}


def file_answer(subject: UUID, file: PersonalInfoFile, *, internal: bool) -> dict[str, JsonValue]:
    """Give a file's entry as it is published; `internal` adds its eligibility and how many people it holds."""
    published: dict[str, JsonValue] = {
        "file": str(subject),
        "body": file.body,
        "version": file.version,
        "entry_digest": file.entry_digest,
        "flagged": file.flagged,
        "entry": file.entry().model_dump(mode="json"),
    }
    if not internal:
        return published
    return {
        **published,
        "principal_count": file.principal_count,
        "met": None if file.met is None else list(file.met),
        "reasons": file.reasons,
    }


def call_answer(subject: UUID, call: Call) -> dict[str, JsonValue]:
    """Give a call's particulars and whether its window is open."""
    notice: dict[str, JsonValue] = {} if call.notice is None else call.notice.model_dump(mode="json")
    return {"call": str(subject), "status": call.status, **notice}


def proposal_answer(subject: UUID, proposal: Proposal, *, internal: bool) -> dict[str, JsonValue]:
    """Give a case: what was filed, and how far it has come; `internal` adds how many people the file holds."""
    unsaid = set() if internal else {"file_principal_count"}
    return {
        "case": str(subject),
        "status": proposal.status,
        "outcome": proposal.outcome,
        "stages": [*sorted(proposal.stages)],
        "checked": None if proposal.checked is None else list(proposal.checked),
        "filed": None if proposal.filed is None else proposal.filed.model_dump(mode="json", exclude=unsaid),
        "extract": None if proposal.extract is None else proposal.extract.model_dump(mode="json"),
        "registered": None if proposal.registered is None else proposal.registered.model_dump(mode="json"),
    }
