"""The counter: reads what a decision on several aggregates needs, and takes its steps together."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from contracts.law.codes import codes_on
from services.chassis.actor import Acting
from services.chassis.aggregate import Step, step
from services.chassis.desk import Desk, Taken
from services.chassis.reading import NotFound, Reading
from services.intake.call import CALL
from services.intake.events import CallOpened, FileFlagged
from services.intake.file import FILE, EnterOutline, enter_outline
from services.intake.form7 import Form7
from services.intake.party import PARTY, AdmitParty, FileRequest, admit, file_request, party_subject
from services.intake.proposal import PROPOSAL, CalledFile, SubmitProposal, UpdateRegister, outline_of, submit, update_register
from services.intake.receipts import RECEIPTS, IssueReceipt, issue, receipts_subject
from services.intake.register import Unit


def submit_form(desk: Desk, acting: Acting, call: UUID, file: UUID, form: Form7, request: UUID | None) -> Taken:
    """Mint a case and submit the form under it, with party and receipt number in the same append.

    The same `request` of the same account again gives the case it became. Raises what the decisions refuse, NotFound for
    an unknown call or file.
    """
    case = desk.new_id()
    account = party_subject(acting.tenant, acting.actor)

    def steps(reading: Reading) -> Iterator[Step]:
        nonlocal case
        proposer = reading.state(PARTY, account)
        if request is not None and request in proposer.cases:
            case = proposer.cases[request]
            return
        today, law = desk.today(), desk.law()
        codes = codes_on(today)
        receipts = receipts_subject(acting.tenant, today)
        party = proposer.party or desk.new_id()
        yield step(PARTY, account, admit, AdmitParty(party=party))
        if request is not None:
            yield step(PARTY, account, file_request, FileRequest(request=request, case=case))
        yield step(RECEIPTS, receipts, issue, IssueReceipt(case=case, today=today))
        command = SubmitProposal(
            form=form,
            called=_called(desk, call, file, acting),
            party=party,
            receipt_number=reading.state(RECEIPTS, receipts).numbers[case],
            received=today,
            min_principals=law.constants.min_principals_dataset.value,
            required_papers=law.attachments,
            certificate_max_age_months=law.constants.entity_certificate_max_age_months.value,
            attachment_kinds=codes.attachment_kinds,
            delivery_methods=codes.delivery_methods,
        )
        yield step(PROPOSAL, case, submit, command)

    return desk.take_in_turn(acting, steps).model_copy(update={"subject": case})


def enter_dataset(desk: Desk, acting: Acting, case: UUID, unit: Unit, reuse_from: date, reuse_to: date) -> Taken:
    """Tell of a case's dataset in its file's entry (Art. 117), and announce it under the case, in one append."""

    def steps(reading: Reading) -> Iterator[Step]:
        proposal = reading.state(PROPOSAL, case)
        if proposal.filed is None:
            raise NotFound("proposal", case)
        outline = outline_of(proposal, case, unit, reuse_from, reuse_to)
        yield step(FILE, proposal.filed.file, enter_outline, EnterOutline(outline=outline))
        entered = reading.state(FILE, proposal.filed.file)
        command = UpdateRegister(
            case=case, unit=unit, reuse_from=reuse_from, reuse_to=reuse_to, version=entered.version, entry_digest=entered.entry_digest
        )
        yield step(PROPOSAL, case, update_register, command)

    return desk.take_in_turn(acting, steps)


def party_of(desk: Desk, acting: Acting) -> UUID | None:
    """Give the party id of the account that acts, None if it has never proposed."""
    try:
        return desk.state(PARTY, party_subject(acting.tenant, acting.actor), acting).party
    except NotFound:
        return None


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
