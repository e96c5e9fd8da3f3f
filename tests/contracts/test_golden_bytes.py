"""What was said stays said: fixed rows give these very bytes, whatever becomes of the code."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

from contracts import billing, intake
from services.chassis.announcement import headers_of, make_announcement
from services.chassis.recorded import About
from services.chassis.recorder import Outgoing

JST = timezone(timedelta(hours=9))
CASE = UUID("01931f2c-0000-7000-8000-000000000002")
CALL = UUID("01931f2c-0000-7000-8000-000000000009")

ATTRIBUTES = (
    b'{"id":"01931f2c-0000-7000-8000-000000000001","source":"/anken/billing","type":"jp.anken.billing.fee-paid.v1",'
    b'"time":"2026-11-20T00:00:00.000000+09:00","dataschema":"urn:anken:schema:billing:fee-paid:v1","tenantid":"minatono",'
    b'"correlationid":"01931f2c-0000-7000-8000-000000000002","causationid":"01931f2c-0000-7000-8000-000000000003",'
    b'"actor":"finance-1","actorrole":"finance","lawrevision":"20260717_508AC0000000062",'
    b'"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}'
)
HEADERS = [
    ("ce_specversion", b"1.0"),
    ("content-type", b"application/json"),
    ("ce_id", b"01931f2c-0000-7000-8000-000000000001"),
    ("ce_source", b"/anken/billing"),
    ("ce_type", b"jp.anken.billing.fee-paid.v1"),
    ("ce_subject", b"01931f2c-0000-7000-8000-000000000002"),
    ("ce_time", b"2026-11-20T00:00:00.000000+09:00"),
    ("ce_recordedtime", b"2026-11-21T01:02:03.000004Z"),
    ("ce_dataschema", b"urn:anken:schema:billing:fee-paid:v1"),
    ("ce_tenantid", b"minatono"),
    ("ce_correlationid", b"01931f2c-0000-7000-8000-000000000002"),
    ("ce_causationid", b"01931f2c-0000-7000-8000-000000000003"),
    ("ce_after", b"intake=1041 review=77"),
    ("ce_actor", b"finance-1"),
    ("ce_actorrole", b"finance"),
    ("ce_lawrevision", b"20260717_508AC0000000062"),
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("position", b"42"),
    ("previousposition", b"40"),
]


def row(**changed: object) -> Outgoing:
    stored: dict[str, object] = {
        "position": 42, "previous": 40, "stream": f"fee-{CASE}", "recorded": datetime(2026, 11, 21, 10, 2, 3, 4, tzinfo=JST),
        "after": "intake=1041 review=77", "partition": 4, "value": b"{}", "attributes": ATTRIBUTES,
    }  # fmt: skip
    return Outgoing(**{**stored, **changed})  # type: ignore[arg-type]  # a row of the database


def about(**changed: object) -> About:
    known: dict[str, object] = {
        "id": UUID("01931f2c-0000-7000-8000-000000000001"), "tenant": "minatono", "actor": "finance-1", "role": "finance",
        "correlation": CASE, "causation": UUID("01931f2c-0000-7000-8000-000000000003"), "time": datetime(2026, 11, 20, tzinfo=JST),
        "law_revision": "20260717_508AC0000000062", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }  # fmt: skip
    return About.model_validate({**known, **changed})


def test_a_stored_row_gives_the_headers_it_gave():
    assert headers_of(row()) == HEADERS


def test_a_first_event_without_cause_or_trace_has_fewer_headers():
    said = billing.FeeOverdue(due=date(2026, 11, 20), outstanding=52_600)
    bare = make_announcement("billing", said, about(causation=None, traceparent=None))
    names = [name for name, _ in headers_of(row(attributes=bare.attributes, after="", previous=None))]
    assert names == [name for name, _ in HEADERS if name not in {"ce_causationid", "ce_after", "traceparent", "previousposition"}]


def test_an_event_is_announced_in_the_bytes_it_was():
    made = make_announcement("billing", billing.FeePaid(amount=52_600, received=date(2026, 11, 20), outstanding=0), about())
    assert made.value == b'{"amount":52600,"received":"2026-11-20","outstanding":0}'
    assert made.attributes == ATTRIBUTES


def test_text_beyond_ascii_is_announced_as_it_stands():
    said = intake.RegisterUpdated(
        file=CALL, version=2, principal_count=20_000, items=("要介護度", "利用月"),
        reuse_from=date(2026, 12, 1), reuse_to=date(2029, 11, 30), entry_digest=f"sha256:{'0' * 64}",
    )  # fmt: skip
    text = (
        '{"file":"01931f2c-0000-7000-8000-000000000009","version":2,"principal_count":20000,"items":["要介護度","利用月"],'
        f'"reuse_from":"2026-12-01","reuse_to":"2029-11-30","entry_digest":"sha256:{"0" * 64}"}}'
    )
    assert make_announcement("intake", said, about()).value == text.encode()


def test_a_moment_recorded_in_utc_and_in_jst_gives_the_same_header():
    assert headers_of(row(recorded=datetime(2026, 11, 21, 1, 2, 3, 4, tzinfo=UTC))) == HEADERS
