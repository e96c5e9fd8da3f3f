"""What can have happened to files, calls and proposals (APPI Arts. 75, 110-112, 117)."""

from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

from contracts.values import Code, Count, Digest, Number, RecordedItem
from services.chassis.events import SEALED, Event, Sealed, Value
from services.chassis.series import NumberGiven
from services.intake.register import DatasetOutline, RegisterFields, Unit

Stage = Literal["contracted", "created", "keys_destroyed", "delivered", "acknowledged", "use_ended"]


class FileRegistered(Event, topic="intake.FileRegistered"):
    """A file entered the register (Art. 75); `of_assembly` files are held outside the Act (Art. 2(11)(ii))."""

    body: Code
    of_assembly: bool
    fields: RegisterFields
    principal_count: Count
    version: Count
    entry_digest: Digest


class FileEligibilityAssessed(Event, topic="intake.FileEligibilityAssessed"):
    """The conditions of Art. 60(3) were judged; `reasons` is JSON text, condition to reason."""

    eligible: bool
    met: tuple[Code, ...]
    reasons: Sealed


class FileFlagged(Event, topic="intake.FileFlagged"):
    """Proposals are solicited for the file, at this unit (Art. 110)."""

    unit: Unit
    version: Count
    entry_digest: Digest


class FileOutlineEntered(Event, topic="intake.FileOutlineEntered"):
    """The file's entry tells of a dataset created from it (Art. 117); the world hears RegisterUpdated of the case."""

    outline: DatasetOutline
    version: Count
    entry_digest: Digest


FileEvent = FileRegistered | FileEligibilityAssessed | FileFlagged | FileOutlineEntered


class CallNoticed(Event, topic="intake.CallNoticed"):
    """The particulars of a call were published (Rule 53(2)); the window includes both days."""

    number: Number
    body: Code
    noticed: date
    starts: date
    ends: date
    files: tuple[UUID, ...]

    def effective_on(self) -> date:
        """Give the day of publication."""
        return self.noticed


class CallOpened(Event, topic="intake.CallOpened"):
    """The window began (Art. 111)."""

    starts: date

    def effective_on(self) -> date:
        """Give the first day of the window."""
        return self.starts


class CallClosed(Event, topic="intake.CallClosed"):
    """The last day of the window has passed."""

    ends: date

    def effective_on(self) -> date:
        """Give the first day on which nothing can be proposed any more."""
        return self.ends + timedelta(days=1)


CallEvent = CallNoticed | CallOpened | CallClosed


class PartyAdmitted(Event, topic="intake.PartyAdmitted"):
    """An account that proposes got its party id, the same in all its cases of this tenant."""

    party: UUID


class RequestFiled(Event, topic="intake.RequestFiled"):
    """A request that the account named with an id of its own became a case; the same request again is this case."""

    request: UUID
    case: UUID


PartyEvent = PartyAdmitted | RequestFiled


class ReceiptIssued(NumberGiven, topic="intake.ReceiptIssued"):
    """A receipt number was given to a case."""


class Attachment(Value):
    """A paper that came with the proposal (Art. 112(3)): its kind and the day it was made."""

    kind: Code
    made: date


class ProposalSubmitted(Event, topic="intake.ProposalSubmitted"):
    """A proposal was received (Art. 112(2)); `granularity` is JSON text, wanted item to wished granularity."""

    receipt_number: Number
    kind: Code
    body: Code
    call: UUID
    call_event: UUID
    file: UUID
    file_event: UUID
    register_version: Count
    party: UUID
    principal_count: Count
    file_principal_count: Count
    recorded_items: tuple[RecordedItem, ...]
    wanted_items: tuple[RecordedItem, ...]
    granularity: Sealed
    proposer: Sealed
    address: Sealed
    representative: Annotated[str | None, SEALED]
    purpose: Sealed
    business: Sealed
    use_from: date
    use_to: date
    period_reason: Sealed
    safeguards: Sealed
    delivery_method: Code
    attachments: tuple[Attachment, ...]
    received: date


class ProposalFoundComplete(Event, topic="intake.ProposalFoundComplete"):
    """Every item and paper is there (Rule 54)."""

    checked: tuple[Code, ...]


class DecisionNoted(Event, topic="intake.DecisionNoted"):
    """Review told how the head decided."""

    outcome: Code


class ExtractNoted(Event, topic="intake.ExtractNoted"):
    """The anonymizer told what a second person found in the written extract."""

    records: Count
    items: tuple[RecordedItem, ...]


class StageNoted(Event, topic="intake.StageNoted"):
    """Another service told that the case reached a stage."""

    stage: Stage


class RegisterUpdated(Event, topic="intake.RegisterUpdated"):
    """Fields 16-18 of the file's entry were filled from the verified extract (Art. 117, Rule 63)."""

    file: UUID
    version: Count
    principal_count: Count
    items: tuple[RecordedItem, ...]
    unit: Unit
    reuse_from: date
    reuse_to: date
    entry_digest: Digest


ProposalEvent = ProposalSubmitted | ProposalFoundComplete | DecisionNoted | ExtractNoted | StageNoted | RegisterUpdated
