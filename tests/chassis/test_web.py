"""The HTTP edge: who may, what a body may be, and how an error answers."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends
from httpx import ASGITransport, AsyncClient

from services.chassis.actor import Acting
from services.chassis.answering import routes_of
from services.chassis.clock import JST, BusinessClock
from services.chassis.events import Refused, Value
from services.chassis.issuer import ISSUER, DevelopmentIssuer
from services.chassis.reading import NotFound
from services.chassis.tokens import token_check
from services.chassis.web import Body, Health, acting_as, development_routes, make_app


class Line(Value):
    due: datetime


class Order(Body):
    count: int
    due: datetime
    lines: tuple[Line, ...] = ()


def shop() -> APIRouter:
    routes = routes_of()

    @routes.post("/orders")
    def order(body: Order, acting: Annotated[Acting, Depends(acting_as("finance", "head"))]) -> dict[str, str]:
        if body.count > 100:
            raise Refused("V1", "count", "not so many")
        return {"actor": acting.actor, "role": acting.role, "tenant": acting.tenant}

    @routes.get("/missing")
    def missing() -> None:
        raise NotFound("order", JOURNEY)

    @routes.get("/broken")
    def broken() -> None:
        raise RuntimeError("髙橋")

    return routes


JOURNEY = UUID(int=7)


@asynccontextmanager
async def nothing(_: object):
    yield


@pytest.fixture
def issuer(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path)


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def clock() -> BusinessClock:
    return BusinessClock(settable=True)


@pytest.fixture
def ask(issuer: DevelopmentIssuer, health: Health, clock: BusinessClock):
    """Asks in-process; gives the response."""
    app = make_app("shop", token_check(issuer.jwks, ISSUER, "anken"), health, nothing, shop(), development_routes(clock))

    def one(method: str, path: str, token: str | None = None, **request):
        async def send():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://shop") as client:
                return await client.request(method, path, headers=headers, **request)

        return asyncio.run(send())

    return one


GOOD = {"count": 3, "due": "2026-04-01T00:00:00+09:00"}


def test_the_first_role_that_fits_acts(ask, issuer: DevelopmentIssuer):
    answer = ask("POST", "/orders", issuer.token("a-1", "head", "finance", tenant="minatono"), json=GOOD)
    assert answer.json() == {"actor": "a-1", "role": "finance", "tenant": "minatono"}


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda issuer: None, 401),
        (lambda issuer: "no token", 401),
        (lambda issuer: issuer.token("a-1", "finance", tenant="minatono", seconds=-10), 401),
        (lambda issuer: issuer.token("a-1", "finance", tenant="minatono", audience="another"), 401),
        (lambda issuer: issuer.token("a-1", "finance", tenant="not a tenant"), 401),
        (lambda issuer: issuer.token("a-1", "finance", tenant="minatono")[:-4] + "AAAA", 401),
        (lambda issuer: issuer.token("a-1", "proposer", tenant="minatono"), 403),
    ],
)
def test_a_token_that_does_not_hold_or_suffice_is_a_problem(ask, issuer: DevelopmentIssuer, make, status: int):
    answer = ask("POST", "/orders", make(issuer), json=GOOD)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == "Authorization"


def test_another_issuers_key_does_not_hold(ask, tmp_path: Path):
    (tmp_path / "other").mkdir()
    forged = DevelopmentIssuer(tmp_path / "other").token("a-1", "finance", tenant="minatono")
    assert ask("POST", "/orders", forged, json=GOOD).status_code == 401


def test_an_unsigned_token_does_not_hold(ask):
    def part(document) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    claims = {"iss": ISSUER, "aud": "anken", "sub": "a-1", "tenant": "minatono", "roles": ["finance"], "exp": 9_999_999_999}
    assert ask("POST", "/orders", f"{part({'alg': 'none'})}.{part(claims)}.", json=GOOD).status_code == 401


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"count": False}, "body.count", "int_type"),
        ({"count": "3"}, "body.count", "int_type"),
        ({"due": "soon"}, "body.due", "datetime_parsing"),
        ({"lines": [{"due": "soon"}]}, "body.lines.0.due", "datetime_parsing"),
        ({"more": 1}, "body.more", "extra_forbidden"),
        ({"count": 101}, "count", "V1"),
    ],
)
def test_a_wrong_body_names_field_and_rule_and_repeats_no_value(ask, issuer: DevelopmentIssuer, change, field: str, rule: str):
    answer = ask("POST", "/orders", issuer.token("a-1", "finance", tenant="minatono"), json={**GOOD, **change})
    problem = answer.json()
    assert (answer.status_code, problem["field"], problem["rule"]) == (422, field, rule)
    assert "soon" not in answer.text


def test_broken_json_is_a_problem(ask, issuer: DevelopmentIssuer):
    answer = ask("POST", "/orders", issuer.token("a-1", "finance", tenant="minatono"), content=b"{")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_not_found_unknown_paths_and_defects_are_problems(ask, capsys):
    assert ask("GET", "/missing").json()["status"] == 404
    assert ask("GET", "/nowhere").headers["content-type"] == "application/problem+json"
    broken = ask("GET", "/broken")
    assert (broken.status_code, broken.headers["content-type"]) == (500, "application/problem+json")
    assert "髙橋" not in broken.text


def test_liveness_touches_nothing_and_readiness_names_what_is_missing(ask, health: Health):
    assert ask("GET", "/livez").status_code == 200
    assert ask("GET", "/startupz").status_code == 503
    assert ask("GET", "/readyz").json() == {"missing": ["start"]}
    health.started = True
    relaying: list[str] = ["relay"]
    health.checks.append(lambda: relaying)
    assert (ask("GET", "/readyz").status_code, ask("GET", "/readyz").json()) == (503, {"missing": ["relay"]})
    relaying.clear()
    assert (ask("GET", "/readyz").status_code, ask("GET", "/startupz").status_code) == (200, 200)


def test_the_clock_is_set_by_an_operator_alone(ask, issuer: DevelopmentIssuer, clock: BusinessClock):
    then = datetime(2026, 4, 1, 10, tzinfo=JST)
    body = {"now": then.isoformat()}
    assert ask("PUT", "/development/clock", issuer.token("a-1", "head", tenant="minatono"), json=body).status_code == 403
    assert ask("PUT", "/development/clock", issuer.token("o-1", "operator", tenant="minatono"), json=body).status_code == 204
    assert timedelta() <= clock.now() - then < timedelta(seconds=30)
    assert clock.now().utcoffset() == timedelta(hours=9)


def test_a_clock_outside_development_is_not_settable():
    clock = BusinessClock()
    with pytest.raises(Refused, match="development issuer"):
        clock.set(datetime(2026, 4, 1, tzinfo=UTC))
