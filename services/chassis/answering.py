"""Endpoints run in the event loop's own threads and write their answers there: a request changes threads once each way.

FastAPI by itself sends a plain function to a thread through anyio and what it gave to a second one, to be checked: half of what
an empty request costs. What our endpoints give is checked by mypy.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import Any, Final, get_type_hints

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

MOST_AT_ONCE: Final = 40  # as many requests as anyio's own threads would answer at once
OK: Final = 200


def request_threads() -> ThreadPoolExecutor:
    """Make the threads that endpoints run in, to be the event loop's default ones."""
    return ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="request")


class AnsweringRoute(APIRoute):
    """A route whose endpoint, a plain function with a return type, works in one thread from its arguments to the answer's bytes."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, status_code: int | None = None, **given: Any) -> None:  # noqa: ANN401 - FastAPI's own thirty parameters
        super().__init__(path, answering(endpoint, status_code or OK), status_code=status_code, **given)


def routes_of(*tags: str, prefix: str = "") -> APIRouter:
    """Make a router of answering routes."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=AnsweringRoute)


def answering(endpoint: Callable[..., Any], status: int) -> Callable[..., Awaitable[Response]]:
    """Give what FastAPI awaits instead of an endpoint; raises TypeError for one that is no plain function with a return type."""
    given = get_type_hints(endpoint).get("return")
    if given is None or inspect.iscoroutinefunction(endpoint) or inspect.isgeneratorfunction(endpoint):
        raise TypeError(f"{endpoint.__qualname__} is no plain function with a return type")
    write = _writer(given)

    def answer(*args: Any, **arguments: Any) -> Response:  # noqa: ANN401 - the endpoint's own
        found = endpoint(*args, **arguments)
        return found if isinstance(found, Response) else Response(write(found), status, media_type="application/json")

    @wraps(endpoint)
    async def answered(**arguments: Any) -> Response:  # noqa: ANN401 - the endpoint's own
        return await asyncio.to_thread(answer, **arguments)

    return answered


def _writer(given: Any) -> Callable[[Any], bytes | None]:  # noqa: ANN401 - a type of any kind
    if given is type(None):
        return lambda _: None
    if isinstance(given, type) and issubclass(given, Response):
        return lambda found: found
    return partial(TypeAdapter[Any](given).dump_json, by_alias=True)
