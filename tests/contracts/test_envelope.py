"""The envelope in Kafka headers: what is written is read, what is not ours is named and refused, and an independent library agrees."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import ValidationError

from contracts.catalog import owned
from contracts.envelope import LAST_POSITION, Envelope, Undecodable, from_headers, timestamp, to_headers
from contracts.intake import CallClosed
from contracts.publication import ENVELOPE, FOLDER
from services.chassis.received import RawRecord, receive

VALUE = b'{"number":"R8-01","ends":"2026-10-31"}'
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 - zones are drawn beside
POSITIONS = st.integers(0, LAST_POSITION)
ENVELOPES = st.builds(
    Envelope,
    **dict.fromkeys(("source", "type", "subject", "dataschema", "tenantid", "actor", "actorrole", "lawrevision"), TEXT),
    id=st.uuids(), correlationid=st.uuids(), causationid=st.none() | st.uuids(), time=TIMES, recordedtime=TIMES,
    after=st.sampled_from(("", "intake=1041", "billing=77 intake=1041")),
    traceparent=st.none() | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    position=POSITIONS, previousposition=st.none() | POSITIONS,
)  # fmt: skip
ONE = Envelope(
    id=UUID("01931f2c-0000-7000-8000-000000000001"),
    source="/anken/intake",
    type="jp.anken.intake.call-closed.v1",
    subject="01931f2c-0000-7000-8000-000000000002",
    time=datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=9))),
    recordedtime=datetime(2026, 11, 1, 0, 0, 1, 250, tzinfo=UTC),
    dataschema="urn:anken:schema:intake:call-closed:v1",
    tenantid="minatono",
    correlationid=UUID("01931f2c-0000-7000-8000-000000000002"),
    causationid=UUID("01931f2c-0000-7000-8000-000000000003"),
    after="review=12",
    actor="service:intake",
    actorrole="service",
    lawrevision="20260717_508AC0000000062",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    position=42,
    previousposition=40,
)
HEADERS = dict(to_headers(ONE))
OPTIONAL = {"ce_causationid", "ce_after", "traceparent", "previousposition"}


def without(name: str) -> list[tuple[str, bytes | None]]:
    return [(other, value) for other, value in HEADERS.items() if other != name]


def reason(headers: list[tuple[str, bytes | None]]) -> str:
    with pytest.raises(Undecodable) as raised:
        from_headers(headers)
    return raised.value.reason


@settings(deadline=None)
@given(ENVELOPES)
def test_what_is_written_is_read(envelope):
    assert from_headers(to_headers(envelope)) == envelope


@settings(deadline=None)
@given(ENVELOPES)
def test_headers_satisfy_the_committed_schema(envelope):
    schema = json.loads((FOLDER / ENVELOPE).read_text("utf-8"))
    judge = Draft202012Validator(schema, format_checker=FormatChecker(("uuid",)))
    judge.validate({name: value.decode() for name, value in to_headers(envelope)})


@settings(deadline=None)
@given(ENVELOPES)
def test_the_published_library_reads_every_attribute(envelope):
    headers = dict(to_headers(envelope))
    event = from_binary(KafkaMessage(headers, None, VALUE), JSONFormat(), CloudEvent)
    attributes = event.get_attributes()
    assert attributes.pop("time") == envelope.time
    assert attributes.pop("datacontenttype") == "application/json"
    assert {f"ce_{name}": value.encode() for name, value in attributes.items()} == {
        name: value for name, value in headers.items() if name.startswith("ce_") and name != "ce_time"
    }
    assert event.get_data() == json.loads(VALUE)


@settings(deadline=None)
@given(ENVELOPES)
def test_what_the_published_library_writes_is_read(envelope):
    ours = envelope.model_dump(mode="json", exclude_none=True)
    plain = {name: str(ours.pop(name)).encode() for name in ("position", "previousposition", "traceparent") if name in ours}
    attributes = {**ours, "time": envelope.time, "datacontenttype": "application/json"}
    message = to_binary(CloudEvent(attributes, VALUE), JSONFormat())
    assert from_headers([*message.headers.items(), *plain.items()]) == envelope
    assert message.value == VALUE


def test_headers_stand_in_one_order_and_absent_attributes_have_none():
    bare = ONE.model_copy(update={"causationid": None, "after": "", "traceparent": None, "previousposition": None})
    assert [name for name, _ in to_headers(bare)] == [name for name in HEADERS if name not in OPTIONAL]


@pytest.mark.parametrize("name", sorted(HEADERS.keys() - OPTIONAL))
def test_a_missing_attribute_is_named(name):
    assert name.removeprefix("ce_") in reason(without(name))


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_an_optional_attribute_may_be_missing(name):
    assert from_headers(without(name)).id == ONE.id


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_bytes_that_are_not_utf_8_are_named_and_not_told(name):
    told = reason([*without(name), (name, b"\xff\xfe secret")])
    assert name.removeprefix("ce_") in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", b"secret"),
        ("ce_id", b"01931f2c000070008000000000000001"),
        ("ce_specversion", b"secret"),
        ("content-type", b"text/secret"),
        ("ce_time", b"2026-11-01"),
        ("ce_time", b"2026-11-01T00:00:00"),
        ("ce_time", b"1700000000"),
        ("ce_recordedtime", b"secret"),
        ("ce_source", b""),
        ("ce_tenantid", b"s" * 201),
        ("ce_subject", None),
        ("ce_causationid", b""),
        ("position", b"-1"),
        ("position", b"1_000"),
        ("position", str(LAST_POSITION + 1).encode()),
        ("previousposition", b"secret"),
    ],
)
def test_a_garbled_attribute_is_named_and_its_value_not_told(name, value):
    told = reason([*without(name), (name, value)])
    assert name.removeprefix("ce_") in told
    assert not value or value.decode() not in told


def test_foreign_headers_are_passed_over():
    foreign = [("id", b"other"), ("source", b"other"), ("ce_position", b"7"), ("ce_added", b"later"), ("b3", b"\xff")]
    assert from_headers([*HEADERS.items(), *foreign]) == ONE


def test_a_tombstone_is_no_event():
    received = receive(RawRecord("anken.intake.v1", 0, 7, b"key", None, list(HEADERS.items())))
    assert received.value == b""
    with pytest.raises(ValidationError):
        owned("intake", CallClosed).model.model_validate_json(received.value)


def test_a_record_without_headers_is_undecodable():
    assert "specversion" in reason([])


def test_a_moment_keeps_its_offset_and_utc_is_z():
    assert timestamp(ONE.time) == "2026-11-01T00:00:00.000000+09:00"
    assert timestamp(ONE.recordedtime) == "2026-11-01T00:00:01.000250Z"
