"""A case's history over HTTP: the chain with what it cites, as of any moment, and only for those who may read it."""

import asyncio
import hashlib
import json
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient

from contracts.billing import FeePaid
from contracts.catalog import CATALOG
from contracts.intake import CallOpened, FileFlagged, ProposalSubmitted
from contracts.law.anchors import anchors, articles_of
from services.caselog.api import moment
from services.caselog.service import STORE, compose
from services.chassis.events import Refused
from services.chassis.issuer import DevelopmentIssuer
from services.chassis.settings import Settings

CASE, CALL, FILE, PARTY = (UUID(int=number, version=4) for number in range(1, 5))
NOBODY = UUID(int=99, version=4)
JST = timezone(timedelta(hours=9))
SEALED = "sealed:v1:AAAA"
DIGEST = "sha256:" + "0" * 64


def proposal(call_event, file_event):
    texts = ("granularity", "proposer", "address", "purpose", "business", "period_reason", "safeguards")
    return ProposalSubmitted(
        **dict.fromkeys(texts, SEALED),
        representative=None,
        receipt_number="R8-1",
        kind="NEW",
        body="mayor",
        call=CALL,
        call_event=call_event,
        file=FILE,
        file_event=file_event,
        register_version=2,
        party=PARTY,
        principal_count=20_000,
        file_principal_count=20_000,
        recorded_items=("要介護度",),
        wanted_items=("要介護度",),
        use_from=date(2027, 1, 1),
        use_to=date(2027, 12, 31),
        delivery_method="online",
        attachments=(),
        received=date(2026, 11, 10),
    )


@pytest.fixture
def told(log, story):
    """Read a short case, whose proposal the log hears of before the call and the file it cites."""
    flagged = story.say("intake", FILE, event=FileFlagged(version=2, entry_digest=DIGEST), time=datetime(2026, 11, 1, tzinfo=JST))
    window = {"starts": date(2026, 11, 2), "ends": date(2026, 12, 20)}
    opening = CallOpened(number="R8-01", body="mayor", files=(FILE,), **window)
    opened = story.say("intake", CALL, event=opening, time=datetime(2026, 11, 2, tzinfo=JST))
    submitted = story.say(
        "intake", CASE, event=proposal(opened.envelope.id, flagged.envelope.id), time=datetime(2026, 11, 10, 9, 30, tzinfo=JST)
    )
    paid = story.say(
        "billing",
        CASE,
        event=FeePaid(amount=52_600, received=date(2026, 11, 20), outstanding=0),
        time=datetime(2026, 11, 20, tzinfo=JST),
        recordedtime=datetime(2026, 11, 25, 1, tzinfo=UTC),
        cause=submitted.envelope.id,
    )
    strange = story.say("review", CASE, kind="jp.anken.review.second-thought.v2", value=b'{"weight":1e999}')
    elsewhere = story.say("review", CASE, tenantid="town")
    log.read(submitted)
    log.read(opened, flagged, paid, strange, elsewhere)
    return {"flagged": flagged, "opened": opened, "submitted": submitted, "paid": paid, "strange": strange}


@pytest.fixture
def ask(database, tmp_path):
    """Ask the composed service over HTTP; gives status and JSON."""
    issuer = DevelopmentIssuer(tmp_path)
    service = compose(Settings(service=STORE.schema, database_url=database.url(), jwks_file=issuer.jwks, development=True))

    def get(path, role="auditor", tenant="city", **query):
        async def answer():
            async with AsyncClient(transport=ASGITransport(service.app()), base_url="http://caselog") as client:
                headers = {"Authorization": f"Bearer {issuer.token('s-9', role, tenant=tenant)}"} if role else {}
                return await client.get(path, params=query, headers=headers)

        found = asyncio.run(answer())
        return found.status_code, found.json()

    yield get
    service.close()


def names(answer):
    status, body = answer
    assert status == 200
    return [entry["name"] for entry in body["entries"]]


def test_a_history_is_the_chain_behind_what_the_proposal_cites(ask, told):
    status, body = ask(f"/cases/{CASE}/history")
    assert status == 200
    assert body["case"] == str(CASE)
    assert {(one["name"], one["cited"]) for one in body["entries"][:2]} == {("CallOpened", True), ("FileFlagged", True)}
    assert [(one["name"], one["owner"], one["cited"]) for one in body["entries"][2:]] == [
        ("ProposalSubmitted", "intake", False),
        ("FeePaid", "billing", False),
        ("SecondThought", "review", False),
    ]
    assert body["entries"][2]["index"] == 0
    paid = body["entries"][3]
    envelope = told["paid"].envelope
    assert paid == {
        "index": paid["index"],
        "seq": paid["seq"],
        "id": str(envelope.id),
        "type": "jp.anken.billing.fee-paid.v1",
        "name": "FeePaid",
        "owner": "billing",
        "subject": str(CASE),
        "time": "2026-11-20T00:00:00.000000+09:00",
        "recordedtime": "2026-11-25T01:00:00.000000Z",
        "correlationid": str(envelope.correlationid),
        "causationid": str(told["submitted"].envelope.id),
        "actor": "s-1",
        "actorrole": "coordinator",
        "lawrevision": "rev-1",
        "articles": ["119"],
        "flag": None,
        "data": {"amount": 52_600, "received": "2026-11-20", "outstanding": 0},
        "hash": paid["hash"],
        "cited": False,
    }


