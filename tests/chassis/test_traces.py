"""Traces: one id from a request through the store and Kafka's headers to what another service makes of it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Depends
from httpx import ASGITransport, AsyncClient, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, TraceFlags

from anken.kafka import KafkaCluster
from contracts import intake
from services.chassis.actor import Acting
from services.chassis.aggregate import step
from services.chassis.announcement import headers_of
from services.chassis.clock import BusinessClock
from services.chassis.desk import Desk
from services.chassis.due import Due
from services.chassis.inbox import Inbox
from services.chassis.issuer import ISSUER, DevelopmentIssuer
from services.chassis.listener import ReactingListener
from services.chassis.received import RawRecord
from services.chassis.recorder import Outgoing
from services.chassis.relay import Relay
from services.chassis.room import NO_GRANT, Room, make_desk
from services.chassis.rows import Rows
from services.chassis.settings import settings_for
from services.chassis.spans import relay_span
from services.chassis.ticker import Ticker
from services.chassis.tokens import token_check
from services.chassis.trace import SPANS, TRACEPARENT, configure_traces, span, traceparent
from services.chassis.web import Health, acting_as, make_app
from tests.chassis.conftest import CASHIER
from tests.chassis.rooms import DAY, DUE, TILL, CountTill, TakeCoin, count_till, take_coin
from tests.chassis.test_kafka_path import Buried
from tests.chassis.threads import eventually, running
from tests.conftest import Database

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = int(GIVEN[3:35], 16), int(GIVEN[36:52], 16)
TYPED = "髙橋花子"
AUDIT = Room(
    name="review",
    reactions={intake.CallClosed: lambda heard: [step(TILL, heard.subject, count_till, CountTill())]},
    announce=lambda event, state: None,
    views=(),
    due=None,
    keyring_grant=NO_GRANT,
)


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    SPANS.send_to("till", SimpleSpanProcessor(exporter))
    yield exporter
    SPANS.close()


@pytest.fixture
def audit(database: Database) -> Iterator[Desk]:
    """Another service's desk."""
    desk, _, close = make_desk(AUDIT, settings_for("review", database_url=database.url("anken_review")), BusinessClock())
    yield desk
    close()


@asynccontextmanager
async def nothing(_: object):
    yield


def post(desk: Desk, folder: Path, till: UUID, coin: str, headers: dict[str, str]) -> Response:
    """Put a coin into a till by HTTP."""
    issuer, routes = DevelopmentIssuer(folder), APIRouter()

    @routes.post("/tills/{till}/coins/{coin}")
    def take(till: UUID, coin: str, acting: Annotated[Acting, Depends(acting_as("finance"))]) -> None:
        desk.take(acting, step(TILL, till, take_coin, TakeCoin(amount=1, note=coin)))

    app = make_app("till", token_check(issuer.jwks, ISSUER, "anken"), Health(), nothing, routes)

    async def send() -> Response:
        async with AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://till") as client:
            token = issuer.token("cashier-1", "finance", tenant="minatono")
            return await client.post(f"/tills/{till}/coins/{coin}", headers={"Authorization": f"Bearer {token}", **headers})

    return asyncio.run(send())


def carried(outgoing: Outgoing) -> RawRecord:
    """Make the record that the relay would write."""
    key = outgoing.stream[-36:].encode()
    return RawRecord("anken.intake.v1", outgoing.partition, 0, key, outgoing.value, headers_of(outgoing))


def told(outgoing: Outgoing) -> str:
    return dict(headers_of(outgoing))["traceparent"].decode()


def test_one_trace_from_a_request_to_another_services_reaction(desk: Desk, audit: Desk, exported: InMemorySpanExporter, tmp_path: Path):
    till = uuid4()
    assert post(desk, tmp_path, till, TYPED, {"traceparent": GIVEN}).status_code == 200
    (outgoing,) = desk.recorder.select_outgoing(0, 10)
    relay_span("intake", [outgoing]).end()
    Inbox(ReactingListener(audit, AUDIT.reactions, Buried())).handle([carried(outgoing)])
    request, relay, reaction = exported.get_finished_spans()
    assert (request.name, request.context.trace_id, request.parent.span_id) == ("POST /tills/{till}/coins/{coin}", TRACE, PARENT)
    assert told(outgoing) == f"00-{TRACE:032x}-{request.context.span_id:016x}-01"
    assert (relay.parent, [link.context.span_id for link in relay.links]) == (None, [request.context.span_id])
    assert (reaction.context.trace_id, reaction.parent.span_id) == (TRACE, request.context.span_id)
    (counted,) = audit.events.get(TILL.stream(till))
    assert counted.about.traceparent == f"00-{TRACE:032x}-{reaction.context.span_id:016x}-01"
    assert request.resource.attributes["service.name"] == "till"
    clear = repr([(one.name, dict(one.attributes or {})) for one in (request, relay, reaction)])
    assert not [word for word in (TYPED, str(till), "cashier-1") if word in clear]


