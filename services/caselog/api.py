"""The case log over HTTP: the list of cases, a case's history as of any moment, and what waits for what."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.caselog.history import Case, Histories, History
from services.caselog.missing import Missing, MissingList
from services.chassis.actor import Acting
from services.chassis.answering import routes_of
from services.chassis.clock import start_of
from services.chassis.events import Refused
from services.chassis.web import acting_as

READERS: Final = ("auditor", "coordinator", "head", "owner", "finance", "creator", "operator")
WATCHERS: Final = ("operator", "auditor")
DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
INSTANT: Final = timedelta(microseconds=1)


def routes(histories: Histories, missing: MissingList) -> APIRouter:
    """Make the case log's routes."""
    api = routes_of("caselog")

    @api.get("/cases")
    def list_cases(acting: Annotated[Acting, Depends(acting_as(*READERS))]) -> list[Case]:
        """List the tenant's cases, newest last."""
        return histories.cases(acting.tenant)

    @api.get("/cases/{case}/history")
    def read_history(
        case: UUID,
        acting: Annotated[Acting, Depends(acting_as(*READERS))],
        as_of: Annotated[str | None, Query(alias="as-of", description="keep what took effect by this date or moment")] = None,
        known_at: Annotated[str | None, Query(alias="known-at", description="keep what was recorded by this date or moment")] = None,
    ) -> History:
        """Tell a case's history in log order; sealed text stays sealed."""
        return histories.history(case, acting.tenant, moment(as_of, "as-of"), moment(known_at, "known-at"))

    @api.get("/waiting")
    def list_waiting(acting: Annotated[Acting, Depends(acting_as(*WATCHERS))]) -> list[Missing]:
        """List what was read but is not in the log yet, and what each record waits for."""
        return missing.of(acting.tenant)

    return api


def moment(text: str | None, field: str) -> datetime | None:
    """Read a moment; a day ends with its last microsecond, JST. Raises Refused naming `field`."""
    if text is None:
        return None
    written = text.replace(" ", "+")  # in a query an offset's plus that was not percent-encoded arrives as a blank
    try:
        if DATE.fullmatch(text):
            return start_of(date.fromisoformat(text)) + (timedelta(days=1) - INSTANT)
        if DATE_TIME.fullmatch(written):
            return datetime.fromisoformat(written.upper())
    except ValueError:
        pass  # a month 13 and the like: refused below
    raise Refused("rfc3339", field, "neither a date such as 2026-11-23 nor a moment such as 2026-11-23T09:00:00+09:00")
