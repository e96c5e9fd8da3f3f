"""Problem responses (RFC 9457): every refusal names the rule and the field, and no value that was sent."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from structlog.stdlib import get_logger

from services.chassis.events import Refused
from services.chassis.limits import TooLarge
from services.chassis.loop import AWAY
from services.chassis.reading import NotFound
from services.chassis.recorder import VersionConflict
from services.chassis.tokens import Forbidden, Unauthenticated

log = get_logger(__name__)

NAME: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)
OWN_WORDS: Final = {"uuid_parsing": "Input should be a valid UUID"}  # where the library's would quote what was sent


def problem(status: HTTPStatus, kind: str, detail: str, headers: dict[str, str] | None = None, **members: Any) -> JSONResponse:  # noqa: ANN401 - JSON
    """Make one problem document; `members` are its extensions."""
    content = {"type": f"urn:anken:problem:{kind}", "title": status.phrase, "status": int(status), "detail": detail, **members}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def install_problems(app: FastAPI) -> None:
    """Turn our typed errors into problem responses."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(Forbidden, _forbidden)
    app.add_exception_handler(VersionConflict, _conflict)
    app.add_exception_handler(TooLarge, _too_large)
    app.add_exception_handler(HTTPException, _http)
    for away in AWAY:
        app.add_exception_handler(away, _away)
    app.add_exception_handler(Exception, _failed)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)  # noqa: S101 - registered for this type
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", error.message, rule=error.rule, field=error.field)


def _not_found(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NotFound)  # noqa: S101 - registered for this type
    return problem(HTTPStatus.NOT_FOUND, "not-found", f"there is no such {error.what}", rule="exists", field=error.what)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    found = [
        {"field": _place(one["loc"]), "rule": one["type"], "message": OWN_WORDS.get(one["type"], one["msg"])} for one in error.errors()
    ]
    first = found[0]
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", f"{first['field']}: {first['message']}",
        rule=first["rule"], field=first["field"], errors=found,
    )  # fmt: skip


def _place(location: Sequence[int | str]) -> str:
    """Write a place in a body; a member whose name somebody made up is not repeated."""
    return ".".join(str(part) if NAME.fullmatch(str(part)) else "*" for part in location)


def _unauthenticated(_: Request, error: Exception) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"}
    return problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", str(error), headers, rule="token", field="Authorization")


def _forbidden(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.FORBIDDEN, "forbidden", str(error), rule="role", field="Authorization")


def _conflict(_: Request, __: Exception) -> JSONResponse:
    return problem(HTTPStatus.CONFLICT, "conflict", "somebody else changed this meanwhile: look again", rule="version", field="stream")


def _too_large(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooLarge)  # noqa: S101 - registered for this type
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", error.detail, rule="size", field="body")


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    status = HTTPStatus(error.status_code)
    return problem(status, "http", str(error.detail), dict(error.headers or {}), rule="http", field="request")


def _away(_: Request, __: Exception) -> JSONResponse:
    headers = {"Retry-After": "2"}
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "away", "a server this service needs is away", headers, rule="ready", field="service")


def _failed(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", route=getattr(request.scope.get("route"), "path", "unknown"), exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", "this is a defect; it was logged", rule="defect", field="service")
