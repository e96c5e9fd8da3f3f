"""The case log over HTTP: the list of cases, a case's history as of any moment, and what waits for what."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import TypeAdapter

from services.caselog.history import Case, Histories, Told
from services.caselog.missing import Missing, MissingList
from services.caselog.moment import moment
from services.chassis.actor import Acting
from services.chassis.web import acting_as

READERS = ("auditor", "coordinator", "head", "owner", "finance", "creator", "operator")
WATCHERS = ("operator", "auditor")
HISTORY = TypeAdapter(list[Told])


def routes(histories: Histories, missing: MissingList) -> APIRouter:
    """Make the case log's routes."""
    api = APIRouter(tags=["caselog"])

    @api.get("/cases")
    def list_cases(acting: Annotated[Acting, Depends(acting_as(*READERS))]) -> list[Case]:
        """List the tenant's cases, newest last."""
        return histories.cases(acting.tenant)

    @api.get("/cases/{case}/history", response_model=list[Told])
    def read_history(
        case: UUID,
        acting: Annotated[Acting, Depends(acting_as(*READERS))],
        as_of: Annotated[str | None, Query(alias="as-of", description="keep what took effect by this date or moment")] = None,
        known_at: Annotated[str | None, Query(alias="known-at", description="keep what was recorded by this date or moment")] = None,
    ) -> Response:
        """Tell a case's history in log order; sealed text stays sealed."""
        told = histories.history(case, acting.tenant, moment(as_of, "as-of"), moment(known_at, "known-at"))
        # pydantic writes it: a payload of an unknown type may hold a number that the framework's JSON refuses (1e999).
        return Response(HISTORY.dump_json(told), media_type="application/json")

    @api.get("/waiting")
    def list_waiting(acting: Annotated[Acting, Depends(acting_as(*WATCHERS))]) -> list[Missing]:
        """List what was read but is not in the log yet, and what each record waits for."""
        return missing.of(acting.tenant)

    return api
