"""What no request may carry: bodies too large, and values that a later step could not hold."""

import asyncio
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from httpx import ASGITransport, AsyncClient
from pydantic import Field

from services.chassis.events import Value
from services.chassis.issuer import ISSUER, DevelopmentIssuer
from services.chassis.limits import GREATEST, MOST_BYTES
from services.chassis.tokens import token_check
from services.chassis.web import Body, Health, make_app


class Line(Value):
    on: date | None = None
    texts: tuple[str, ...] = ()


class Order(Body):
    count: int = 0
    lines: tuple[Line, ...] = ()
    wanted: dict[str, int] = Field(default_factory=dict)


def shop() -> APIRouter:
    routes = APIRouter()

    @routes.post("/orders")
    def order(body: Order) -> int:
        return body.count

    return routes


@asynccontextmanager
async def nothing(_: object):
    yield


@pytest.fixture
def post(tmp_path: Path):
    """Posts an order in-process; gives the response."""
    app = make_app("shop", token_check(DevelopmentIssuer(tmp_path).jwks, ISSUER, "anken"), Health(), nothing, shop())

    def one(**request: Any):
        async def send():
            async with AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://shop") as client:
                return await client.post("/orders", headers={"Content-Type": "application/json"}, **request)

        return asyncio.run(send())

    return one


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"count": GREATEST + 1}, "body.count"),
        ({"count": -GREATEST - 1}, "body.count"),
        ({"lines": [{}, {"on": "9999-12-31"}]}, "body.lines.1.on"),
        ({"lines": [{"on": "0001-01-01"}]}, "body.lines.0.on"),
        ({"lines": [{"texts": ["架空", "架\0空"]}]}, "body.lines.0.texts.1"),
        ({"wanted": {"架\0空": 1}}, "body.wanted.*"),
    ],
)
def test_what_cannot_be_held_is_refused_by_its_place(post, order, field: str):
    answer = post(json=order)
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (422, "unholdable", field)
    assert "空" not in answer.text


def test_what_can_be_held_passes(post):
    order = {"count": GREATEST, "lines": [{"on": "2999-12-31", "texts": ["架空"]}, {"on": "1868-01-01"}], "wanted": {"架空": -GREATEST}}
    assert post(json=order).json() == GREATEST


def test_a_name_that_somebody_made_up_is_not_repeated(post):
    answer = post(json={"wanted": {"架空 花子": "x"}})
    assert (answer.status_code, answer.json()["field"]) == (422, "body.wanted.*")
    assert "花子" not in answer.text


@pytest.mark.parametrize(
    "text", ['{"lines": [{"texts": ["\\ud800"]}]}', "[" * 100_000, '{"count": 1' + "0" * 5_000 + "}", '{"count": NaN}']
)
def test_json_that_python_alone_would_read_is_a_problem(post, text: str):
    answer = post(content=text.encode())
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def chunks():
    for _ in range(MOST_BYTES // 100_000 + 2):
        yield b" " * 100_000


@pytest.mark.parametrize("content", [b" " * (MOST_BYTES + 1), chunks()], ids=["declared", "chunked"])
def test_a_body_too_large_is_a_problem(post, content):
    answer = post(content=content)
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (413, "size", "body")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_of_just_the_size_is_read(post):
    assert post(content=b'{"count": 7' + b" " * (MOST_BYTES - 12) + b"}").json() == 7
