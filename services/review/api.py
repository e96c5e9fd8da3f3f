"""Review over HTTP: findings, cost, decision, notice, and the use contract."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import JsonValue

from contracts.law.codes import codes_on
from contracts.values import Code, Count, Digest, Yen
from services.chassis.actor import Acting
from services.chassis.aggregate import Step, next_step, step
from services.chassis.answering import routes_of
from services.chassis.desk import Desk
from services.chassis.reading import NotFound, Reading
from services.chassis.views import Row
from services.chassis.web import Body, Taken, acting_as
from services.review.answers import case_answer, proposer_answer
from services.review.contract import CONTRACT, ApplyForContract, ConcludeContract, Contract, apply_for, conclude
from services.review.events import Outcome, ProposalNoted
from services.review.numbers import NUMBERS, IssueNumber, Numbered, issue, series_subject
from services.review.screening import (
    SCREENING,
    Decide,
    EstimateCost,
    FindCriterion,
    NotifyResult,
    Screening,
    decide,
    estimate_cost,
    find_criterion,
    notify,
)

STAFF = ("coordinator", "owner", "head", "finance", "creator", "auditor")


class FindingBody(Body):
    """One finding; `specification` is the digest judged under criterion 3."""

    criterion: int
    met: bool
    reason: str
    specification: Digest | None = None


class CostBody(Body):
    """What creation will take: minutes of own work, yen paid to an outsourced creator."""

    creation_minutes: Count
    outsourcing: Yen = 0


class DecisionBody(Body):
    """The head's decision; a conforming one names the specification, a non-conforming one its reasons."""

    outcome: Outcome
    specification: Digest | None = None
    reasons: str | None = None


class NoticeBody(Body):
    """What a conforming notice states beside the fee; a non-conforming one has none of it."""

    payment_method: Code | None = None
    payment_due: date | None = None
    delivery_method: Code | None = None


def router(desk: Desk) -> APIRouter:
    """Make review's routes."""
    routes = routes_of()
    _screening_routes(routes, desk)
    _contract_routes(routes, desk)

    @routes.get("/cases")
    def cases(acting: Annotated[Acting, Depends(acting_as(*STAFF, "operator"))]) -> list[Row]:
        contracts = {row.get("case"): row for row in desk.rows("contracts", acting)}
        return [{**row, "contract": contracts.get(row.get("case"))} for row in desk.rows("screenings", acting)]

    @routes.get("/cases/{case}")
    def case(case: UUID, acting: Annotated[Acting, Depends(acting_as(*STAFF, "proposer"))]) -> dict[str, JsonValue]:
        screening, contract = desk.state(SCREENING, case, acting), _contract(desk, case, acting)
        if acting.role != "proposer":
            return case_answer(case, screening, contract)
        if screening.proposal is None or screening.proposal.account != acting.actor:
            raise NotFound("case", case)
        return proposer_answer(case, screening, contract)

    return routes


def _screening_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/cases/{case}/findings")
    def find(case: UUID, body: FindingBody, acting: Annotated[Acting, Depends(acting_as("coordinator", "owner"))]) -> Taken:
        command = FindCriterion(**dict(body), min_principals=desk.law().constants.min_principals_dataset.value)
        return desk.take(acting, next_step(SCREENING, case, find_criterion, command))

    @routes.post("/cases/{case}/cost")
    def estimate(case: UUID, body: CostBody, acting: Annotated[Acting, Depends(acting_as("owner", "coordinator"))]) -> Taken:
        return desk.take(acting, next_step(SCREENING, case, estimate_cost, EstimateCost(**dict(body))))

    @routes.post("/cases/{case}/decision")
    def settle(case: UUID, body: DecisionBody, acting: Annotated[Acting, Depends(acting_as("head"))]) -> Taken:
        return desk.take(acting, next_step(SCREENING, case, decide, Decide(**dict(body))))

    @routes.post("/cases/{case}/notice")
    def send(case: UUID, body: NoticeBody, acting: Annotated[Acting, Depends(acting_as("coordinator"))]) -> Taken:
        _screening(desk, case, acting)

        def known(reading: Reading) -> str | None:
            sent = reading.state(SCREENING, case).notice
            return None if sent is None else sent.notice_number

        def sending(number: str) -> Step:
            today = desk.today()
            codes = codes_on(today)
            command = NotifyResult(
                **dict(body),
                notice_number=number,
                today=today,
                payment_methods=codes.payment_methods,
                delivery_methods=codes.delivery_methods,
            )
            return step(SCREENING, case, notify, command)

        return _take_numbered(desk, acting, case, Numbered.NOTICE, known, sending)


def _contract_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/cases/{case}/contract-application")
    def ask(case: UUID, acting: Annotated[Acting, Depends(acting_as("proposer"))]) -> Taken:
        screening = _screening(desk, case, acting)
        command = ApplyForContract(account=acting.actor, proposal=_proposal(case, screening), notice=screening.notice, today=desk.today())
        return desk.take(acting, step(CONTRACT, case, apply_for, command))

    @routes.post("/cases/{case}/contract")
    def agree(case: UUID, acting: Annotated[Acting, Depends(acting_as("head"))]) -> Taken:
        _screening(desk, case, acting)

        def known(reading: Reading) -> str | None:
            concluded = reading.state(CONTRACT, case).concluded
            return None if concluded is None else concluded.contract_number

        def agreeing(number: str) -> Step:
            return step(CONTRACT, case, conclude, ConcludeContract(contract_number=number, today=desk.today()))

        return _take_numbered(desk, acting, case, Numbered.CONTRACT, known, agreeing)


def _take_numbered(
    desk: Desk, acting: Acting, case: UUID, numbered: Numbered, known: Callable[[Reading], str | None], taking: Callable[[str], Step]
) -> Taken:
    """Take a step that carries a number: the case's own if it has one, else the next of the series in the same append."""

    def steps(reading: Reading) -> Iterator[Step]:
        number = known(reading)
        if number is None:
            series = series_subject(acting.tenant, numbered, desk.today())
            yield step(NUMBERS, series, issue, IssueNumber(numbered=numbered, case=case, today=desk.today()))
            number = reading.state(NUMBERS, series).numbers[case]
        yield taking(number)

    return desk.take_in_turn(acting, steps)


def _screening(desk: Desk, case: UUID, acting: Acting) -> Screening:
    return desk.state(SCREENING, case, acting)


def _proposal(case: UUID, screening: Screening) -> ProposalNoted:
    if screening.proposal is None:
        raise NotFound("case", case)
    return screening.proposal


def _contract(desk: Desk, case: UUID, acting: Acting) -> Contract:
    try:
        return desk.state(CONTRACT, case, acting)
    except NotFound:
        return CONTRACT.initial