def test_a_failed_request_is_an_error_without_its_words(desk: Desk, exported: InMemorySpanExporter, tmp_path: Path, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError(TYPED)

    monkeypatch.setattr(desk, "take", fail)
    assert post(desk, tmp_path, uuid4(), "1", {}).status_code == 500
    (request,) = exported.get_finished_spans()
    assert (request.status.status_code, request.attributes["error.type"], request.events) == (StatusCode.ERROR, "RuntimeError", ())
    assert TYPED not in request.to_json()


def test_a_relay_batch_is_linked_to_every_event_it_carries(desk: Desk, exported: InMemorySpanExporter):
    for _ in range(500):
        with span("work"):
            desk.take(
                Acting("cashier-1", "finance", "minatono", traceparent()), step(TILL, uuid4(), take_coin, TakeCoin(amount=1, note="x"))
            )
    exported.clear()
    relay_span("intake", desk.recorder.select_outgoing(0, 500)).end()
    (relay,) = exported.get_finished_spans()
    assert len({link.context.span_id for link in relay.links}) == 500
    assert dict(relay.attributes) == {"first": 1, "last": 500, "events": 500}


def test_the_relay_ends_its_span_when_the_batch_has_landed(desk: Desk, kafka: KafkaCluster, prefix: str, exported: InMemorySpanExporter):
    with span("work"):
        desk.take(Acting("cashier-1", "finance", "minatono", traceparent()), step(TILL, uuid4(), take_coin, TakeCoin(amount=1, note="x")))
    with running(Relay(desk.recorder, "intake", kafka.bootstrap, prefix)):
        eventually(lambda: desk.recorder.max_tracking_id("relay") == 1)
    work, relay = exported.get_finished_spans()
    assert (relay.name, relay.parent, [link.context.span_id for link in relay.links]) == ("relay intake", None, [work.context.span_id])


def test_a_date_begins_a_trace_that_its_event_carries(desk: Desk, exported: InMemorySpanExporter):
    till = uuid4()
    desk.take(CASHIER, step(TILL, till, take_coin, TakeCoin(amount=1, note="x")))
    Ticker(desk, Rows(desk.recorder.datastore), DUE)._answer("minatono", Due("count", till, DAY))
    (answered,) = exported.get_finished_spans()
    assert (answered.name, answered.parent) == ("date count", None)
    *_, counted = desk.events.get(TILL.stream(till))
    assert counted.about.traceparent == written(answered)


def written(one: ReadableSpan) -> str:
    return f"00-{one.context.trace_id:032x}-{one.context.span_id:016x}-{one.context.trace_flags:02x}"


@pytest.mark.parametrize("fixtures", [(), ("exported",)], ids=["nobody collects", "collected"])
def test_a_context_goes_on_or_begins_whether_it_is_collected_or_not(fixtures: tuple[str, ...], request: pytest.FixtureRequest):
    for name in fixtures:
        request.getfixturevalue(name)
    with span("one", parent=GIVEN):
        going_on = traceparent()
        with span("two", parent=going_on):
            further = traceparent()
    assert {one[:36] for one in (going_on, further)} == {GIVEN[:36]}
    assert len({GIVEN, going_on, further}) == 3
    unsampled = f"{GIVEN[:-2]}00"
    with span("three", parent=unsampled):
        assert (traceparent()[:36], traceparent()[-2:]) == (GIVEN[:36], "00")
    for malformed in (None, "", "x", GIVEN.upper(), f"00-{'0' * 32}-b7ad6b7169203331-01", f"{GIVEN}-more"):
        with span("four", parent=malformed):
            begun = traceparent()
        assert TRACEPARENT.fullmatch(begun)
        assert (begun[:35] != GIVEN[:35], int(begun[-2:], 16) & TraceFlags.SAMPLED) == (True, 1)
    assert TRACEPARENT.fullmatch(traceparent())


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP over HTTP and keeps what it was sent."""

    sent: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.sent.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_spans_are_exported_where_a_collector_is_named_and_nowhere_else(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    configure_traces("till")
    assert SPANS.tracer is None
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        configure_traces("till")
        with span("work", parent=GIVEN, events=3):
            pass
        SPANS.close()
        server.shutdown()
        serving.join()
    ((path, body),) = Collector.sent
    (told,) = ExportTraceServiceRequest.FromString(body).resource_spans
    named = {one.key: one.value.string_value for one in told.resource.attributes}
    (work,) = told.scope_spans[0].spans
    assert (path, named["service.name"], work.name, work.trace_id) == ("/v1/traces", "till", "work", TRACE.to_bytes(16))
