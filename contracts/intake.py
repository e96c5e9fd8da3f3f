"""What intake tells: the file register, calls and proposals (APPI Arts. 75, 110-112, 117)."""

from datetime import date
from uuid import UUID

from contracts.values import Code, ContractEvent, ContractValue, Count, Digest, Number, ReactionRefused, RecordedItem, SealedText


class FileRegistered(ContractEvent):
    """A personal-information file was entered in the published register (Art. 75); the subject is the file."""

    body: Code
    version: Count
    principal_count: Count
    recorded_items: tuple[RecordedItem, ...]
    entry_digest: Digest


class FileEligibilityAssessed(ContractEvent):
    """The three conditions of Art. 60(3) were judged."""

    eligible: bool
    met: tuple[Code, ...]
    reasons: SealedText


class FileFlagged(ContractEvent):
    """The entry now says that proposals are solicited (Art. 110)."""

    version: Count
    entry_digest: Digest


class CallNoticed(ContractEvent):
    """The particulars of a call were published beforehand (Rule 53(2)); the subject is the call."""

    number: Number
    body: Code
    noticed: date
    starts: date
    ends: date
    files: tuple[UUID, ...]


class CallOpened(ContractEvent):
    """The window of the call began (Art. 111, Rule 53(1))."""

    number: Number
    body: Code
    starts: date
    ends: date
    files: tuple[UUID, ...]


class CallClosed(ContractEvent):
    """The last day of the window has passed."""

    number: Number
    ends: date


class Attachment(ContractValue):
    """One paper that came with the proposal (Art. 112(3)): its kind and the day it was made."""

    kind: Code
    made: date


class ProposalSubmitted(ContractEvent):
    """A proposal was received (Art. 112(2), Rule 54); it is a case from here on, and the subject of all that follows."""

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
    granularity: SealedText
    proposer: SealedText
    address: SealedText
    representative: SealedText | None
    purpose: SealedText
    business: SealedText
    use_from: date
    use_to: date
    period_reason: SealedText
    safeguards: SealedText
    delivery_method: Code
    attachments: tuple[Attachment, ...]
    received: date


class ProposalFoundComplete(ContractEvent):
    """Every item and paper is there (Rule 54); review may begin."""

    checked: tuple[Code, ...]


class RegisterUpdated(ContractEvent):
    """The register says what was created and until when others may propose to use it (Art. 117, Rule 63)."""

    file: UUID
    version: Count
    principal_count: Count
    items: tuple[RecordedItem, ...]
    reuse_from: date
    reuse_to: date
    entry_digest: Digest


EVENTS: tuple[type[ContractEvent], ...] = (
    FileRegistered,
    FileEligibilityAssessed,
    FileFlagged,
    CallNoticed,
    CallOpened,
    CallClosed,
    ProposalSubmitted,
    ProposalFoundComplete,
    RegisterUpdated,
    ReactionRefused,
)
