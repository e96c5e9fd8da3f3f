"""The counter: reads what a decision on several aggregates needs, and takes its steps together."""

from datetime import date
from uuid import UUID

from services.chassis.actor import Acting
from services.chassis.aggregate import step
from services.chassis.desk import Desk, NotFound, Taken
from services.intake.call import CALL
from services.intake.events import CallOpened, FileFlagged
from services.intake.file import FILE, EnterOutline, enter_outline, with_outline
from services.intake.form7 import Form7
from services.intake.overtaken import deciding_again
from services.intake.party import PARTY, AdmitParty, admit, party_subject
from services.intake.proposal import PROPOSAL, CalledFile, SubmitProposal, UpdateRegister, outline_of, submit, update_register
from services.intake.receipts import RECEIPTS, IssueReceipt, Receipts, issue, receipts_subject
from services.intake.register import Unit


def submit_form(desk: Desk, acting: Acting, call: UUID, file: UUID, form: Form7) -> Taken:
    """Mint a case and submit the form under it, with party and receipt number in the same append.

    Raises what the decisions refuse, NotFound for an unknown call or file.
    """
    case = desk.new_id()

    def read_and_take() -> Taken:
        today, law = desk.today(), desk.law()
        party = party_of(desk, acting) or desk.new_id()
        receipts = receipts_subject(acting.tenant, today)
        number = _receipts(desk, receipts, acting).next_number(today)
        command = SubmitProposal(
            form=form,
            called=_called(desk, call, file, acting),
            party=party,
            receipt_number=number,
            received=today,
            min_principals=law.constants.min_principals_dataset.value,
            required_papers=law.attachments,
            certificate_max_age_months=law.constants.entity_certificate_max_age_months.value,
        )
        return desk.take(
            acting,
            step(PARTY, party_subject(acting.tenant, acting.actor), admit, AdmitParty(party=party)),
            step(RECEIPTS, receipts, issue, IssueReceipt(number=number, case=case)),
            step(PROPOSAL, case, submit, command),
        )

    return deciding_again(read_and_take)


def enter_dataset(desk: Desk, acting: Acting, case: UUID, unit: Unit, reuse_from: date, reuse_to: date) -> Taken:
    """Tell of a case's dataset in its file's entry (Art. 117), and announce it under the case, in one append."""

    def read_and_take() -> Taken:
        proposal = desk.state(PROPOSAL, case, acting)
        if proposal.filed is None:
            raise NotFound("proposal", case)
        outline = outline_of(proposal, case, unit, reuse_from, reuse_to)
        version, digest = with_outline(desk.state(FILE, proposal.filed.file, acting), outline)
        command = UpdateRegister(case=case, unit=unit, reuse_from=reuse_from, reuse_to=reuse_to, version=version, entry_digest=digest)
        return desk.take(
            acting,
            step(FILE, proposal.filed.file, enter_outline, EnterOutline(outline=outline, version=version, entry_digest=digest)),
            step(PROPOSAL, case, update_register, command),
        )

    return deciding_again(read_and_take)


def party_of(desk: Desk, acting: Acting) -> UUID | None:
    """Give the party id of the account that acts, None if it has never proposed."""
    try:
        return desk.state(PARTY, party_subject(acting.tenant, acting.actor), acting).party
    except NotFound:
        return None


def _receipts(desk: Desk, receipts: UUID, acting: Acting) -> Receipts:
    try:
        return desk.state(RECEIPTS, receipts, acting)
    except NotFound:
        return RECEIPTS.initial


def _called(desk: Desk, call: UUID, file: UUID, acting: Acting) -> CalledFile:
    called, held = desk.state(CALL, call, acting), desk.state(FILE, file, acting)
    if called.notice is None or held.fields is None:
        raise NotFound("call" if called.notice is None else "file", call)
    return CalledFile(
        call=call,
        call_status=called.status,
        call_event=desk.event_id(CALL, call, CallOpened, acting) if called.status == "open" else None,
        starts=called.notice.starts,
        ends=called.notice.ends,
        files=called.notice.files,
        file=file,
        file_event=desk.event_id(FILE, file, FileFlagged, acting) if held.flagged else None,
        body=held.body,
        register_version=held.version,
        principal_count=held.principal_count,
        recorded_items=held.fields.recorded_items,
    )
