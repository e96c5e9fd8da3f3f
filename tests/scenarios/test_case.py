"""A whole case and a refused one, through five processes, as the case log tells them."""

import base64
import json
from collections import Counter
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from anken.client import ProblemAnswered
from anken.demo import recount, told_order
from anken.play import CONFORMING, UNMET
from contracts.catalog import CONFORMING_CASE, REFUSED_CASE
from contracts.topics import OWNERS, dead_letter_topic, owner_topic
from services.chassis.clock import JST
from tests.chassis.logs_of_kafka import read_topic
from tests.scenarios.conftest import NAME, Played

pytestmark = pytest.mark.slow


def test_every_event_of_the_contracts_order_is_in_the_case_log(played: Played):
    assert Counter(told_order(played.history)) == Counter(CONFORMING_CASE)
    assert Counter(told_order(played.refused_history)) == Counter(REFUSED_CASE)


def test_the_log_order_respects_every_cause(played: Played):
    for history in (played.history, played.refused_history):
        own = [entry for entry in history if not entry["cited"]]
        places = {entry["id"]: place for place, entry in enumerate(history)}
        assert [entry["seq"] for entry in own] == list(range(1, len(own) + 1))
        caused = [entry for entry in history if entry["causationid"] in places]
        assert caused
        assert all(places[entry["causationid"]] < places[entry["id"]] for entry in caused)


def test_the_fee_is_the_orders(played: Played):
    assert played.fee == 52_600
    invoiced = next(entry for entry in played.history if entry["name"] == "FeeInvoiced")
    assert invoiced["data"]["total"] == 52_600


def test_the_refused_case_names_criterion_and_keeps_its_reason_sealed(played: Played):
    notified = played.refused_history[-1]
    assert (notified["name"], notified["data"]["failed"], notified["data"]["form"]) == ("ResultNotified", [4], "11")
    assert notified["data"]["reasons"].startswith("sealed:v1:")
    staff = played.office.call("coordinator", "GET", "review", f"/cases/{played.refused}")
    assert UNMET in json.dumps(staff, ensure_ascii=False)


def test_the_smallest_class_of_the_delivered_file_is_at_least_k(played: Played, tmp_path):
    assert recount(played.bundle, tmp_path, played.case_file.quasi_names) >= played.case_file.k


def test_as_of_a_day_the_case_stands_where_it_stood(played: Played):
    day = next(datetime.fromisoformat(entry["time"]).astimezone(JST).date() for entry in played.history if entry["name"] == "FeePaid")

    def asked(on: object) -> list[dict[str, str]]:
        entries: list[dict[str, str]] = played.office.call("auditor", "GET", "caselog", f"/cases/{played.case}/history?as-of={on}")[
            "entries"
        ]
        return entries

    names = [entry["name"] for entry in asked(day)]
    assert "FeePaid" in names
    assert "ContractConcluded" not in names
    before = [entry["name"] for entry in asked(day - timedelta(days=1))]
    assert "FeePaid" not in before
    with pytest.raises(ProblemAnswered) as problem:
        asked("yesterday")
    assert problem.value.field == "as-of"


def test_business_time_runs_ninety_days_and_never_backwards(played: Played):
    days = [day for day, _ in played.said]
    assert days == sorted(days)
    assert days[-1] - days[0] == timedelta(days=90)
    assert datetime.now(JST).date() - days[-1] <= timedelta(days=1)


def test_the_delivery_opens_once(played: Played):
    def collect() -> None:
        played.office.send("proposer", "GET", "anonymizer", f"/deliveries/{played.token}", account=CONFORMING.account)

    def release() -> None:
        played.office.call("owner", "POST", "anonymizer", f"/cases/{played.case}/delivery")

    assert played.bundle.stat().st_size > 0
    for again, field in ((collect, "token"), (release, "delivery")):
        with pytest.raises(ProblemAnswered) as problem:
            again()
        assert (problem.value.status, problem.value.rule, problem.value.field) == (422, "109", field)


def test_nobody_wrote_dead_letters_or_refused_a_reaction(played: Played):
    for consumer in (*OWNERS, "caselog"):
        letters = read_topic(played.stack.bootstrap, dead_letter_topic(consumer, played.stack.prefix))
        assert sum(map(len, letters.values())) == 0
    assert all(entry["name"] != "ReactionRefused" for entry in played.history + played.refused_history)


def test_the_proposers_name_is_nowhere_in_clear(played: Played):
    """Also written into purpose and reason: as UTF-8, JSON-escaped and base64, in every table, topic and log line."""
    staff = played.office.call("coordinator", "GET", "review", f"/cases/{played.case}")
    assert NAME in json.dumps(staff, ensure_ascii=False), "it was typed, and those who may can read it"
    refusing = {"call": played.play.call, "file": played.play.file, "form": {"proposer_kind": "entity", "proposer": NAME, "use_from": NAME}}
    with pytest.raises(ProblemAnswered):
        played.office.call("proposer", "POST", "intake", "/proposals", refusing)
    haystacks = dict(everything(played))
    assert all(haystacks[each] for each in ("table intake.events", "table caselog.entry", "topic intake", "log billing"))
    needles = forms_of(NAME)
    assert [(where, needle) for where, content in haystacks.items() for needle in needles if needle in content] == []


def forms_of(name: str) -> list[bytes]:
    """Give a name as UTF-8, JSON-escaped, and in base64 at each of the three alignments it can have inside other text."""
    raw = name.encode()
    forms = [raw, json.dumps(name)[1:-1].encode(), raw.hex().encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        inner = encoded[(shift * 8 + 5) // 6 : len(base64.b64encode(b"\0" * shift + raw).rstrip(b"=")) - 1]
        forms += [inner, inner.translate(bytes.maketrans(b"+/", b"-_"))]
    return forms


def test_the_search_would_find_a_name_in_each_form():
    for each in (b"x" * shift for shift in range(3)):
        hidden = base64.b64encode(each + "理由は髙橋分析研究所です".encode())
        assert any(needle in hidden for needle in forms_of("髙橋分析研究所"))


def everything(played: Played):
    """Give the bytes of every table, topic and log."""
    with psycopg.connect(played.stack.database_url) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            with (
                connection.cursor() as cursor,
                cursor.copy(SQL("COPY {}.{} TO STDOUT (FORMAT BINARY)").format(Identifier(schema), Identifier(table))) as copy,
            ):
                yield f"table {schema}.{table}", b"".join(bytes(block) for block in copy)
    for owner in OWNERS:
        records = [one for each in read_topic(played.stack.bootstrap, owner_topic(owner, played.stack.prefix)).values() for one in each]
        yield (
            f"topic {owner}",
            b"\n".join((key or b"") + (value or b"") + b"".join(content for _, content in headers) for key, value, headers in records),
        )
    for consumer in (*OWNERS, "caselog"):
        letters = [
            one for each in read_topic(played.stack.bootstrap, dead_letter_topic(consumer, played.stack.prefix)).values() for one in each
        ]
        yield f"topic {consumer}.dlq", b"\n".join((value or b"") for _, value, _ in letters)
    for file in played.stack.services.logs.iterdir():
        yield f"log {file.stem}", file.read_bytes()
    for log in (played.stack.folder / "postgres" / "postgres.log", *(played.stack.folder / "kafka").rglob("*.log")):
        yield f"log {log.name}", log.read_bytes()
