"""Endpoints answer in a thread of their own: status, bytes, context, and what is no endpoint."""

import asyncio
import threading
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from httpx import ASGITransport, AsyncClient, Response
from opentelemetry.trace import SpanKind
from pydantic import BaseModel, Field

from services.chassis.answering import answering, routes_of
from services.chassis.trace import span, trace_id


class Coin(BaseModel):
    worth: int = Field(serialization_alias="value")


@dataclass
class Seen:
    thread: threading.Thread | None = None
    trace: str | None = None


SEEN = Seen()


def till() -> FastAPI:
    routes = routes_of("till", prefix="/till")

    @routes.post("/coins", status_code=201)
    def take(worth: int) -> Coin:
        SEEN.thread, SEEN.trace = threading.current_thread(), trace_id()
        return Coin(worth=worth)

    @routes.get("/coins")
    def coins() -> list[Coin]:
        return [Coin(worth=1), Coin(worth=2)]

    @routes.put("/lid", status_code=204)
    def close() -> None:
        return None

    @routes.get("/slip")
    def slip() -> PlainTextResponse:
        return PlainTextResponse("paid", status_code=203)

    app = FastAPI()
    app.include_router(routes)
    return app


def ask(method: str, path: str) -> Response:
    async def send() -> Response:
        async with AsyncClient(transport=ASGITransport(till()), base_url="http://till") as client:
            return await client.request(method, path)

    return asyncio.run(send())


def test_an_answer_has_the_routes_status_and_is_written_as_its_type_says():
    made = ask("POST", "/till/coins?worth=5")
    assert (made.status_code, made.headers["content-type"], made.json()) == (201, "application/json", {"value": 5})
    assert ask("GET", "/till/coins").json() == [{"value": 1}, {"value": 2}]


def test_nothing_is_answered_without_a_body_and_a_response_as_it_is():
    closed, slip = ask("PUT", "/till/lid"), ask("GET", "/till/slip")
    assert (closed.status_code, closed.content) == (204, b"")
    assert (slip.status_code, slip.text) == (203, "paid")


def test_an_endpoint_works_outside_the_event_loop_and_within_the_requests_trace():
    with span("request", SpanKind.SERVER):
        ask("POST", "/till/coins?worth=5")
        assert (SEEN.trace, SEEN.trace is None) == (trace_id(), False)
    assert SEEN.thread not in {None, threading.main_thread()}


def test_the_document_says_what_is_answered():
    paths = till().openapi()["paths"]
    assert paths["/till/coins"]["post"]["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Coin"
    }
    assert paths["/till/coins"]["post"]["tags"] == ["till"]


async def wait() -> Coin:
    return Coin(worth=0)


def untyped():
    return Coin(worth=0)


@pytest.mark.parametrize("endpoint", [wait, untyped])
def test_what_is_no_plain_function_with_a_return_type_is_no_endpoint(endpoint):
    with pytest.raises(TypeError, match=endpoint.__name__):
        answering(endpoint, 200)
