"""What intake lists: files, calls and proposals, one row each; no word that somebody typed into a proposal."""

from typing import Final

from services.chassis.views import Row, Seen, View
from services.intake.events import (
    CallClosed,
    CallNoticed,
    CallOpened,
    DecisionNoted,
    FileEligibilityAssessed,
    FileFlagged,
    FileOutlineEntered,
    FileRegistered,
    ProposalFoundComplete,
    ProposalSubmitted,
    RegisterUpdated,
    StageNoted,
)
from services.intake.proposal import STAGES


def fold_file(row: Row, seen: Seen) -> Row | None:
    """Give the row of a file's entry; name and unit are the published register's words (Art. 75)."""
    match seen.event:
        case FileRegistered() as event:
            return {
                "file": str(seen.subject),
                "name": event.fields.name,
                "unit": event.fields.unit,
                "body": event.body,
                "version": event.version,
                "principal_count": event.principal_count,
                "flagged": False,
                "datasets": 0,
            }
        case FileEligibilityAssessed(eligible=eligible):
            return {**row, "eligible": eligible}
        case FileFlagged(version=version):
            return {**row, "flagged": True, "version": version}
        case FileOutlineEntered(version=version):
            datasets = row.get("datasets")
            return {**row, "datasets": (datasets if isinstance(datasets, int) else 0) + 1, "version": version}
        case _:
            return None


def fold_call(row: Row, seen: Seen) -> Row | None:
    """Give the row of a call."""
    match seen.event:
        case CallNoticed() as event:
            return {"call": str(seen.subject), **event.model_dump(mode="json"), "status": "noticed"}
        case CallOpened():
            return {**row, "status": "open"}
        case CallClosed():
            return {**row, "status": "closed"}
        case _:
            return None


def fold_proposal(row: Row, seen: Seen) -> Row | None:
    """Give the row of a case: numbers, ids, dates and how far it has come."""
    match seen.event:
        case ProposalSubmitted() as event:
            clear = {"receipt_number", "kind", "body", "call", "file", "party", "principal_count", "use_from", "use_to", "received"}
            return {
                **row,
                "case": str(seen.subject),
                **event.model_dump(mode="json", include=clear),
                "status": row.get("status", "received"),
            }
        case ProposalFoundComplete():
            return {**row, "status": _further(row, "under_review")}
        case DecisionNoted(outcome=outcome):
            return {**row, "outcome": outcome, "status": _further(row, outcome)}
        case StageNoted(stage=stage):
            return {**row, "status": _further(row, stage)}
        case RegisterUpdated(version=version):
            return {**row, "register_version": version}
        case _:
            return None


def _further(row: Row, reached: str) -> str:
    """Give the later of the row's status and a new one: what other services tell comes in any order."""
    status = str(row.get("status", "received"))
    return max(status, reached, key=ORDER.index)


ORDER: Final = ("received", "under_review", "conforming", "non_conforming", *reversed(STAGES))
VIEWS: Final[tuple[View, ...]] = (
    View("files", fold_file, of=(FileRegistered, FileEligibilityAssessed, FileFlagged, FileOutlineEntered)),
    View("calls", fold_call, of=(CallNoticed, CallOpened, CallClosed)),
    View("proposals", fold_proposal, of=(ProposalSubmitted, ProposalFoundComplete, DecisionNoted, StageNoted, RegisterUpdated)),
)
