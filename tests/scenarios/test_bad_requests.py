"""Who may, what exists, what a body is: the same in every route of every service."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.topics import OWNERS
from services.chassis.issuer import DevelopmentIssuer
from services.chassis.limits import MOST_BYTES
from tests.scenarios.world import OTHER_DIGEST, Request, World, refused

pytestmark = pytest.mark.slow

PLAN = {"specification": OTHER_DIGEST, "source": "source.csv"}
PAYMENT = {"amount": 52_600, "received": "2026-08-01", "reference": "bank-000001"}
REGISTER = {"unit": {"name": "市民情報室", "address": "みなと野市中央1-1"}, "reuse_from": "2027-04-01", "reuse_to": "2028-03-31"}
ROUTES: tuple[tuple[str, str, str, str, Any], ...] = (
    ("coordinator", "GET", "intake", "/proposals/{}", None),
    ("coordinator", "POST", "intake", "/proposals/{}/completeness", None),
    ("coordinator", "POST", "intake", "/proposals/{}/register", REGISTER),
    ("coordinator", "GET", "review", "/cases/{}", None),
    ("coordinator", "POST", "review", "/cases/{}/findings", {"criterion": 1, "met": True, "reason": "要件に適合すると認める"}),
    ("owner", "POST", "review", "/cases/{}/cost", {"creation_minutes": 480}),
    ("head", "POST", "review", "/cases/{}/decision", {"outcome": "conforming"}),
    ("coordinator", "POST", "review", "/cases/{}/notice", {}),
    ("proposer", "POST", "review", "/cases/{}/contract-application", None),
    ("head", "POST", "review", "/cases/{}/contract", None),
    ("finance", "GET", "billing", "/cases/{}", None),
    ("finance", "POST", "billing", "/cases/{}/payments", PAYMENT),
    ("creator", "GET", "anonymizer", "/cases/{}", None),
    ("creator", "GET", "anonymizer", "/cases/{}/report", None),
    ("creator", "POST", "anonymizer", "/cases/{}/plan", PLAN),
    ("creator", "POST", "anonymizer", "/cases/{}/production", None),
    ("creator", "POST", "anonymizer", "/cases/{}/verification", None),
    ("creator", "POST", "anonymizer", "/cases/{}/key-destruction", None),
    ("owner", "POST", "anonymizer", "/cases/{}/delivery", None),
    ("proposer", "POST", "anonymizer", "/cases/{}/acknowledgement", {"received": OTHER_DIGEST}),
    ("auditor", "GET", "caselog", "/cases/{}/history", None),
)
WITH_BODY = [route for route in ROUTES if route[4]]
NAMES: dict[str, str] = {"review": "screening", "billing": "fee", "anonymizer": "extract", "caselog": "case", "intake": "proposal"}


def named(routes: Any) -> list[str]:
    return [f"{method} {service}{path}" for _, method, service, path, _ in routes]


@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_an_unknown_case_and_another_tenants_case_are_not_found(world: World, route: tuple[str, str, str, str, Any]):
    role, method, service, path, body = route
    refused(world, Request(role, method, service, path.format(uuid4()), body), 404, "exists", NAMES[service])
    elsewhere = world.office.issuer.token(f"{role}-1", role, tenant="elsewhere")
    refused(world, Request(role, method, service, path.format(world.produced), body, token=elsewhere), 404, "exists", NAMES[service])
    refused(world, Request(role, method, service, path.format("no-such-case"), body), 422, "uuid_parsing", "path.case")


@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_without_a_token_that_holds_and_the_role_nothing_is_done(world: World, tmp_path: Path, route: tuple[str, str, str, str, Any]):
    role, method, service, path, body = route
    issuer = world.office.issuer
    tokens = {
        "none": "",
        "garbage": "no.such.token",
        "expired": issuer.token(f"{role}-1", role, tenant="minatono", seconds=-10),
        "another audience": issuer.token(f"{role}-1", role, tenant="minatono", audience="another"),
        "another issuer's": DevelopmentIssuer(tmp_path).token(f"{role}-1", role, tenant="minatono"),
    }
    for token in tokens.values():
        request = Request(role, method, service, path.format(world.produced), body, token=token)
        answer = refused(world, request, 401, "token", "Authorization")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert not token or token not in answer.text
    stranger = "operator" if service != "caselog" else "proposer"
    refused(world, Request(stranger, method, service, path.format(world.produced), body), 403, "role", "Authorization")


@pytest.mark.parametrize("route", WITH_BODY, ids=named(WITH_BODY))
def test_a_body_that_is_none_is_refused(world: World, route: tuple[str, str, str, str, Any]):
    role, method, service, path, body = route

    def sent(content: bytes, kind: str = "application/json") -> Request:
        return Request(role, method, service, path.format(world.produced), content=content, kind=kind)

    whole = json.dumps(body).encode()
    refused(world, sent(whole[:-1]), 422, "json_invalid", f"body.{len(whole) - 1}")
    refused(world, sent(b"[]"), 422, "model_attributes_type", "body")
    refused(world, sent(b"null"), 422, "model_attributes_type", "body")
    refused(world, sent(b""), 422, "missing", "body")
    refused(world, sent(b'"\xff"'), 400, "http", "request")
    refused(world, sent(whole, "text/plain"), 422, "model_attributes_type", "body")
    refused(world, sent(b" " * (MOST_BYTES + 1)), 413, "size", "body")
    surplus = Request(role, method, service, path.format(world.produced), {**body, "surplus": "余分な内容です"})
    refused(world, surplus, 422, "extra_forbidden", "body.surplus")


@pytest.mark.parametrize("service", [*OWNERS, "caselog"])
def test_an_unknown_path_and_a_wrong_method_are_problems(world: World, service: str):
    refused(world, Request("head", "GET", service, "/nowhere"), 404, "http", "request")
    answer = refused(world, Request("head", "DELETE", service, "/cases" if service != "intake" else "/calls"), 405, "http", "request")
    assert answer.headers["allow"]


def test_a_history_as_of_no_day_is_refused(world: World):
    for when in ("yesterday", "2026-13-01", "2026-02-30"):
        refused(world, Request("auditor", "GET", "caselog", f"/cases/{world.produced}/history?as-of={when}"), 422, "rfc3339", "as-of")


def test_the_services_are_still_well_and_took_no_defect_for_granted(world: World):
    """Nothing above was answered by accident: no service logged a defect, none stopped consuming or relaying."""
    for service, url in world.office.urls.items():
        assert world.office.http.get(f"{url}/readyz").status_code == 200
        logged = world.stack.services.log(service).read_text()
        assert "request failed" not in logged
        assert "loop failed" not in logged
