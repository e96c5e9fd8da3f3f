"""The backbone's spans: a reaction goes on with the trace of what it heard, a relay batch is linked to all that it carries."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from opentelemetry.trace import Span, SpanKind

from services.chassis.received import Received
from services.chassis.recorder import Outgoing
from services.chassis.trace import SPANS, begun, span

STORED: Final = re.compile(rb'"traceparent":"([0-9a-f-]{55})"')


def reaction_span(received: Received) -> AbstractContextManager[Span]:
    """React under the trace that the record's author stored with it; the place names the record, its key does not."""
    envelope = received.envelope
    return span(
        f"react {envelope.type}",
        SpanKind.CONSUMER,
        parent=envelope.traceparent,
        event__type=envelope.type,
        source=received.raw.source,
        position=envelope.position,
        tenant=envelope.tenantid,
    )


def relay_span(service: str, outgoing: Sequence[Outgoing]) -> Span:
    """Begin the span of a batch, linked to the stored context of each event; it ends when the batch has landed or is given up."""
    # Links are read from the stored bytes, and only where somebody collects them: a batch holds five hundred.
    found = [] if SPANS.tracer is None else [STORED.search(one.attributes) for one in outgoing]
    return begun(
        f"relay {service}",
        SpanKind.PRODUCER,
        linked=[one[1].decode() for one in found if one],
        first=outgoing[0].position,
        last=outgoing[-1].position,
        events=len(outgoing),
    )
