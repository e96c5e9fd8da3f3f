"""Intake over HTTP: the file register, calls, and proposals with what became of them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import JsonValue, StringConstraints

from contracts.values import Code, Count
from services.chassis.actor import Acting
from services.chassis.aggregate import next_step, step
from services.chassis.answering import routes_of
from services.chassis.desk import Desk
from services.chassis.reading import NotFound
from services.chassis.views import Row
from services.chassis.web import Body, Taken, acting_as
from services.intake.answers import call_answer, file_answer, proposal_answer, published_row
from services.intake.call import CALL, CalledFile, NoticeCall, call_subject, notice
from services.intake.counter import enter_dataset, party_of, submit_form
from services.intake.file import FILE, AssessEligibility, ConditionFinding, FlagFile, PersonalInfoFile, RegisterFile, assess, flag, register
from services.intake.form7 import Form7
from services.intake.proposal import PROPOSAL, FindComplete, find_complete
from services.intake.register import RegisterFields, Unit

STAFF = ("coordinator", "owner", "head", "finance", "creator", "auditor", "operator")
ANYONE = (*STAFF, "proposer")
READERS = ("coordinator", "owner", "head", "auditor", "proposer")


CallNumber = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{1,2}-[0-9]{1,4}$")]


class FileBody(Body):
    """A file's entry; `principal_count` stays internal."""

    body: Code
    of_assembly: bool = False
    principal_count: Count
    fields: RegisterFields


class EligibilityBody(Body):
    findings: tuple[ConditionFinding, ...]


class FlagBody(Body):
    unit: Unit


class CallBody(Body):
    """A call's particulars; it is noticed today."""

    number: CallNumber
    body: Code
    starts: date
    ends: date
    files: tuple[UUID, ...]


class ProposalBody(Body):
    """Form 7 for a file of a call; what is missing in the form is named by the refusal. `request` makes a retry safe."""

    call: UUID
    file: UUID
    form: Form7
    request: UUID | None = None


class RegisterBody(Body):
    """Fields 17 and 18: where and until when reuse can be proposed; field 16 comes from the verified extract."""

    unit: Unit
    reuse_from: date
    reuse_to: date


def router(desk: Desk) -> APIRouter:
    """Make intake's routes."""
    routes = routes_of()
    _file_routes(routes, desk)
    _call_routes(routes, desk)
    _proposal_routes(routes, desk)
    return routes


def _file_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/files", status_code=201)
    def enter(body: FileBody, acting: Annotated[Acting, Depends(acting_as("owner", "coordinator"))]) -> Taken:
        least = desk.law().constants.min_principals_register.value
        command = RegisterFile(**dict(body), min_principals=least)
        return desk.take(acting, step(FILE, desk.new_id(), register, command))

    @routes.post("/files/{file}/eligibility")
    def judge(file: UUID, body: EligibilityBody, acting: Annotated[Acting, Depends(acting_as("owner", "coordinator", "head"))]) -> Taken:
        return desk.take(acting, next_step(FILE, file, assess, AssessEligibility(findings=body.findings)))

    @routes.post("/files/{file}/flag")
    def solicit(file: UUID, body: FlagBody, acting: Annotated[Acting, Depends(acting_as("head"))]) -> Taken:
        return desk.take(acting, next_step(FILE, file, flag, FlagFile(unit=body.unit)))

    @routes.get("/files")
    def files(acting: Annotated[Acting, Depends(acting_as(*ANYONE))]) -> list[Row]:
        rows = desk.rows("files", acting)
        return [published_row(row) for row in rows] if acting.role == "proposer" else rows

    @routes.get("/files/{file}")
    def file(file: UUID, acting: Annotated[Acting, Depends(acting_as(*ANYONE))]) -> dict[str, JsonValue]:
        return file_answer(file, _file(desk, file, acting), internal=acting.role != "proposer")


def _call_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/calls", status_code=201)
    def publish(body: CallBody, acting: Annotated[Acting, Depends(acting_as("head"))]) -> Taken:
        found = {one: _file(desk, one, acting) for one in body.files}
        called = tuple(CalledFile(file=one, body=file.body, flagged=file.flagged) for one, file in found.items())
        least = desk.law().constants.call_min_days.value
        command = NoticeCall(**{**dict(body), "files": called}, noticed=desk.today(), min_days=least)
        return desk.take(acting, step(CALL, call_subject(acting.tenant, body.number), notice, command))

    @routes.get("/calls")
    def calls(acting: Annotated[Acting, Depends(acting_as(*ANYONE))]) -> list[Row]:
        return desk.rows("calls", acting)

    @routes.get("/calls/{call}")
    def call(call: UUID, acting: Annotated[Acting, Depends(acting_as(*ANYONE))]) -> dict[str, JsonValue]:
        return call_answer(call, desk.state(CALL, call, acting))


def _proposal_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/proposals", status_code=201)
    def propose(body: ProposalBody, acting: Annotated[Acting, Depends(acting_as("proposer"))]) -> Taken:
        return submit_form(desk, acting, body.call, body.file, body.form, body.request)

    @routes.post("/proposals/{case}/completeness")
    def complete(case: UUID, acting: Annotated[Acting, Depends(acting_as("coordinator"))]) -> Taken:
        return desk.take(acting, next_step(PROPOSAL, case, find_complete, FindComplete()))

    @routes.post("/proposals/{case}/register")
    def enter_outline(case: UUID, body: RegisterBody, acting: Annotated[Acting, Depends(acting_as("coordinator"))]) -> Taken:
        return enter_dataset(desk, acting, case, body.unit, body.reuse_from, body.reuse_to)

    @routes.get("/proposals")
    def proposals(acting: Annotated[Acting, Depends(acting_as(*ANYONE))]) -> list[Row]:
        rows = desk.rows("proposals", acting)
        if acting.role != "proposer":
            return rows
        party = str(party_of(desk, acting))
        return [row for row in rows if row.get("party") == party]

    @routes.get("/proposals/{case}")
    def proposal(case: UUID, acting: Annotated[Acting, Depends(acting_as(*READERS))]) -> dict[str, JsonValue]:
        state = desk.state(PROPOSAL, case, acting)
        if acting.role == "proposer" and (state.filed is None or state.filed.party != party_of(desk, acting)):
            raise NotFound("proposal", case)
        return proposal_answer(case, state, internal=acting.role != "proposer")


def _file(desk: Desk, file: UUID, acting: Acting) -> PersonalInfoFile:
    return desk.state(FILE, file, acting)
