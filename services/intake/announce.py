"""Which of intake's events the world hears, and as what."""

from contracts import intake
from contracts.values import ContractEvent
from services.chassis.events import Event
from services.intake.call import Call
from services.intake.events import (
    CallClosed,
    CallNoticed,
    CallOpened,
    FileEligibilityAssessed,
    FileFlagged,
    FileRegistered,
    ProposalFoundComplete,
    ProposalSubmitted,
    RegisterUpdated,
)


def announce(event: Event, state: object) -> ContractEvent | None:
    """Give the contract event for one of ours; what intake only noted or numbered stays silent."""
    match event, state:
        case FileRegistered(), _:
            return intake.FileRegistered(
                body=event.body,
                version=event.version,
                principal_count=event.principal_count,
                recorded_items=event.fields.recorded_items,
                entry_digest=event.entry_digest,
            )
        case FileEligibilityAssessed(), _:
            return intake.FileEligibilityAssessed(eligible=event.eligible, met=event.met, reasons=event.reasons)
        case FileFlagged(), _:
            return intake.FileFlagged(version=event.version, entry_digest=event.entry_digest)
        case CallNoticed(), _:
            return intake.CallNoticed.model_validate(event.model_dump())
        case CallOpened(), Call(notice=CallNoticed() as notice):
            return intake.CallOpened.model_validate(notice.model_dump(exclude={"noticed"}))
        case CallClosed(), Call(notice=CallNoticed() as notice):
            return intake.CallClosed(number=notice.number, ends=event.ends)
        case ProposalSubmitted(), _:
            return intake.ProposalSubmitted.model_validate(event.model_dump())
        case ProposalFoundComplete(), _:
            return intake.ProposalFoundComplete(checked=event.checked)
        case RegisterUpdated(), _:
            return intake.RegisterUpdated.model_validate(event.model_dump(exclude={"unit"}))
        case _:
            return None