def test_the_hash_told_is_that_of_the_stored_line(ask, log, told):
    _, body = ask(f"/cases/{CASE}/history")
    lines = dict(log.query("SELECT event_id, line FROM caselog.entry WHERE tenant = 'city'"))
    assert len(body["entries"]) == len(told)
    for entry in body["entries"]:
        line = bytes(lines[UUID(entry["id"])])
        assert entry["hash"] == hashlib.sha256(b"\0" + line).hexdigest()
        assert json.loads(line)["type"] == entry["type"]


def test_sealed_text_stays_sealed(ask, told):
    _, body = ask(f"/cases/{CASE}/history")
    (submitted,) = (entry for entry in body["entries"] if entry["name"] == "ProposalSubmitted")
    assert submitted["data"]["purpose"] == SEALED


def test_as_of_keeps_what_took_effect_and_known_at_what_was_recorded(ask, told):
    begun = {"CallOpened", "FileFlagged", "ProposalSubmitted"}
    for query, kept in (
        ({"as-of": "2026-11-09"}, set()),
        ({"as-of": "2026-11-10T09:29:59+09:00"}, set()),
        ({"as-of": "2026-11-10T09:30:00+09:00"}, begun),
        ({"as-of": "2026-11-10T00:30:00Z"}, begun),
        ({"as-of": "2026-11-10"}, begun),
        ({"as-of": "2026-11-19T23:59:59.999+09:00"}, begun),
        ({"as-of": "2026-11-20"}, begun | {"FeePaid"}),
        ({"as-of": "2026-11-20", "known-at": "2026-11-24"}, begun),
        ({"as-of": "2026-11-20", "known-at": "2026-11-25"}, begun | {"FeePaid"}),
    ):
        assert set(names(ask(f"/cases/{CASE}/history", **query))) - {"SecondThought"} == kept, query


def test_an_offset_whose_plus_was_not_encoded_is_understood(ask, told):
    assert "ProposalSubmitted" in names(ask(f"/cases/{CASE}/history?as-of=2026-11-10T09:30:00+09:00"))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-02-30", "20261101", "1764000000", "2026-11-10T09:30:00", "２０２６-11-01"]
)
def test_a_moment_that_is_none_is_refused(text):
    with pytest.raises(Refused) as refused:
        moment(text, "as-of")
    assert (refused.value.rule, refused.value.field) == ("rfc3339", "as-of")


def test_the_problem_names_the_parameter(ask, told):
    for field in ("as-of", "known-at"):
        status, body = ask(f"/cases/{CASE}/history", **{field: "2026-13-01"})
        assert (status, body["field"], body["rule"]) == (422, field, "rfc3339")


def test_staff_may_read(ask, told):
    for role in ("auditor", "coordinator", "head", "owner", "finance", "creator", "operator"):
        assert ask(f"/cases/{CASE}/history", role)[0] == 200


def test_a_proposer_and_a_stranger_may_not(ask, told):
    for path in (f"/cases/{CASE}/history", "/cases", "/waiting"):
        assert ask(path, "proposer")[0] == 403
        assert ask(path, None)[0] == 401
    assert ask("/waiting", "coordinator")[0] == 403


def test_a_case_of_nobody_or_of_another_tenant_is_not_found(ask, told):
    for path, tenant in ((f"/cases/{NOBODY}/history", "city"), (f"/cases/{CASE}/history", "village")):
        status, body = ask(path, tenant=tenant)
        assert (status, body["type"], body["field"]) == (404, "urn:anken:problem:not-found", "case")
    assert names(ask(f"/cases/{CASE}/history", tenant="town")) == ["Noted"]


def test_the_list_has_cases_alone_each_with_its_count(ask, log, story, told):
    second = UUID(int=8, version=4)
    log.read(story.say("intake", second, event=proposal(told["opened"].envelope.id, told["flagged"].envelope.id)))
    status, body = ask("/cases")
    assert status == 200
    assert [(one["case"], one["events"]) for one in body] == [(str(CASE), 3), (str(second), 1)]
    assert body[0]["first"] < body[0]["last"] < body[1]["first"]
    assert ask("/cases", tenant="town") == (200, [])


def test_what_waits_says_for_what(ask, log, story):
    story.say("intake", CASE)
    story.hear("billing", "intake", int(story.told[0].raw.source.split("/")[1]))
    log.read(story.say("billing", CASE))
    status, (body,) = ask("/waiting", "operator")
    assert status == 200
    assert body["waits_for"] == [f"{story.told[0].raw.source}@{story.told[0].envelope.position}"]
    assert (body["name"], body["position"]) == ("Noted", story.told[1].envelope.position)
    assert ask("/waiting", "operator", tenant="town") == (200, [])


def test_every_event_type_has_its_articles_and_no_article_is_for_nothing():
    types = {f"{entry.owner}.{entry.model.__name__}" for entry in CATALOG if entry.name not in {"reaction-refused", "record-corrected"}}
    assert [set(one.events) for one in anchors()] == [types]
    assert all(articles for one in anchors() for articles in one.events.values())


def test_articles_hold_from_their_day():
    assert articles_of("jp.anken.billing.fee-paid.v1", date(2026, 11, 1)) == ("119",)
    assert articles_of("jp.anken.billing.fee-paid.v1", date(2023, 3, 31)) == ()
    assert articles_of("jp.anken.billing.reaction-refused.v1", date(2026, 11, 1)) == ()
    assert articles_of("jp.anken.nobody.nothing.v1", date(2026, 11, 1)) == ()
