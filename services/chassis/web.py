"""The HTTP edge: request bodies, who acts, health, and the application every service's routes hang on."""

import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import SchemaValidator

from services.chassis.actor import Acting
from services.chassis.answering import routes_of
from services.chassis.clock import BusinessClock
from services.chassis.desk import Taken
from services.chassis.limits import BodyLimit, refuse_unholdable
from services.chassis.problems import install_problems
from services.chassis.requests import RequestTelemetry
from services.chassis.tokens import Forbidden, TokenCheck, Unauthenticated
from services.chassis.trace import traceparent

__all__ = ["Body", "Taken", "acting_as", "make_app"]


class Body(BaseModel):
    """Base of request bodies: no unknown members, JSON's own types (`false` is no number), dates as RFC 3339 text, nothing unholdable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="wrap")
    @classmethod
    def _as_json(cls, value: Any, handler: ModelWrapValidatorHandler["Body"]) -> "Body":  # noqa: ANN401 - unchecked input
        # FastAPI hands over parsed JSON; only pydantic's JSON mode reads dates and ids from text while staying strict,
        # and a wrap validator would lose that mode: so the schema behind the wrap reads the text again.
        try:
            body = handler(value)
        except ValidationError:
            if not isinstance(value, dict):
                raise
            body = _json_reader(cls).validate_json(json.dumps(value))
        refuse_unholdable(body)
        return body


@cache
def _json_reader(body: type[Body]) -> SchemaValidator:
    schema: Any = body.__pydantic_core_schema__
    if schema["type"] == "definitions":
        return SchemaValidator({**schema, "schema": schema["schema"]["schema"]})
    return SchemaValidator(schema["schema"])


bearer = HTTPBearer(auto_error=False, description="a token of the issuer with tenant and roles")


def acting_as(*roles: str) -> Callable[..., Awaitable[Acting]]:
    """Make a dependency that gives the account in the first of these roles its token holds, or answers 401 or 403."""

    # On the event loop: a known token costs a look-up, and a thread would cost half of an empty request.
    async def acting(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Acting:
        if credentials is None:
            raise Unauthenticated("a bearer token is needed")
        check: TokenCheck = request.app.state.token_check
        claims = check.claims(credentials.credentials)
        request.state.tenant = claims.tenant
        for role in roles:
            if role in claims.roles:
                return Acting(claims.sub, role, claims.tenant, traceparent())
        raise Forbidden(f"needs one of the roles {', '.join(roles)}")

    return acting


class Health:
    """What the probes ask. Liveness touches nothing; readiness means consuming and relaying."""

    def __init__(self) -> None:
        self.started = False
        self.checks: list[Callable[[], Iterable[str]]] = []

    def missing(self) -> list[str]:
        """Name what is not ready yet; each check names what it misses."""
        return [name for check in self.checks for name in check()] if self.started else ["start"]


def health_routes(health: Health) -> APIRouter:
    """Serve `/livez`, `/readyz` and `/startupz`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/livez")
    def live() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/startupz")
    def started(response: Response) -> dict[str, bool]:
        response.status_code = 200 if health.started else 503
        return {"started": health.started}

    @routes.get("/readyz")
    def ready(response: Response) -> dict[str, list[str]]:
        missing = health.missing()
        response.status_code = 503 if missing else 200
        return {"missing": missing}

    return routes


class ClockBody(Body):
    """The business moment to go on from."""

    now: AwareDatetime


def development_routes(clock: BusinessClock) -> APIRouter:
    """Serve what only the development issuer's world has: a business clock that can be set."""
    routes = routes_of("development", prefix="/development")

    @routes.put("/clock", status_code=204)
    def set_clock(body: ClockBody, _: Annotated[Acting, Depends(acting_as("operator"))]) -> None:
        clock.set(body.now)

    return routes


def make_app(
    name: str,
    check: TokenCheck | None,
    health: Health,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    *routers: APIRouter,
) -> FastAPI:
    """Make a service's application from its routers; errors are problems, each request is one log line."""
    app = FastAPI(title=f"Anken {name}", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.token_check = check
    app.state.health = health
    install_problems(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestTelemetry)
    app.include_router(health_routes(health))
    for router in routers:
        app.include_router(router)
    return app
