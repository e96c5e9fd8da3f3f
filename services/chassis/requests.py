"""What is told of each HTTP request: one span, one count, one time, one log line; the route's template, never the path."""

import time
from typing import Any, Final

from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.stdlib import get_logger

from services.chassis import metrics
from services.chassis.trace import span

log = get_logger(__name__)

QUIET: Final = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FAILED: Final = 500


class RequestTelemetry:
    """Middleware around all others; probes and scrapes pass it unseen."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = FAILED  # what the outermost handler answers when the error passes us

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # A method is the caller's own word: a made-up one must not become a time series.
        method = scope["method"] if scope["method"] in METHODS else "other"
        with span(method, SpanKind.SERVER, parent=Headers(scope=scope).get("traceparent"), http__request__method=method) as server:
            try:
                await self.app(scope, receive, watched)
            finally:
                route = _route(scope)
                tenant = scope.get("state", {}).get("tenant")
                seconds = time.perf_counter() - begun
                server.update_name(f"{method} {route}")
                server.set_attributes({"http.route": route, "http.response.status_code": status, "tenant": tenant or ""})
                if status >= FAILED:
                    server.set_status(Status(StatusCode.ERROR))
                metrics.HTTP_REQUESTS.labels(method, route, status).inc()
                metrics.HTTP_SECONDS.labels(method, route).observe(seconds)
                log.info("request", method=method, route=route, status=status, tenant=tenant, ms=round(seconds * 1000, 1))


def _route(scope: Scope) -> str:
    route: Any = scope.get("route")
    return getattr(route, "path", "unknown")
