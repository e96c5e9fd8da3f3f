"""W3C trace context: the journey a request began goes on through every event it led to, and is exported where a collector is named."""

import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
    use_span,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

TRACEPARENT: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
MOST_LINKS: Final = 2000  # the largest relay batch; the SDK keeps 128 links a span unless told
CLOSE_SECONDS: Final = 3
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
Attribute = str | bool | int | float


class Spans:
    """Where this process's spans go. Nowhere until a collector is named: contexts are made and continued all the same."""

    def __init__(self) -> None:
        self.provider: TracerProvider | None = None
        self.tracer: Tracer | None = None

    def send_to(self, service: str, processor: "SpanProcessor") -> None:
        """Record spans in the service's name and hand them to a processor."""
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - 0.1 s that only a traced service pays
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider  # noqa: PLC0415 - as above

        self.provider = TracerProvider(
            resource=Resource.create({"service.name": service}), span_limits=SpanLimits(max_links=MOST_LINKS), shutdown_on_exit=False
        )
        self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("anken")

    def close(self) -> None:
        """Send what is left, if the collector takes it soon: the SDK would wait half a minute, and no span is worth a slow stop."""
        if self.provider is not None:
            closing = threading.Thread(target=self.provider.shutdown, name="spans", daemon=True)
            closing.start()
            closing.join(CLOSE_SECONDS)
        self.provider = self.tracer = None


SPANS: Final = Spans()


def configure_traces(service: str) -> None:
    """Export spans over OTLP/HTTP where OpenTelemetry's own environment variables name a collector; they set the rest as well."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    SPANS.send_to(service, BatchSpanProcessor(OTLPSpanExporter()))


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    /,
    *,
    parent: str | None = None,
    **attributes: Attribute | None,
) -> Iterator[Span]:
    """Work under a span that goes on with a `traceparent`, or begins a trace where that is missing or malformed.

    An attribute's `__` is written as a dot and None is left out. Attributes are types, places and counts, never what
    somebody typed, an account or a record's key; an error's text is not kept, only its type.
    """
    before = _context(parent)
    if SPANS.tracer is None:
        with use_span(_forgotten(before), record_exception=False, set_status_on_exception=False) as forgotten:
            yield forgotten
        return
    with SPANS.tracer.start_as_current_span(
        name,
        set_span_in_context(NonRecordingSpan(before), Context()) if before else Context(),
        kind,
        _named(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as recorded:
        try:
            yield recorded
        except BaseException as error:
            recorded.set_attribute("error.type", type(error).__name__)
            recorded.set_status(Status(StatusCode.ERROR))
            raise


def begun(name: str, kind: SpanKind, /, *, linked: Iterable[str] = (), **attributes: Attribute | None) -> Span:
    """Begin a trace whose work does not happen in one place; whoever is done with it ends it. See `span`."""
    if SPANS.tracer is None:
        return INVALID_SPAN
    links = [Link(one) for one in map(_context, linked) if one]
    return SPANS.tracer.start_span(name, Context(), kind, _named(attributes), links, record_exception=False, set_status_on_exception=False)


def traceparent() -> str:
    """Write the current span's context for what is said now; outside of any span a trace begins here."""
    here = get_current_span().get_span_context()
    return _written(here if here.is_valid else _forgotten(None).get_span_context())


def trace_id() -> str | None:
    """Give the current trace's id, as log lines carry it."""
    here = get_current_span().get_span_context()
    return f"{here.trace_id:032x}" if here.is_valid else None


def _context(text: str | None) -> SpanContext | None:
    known = TRACEPARENT.fullmatch(text or "")
    return SpanContext(int(known[1], 16), int(known[2], 16), is_remote=True, trace_flags=TraceFlags(int(known[3], 16))) if known else None


def _written(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _forgotten(parent: SpanContext | None) -> NonRecordingSpan:
    trace = parent.trace_id if parent else secrets.randbits(128) or 1
    flags = parent.trace_flags if parent else TraceFlags(TraceFlags.SAMPLED)
    return NonRecordingSpan(SpanContext(trace, secrets.randbits(64) or 1, is_remote=False, trace_flags=flags))


def _named(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    return {name.replace("__", "."): value for name, value in attributes.items() if value is not None}
