"""The entry: one line, the payload's bytes untouched, one hash for chain and tree; nothing forges a head."""

import base64
import hashlib
import json
import re
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.billing import FeePaid
from services.caselog.entry import BORDER, LONGEST_LINE, NO_LEAF, Flag, NotOneValue, Unrecordable, read_payload, split, write_entry

CASE = UUID("018f0000-0000-7000-8000-00000000000c")
PAID = FeePaid(amount=52_600, received=date(2026, 11, 20), outstanding=0)
HEAD = (
    "tenantid", "subject", "seq", "prev", "id", "source", "type", "dataschema", "time", "recordedtime", "correlationid", "causationid",
    "after", "actor", "actorrole", "lawrevision", "traceparent", "position", "previousposition", "flag",
)  # fmt: skip


def written(received, owner="billing"):
    return write_entry(received.envelope, owner, received.value)


def test_an_entry_is_this_line(story):
    said = story.say("billing", CASE, event=PAID)
    line = written(said).link(3, bytes.fromhex("ab" * 32)).line
    assert line.decode() == (
        '{"tenantid":"city","subject":"018f0000-0000-7000-8000-00000000000c","seq":3,"prev":"' + "ab" * 32 + '",'
        f'"id":"{said.envelope.id}","source":"/anken/billing","type":"jp.anken.billing.fee-paid.v1",'
        '"dataschema":"urn:anken:schema:billing:test:v1","time":"2026-11-01T04:00:00.000000Z","recordedtime":"2026-11-01T04:00:01.000000Z",'
        f'"correlationid":"{said.envelope.correlationid}","actor":"s-1","actorrole":"coordinator","lawrevision":"rev-1",'
        f'"position":{said.envelope.position},"data":{{"amount":52600,"received":"2026-11-20","outstanding":0}}}}'
    )


def test_the_leaf_is_the_rfc_9162_hash_and_the_next_link(story):
    first = written(story.say("billing", CASE, event=PAID)).link(1, NO_LEAF)
    second = written(story.say("billing", CASE, event=PAID)).link(2, first.leaf)
    assert first.leaf == hashlib.sha256(b"\x00" + first.line).digest()
    assert json.loads(first.line)["prev"] == "0" * 64
    assert json.loads(second.line)["prev"] == first.leaf.hex()


def test_the_head_has_its_members_in_a_fixed_order(story):
    story.say("intake", CASE)
    story.hear("billing", "intake", 5)
    story.say("billing", CASE, partition=5)
    said = story.say(
        "billing", CASE, value=b"no json", partition=5, cause=story.told[0].envelope.id, traceparent="00-1-1-01", after="intake=2"
    )
    head, _ = split(written(said).link(1, NO_LEAF).line)
    assert tuple(head) == HEAD


@pytest.mark.parametrize("value", [b'{ "b" : 1.50,"a":"\\u00e9\xc3\xa9", "b":2 }', b'"text"', b"null", b"1e400", b" [1] "])
def test_a_good_payload_is_never_written_again(story, value):
    line = written(story.say("intake", CASE, value=value)).link(1, NO_LEAF).line
    assert line.endswith(b',"data":' + value + b"}")
    assert split(line)[1] == value


@pytest.mark.parametrize(
    "value",
    [
        b'{},"case":"other"',
        b'{}}\n{"a":1',
        b'{"a":\n1}',
        b'{"a":\r1}',
        b"",
        b"NaN",
        b"[Infinity]",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        '{"a":"\u6771"}'.encode("utf-16"),
        b'"\\ud800"',
        b'{"a":"\x00"}',
        b"[" * 9_000 + b"]" * 9_000,
        b"1" * 9_000,
    ],
)
def test_what_is_not_one_value_on_one_line_is_kept_as_base64_and_flagged(story, value):
    with pytest.raises(NotOneValue):
        read_payload(value)
    entry = written(story.say("billing", CASE, kind="jp.anken.billing.fee-paid.v1", value=value))
    assert entry.flag == Flag.UNPARSED
    members = json.loads(entry.link(1, NO_LEAF).line)
    assert members["flag"] == "unparsed"
    assert base64.b64decode(members["data"]) == value


@pytest.mark.parametrize(
    ("owner", "kind", "value", "flag"),
    [
        ("billing", "jp.anken.billing.fee-paid.v1", PAID.model_dump_json().encode(), None),
        ("billing", "jp.anken.billing.fee-paid.v1", b'{"amount":1,"received":"2026-11-20","outstanding":0,"newer":1}', None),
        ("billing", "jp.anken.billing.fee-paid.v1", b'{"amount":"1"}', Flag.INVALID),
        ("billing", "jp.anken.billing.fee-forgotten.v9", b"{}", Flag.UNKNOWN),
        ("intake", "jp.anken.billing.fee-paid.v1", PAID.model_dump_json().encode(), Flag.FOREIGN),
    ],
)
def test_what_its_type_does_not_promise_is_recorded_as_it_came_and_flagged(story, owner, kind, value, flag):
    entry = written(story.say(owner, CASE, kind=kind, value=value), owner)
    line = entry.link(1, NO_LEAF).line
    assert entry.flag == flag
    assert split(line)[0].get("flag") == flag
    assert split(line)[1] == value


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"subject": "case 7"}, "attribute subject: no uuid"),
        ({"subject": str(CASE).upper()}, "attribute subject: no uuid in its canonical form"),
        ({"tenantid": "ci\0ty"}, "attribute tenantid: holds a NUL"),
        ({"type": "a\0b"}, "attribute type: holds a NUL"),
        ({"after": "x" * LONGEST_LINE}, "the line may hold 65535 bytes"),
    ],
)
def test_an_event_that_no_line_can_hold_is_refused_by_its_reason(story, attributes, reason):
    said = story.say("intake", **{"subject": CASE, "partition": 1} | attributes)
    with pytest.raises(Unrecordable, match=re.escape(reason)):
        written(said, "intake")


def test_the_longest_line_fits_and_one_byte_more_does_not(story):
    said = story.say("intake", CASE, value=b'""')
    longest = LONGEST_LINE - len(written(said).link(2**63 - 1, NO_LEAF).line) + 2
    assert len(write_entry(said.envelope, "intake", b'"%b"' % (b"x" * (longest - 2))).link(2**63 - 1, NO_LEAF).line) == LONGEST_LINE
    with pytest.raises(Unrecordable):
        write_entry(said.envelope, "intake", b'"%b"' % (b"x" * (longest - 1)))


@given(st.text(min_size=1, max_size=60).filter(lambda text: "\0" not in text), st.binary(max_size=60))
def test_whatever_is_said_the_line_is_one_json_object_with_one_border(new_story, text, value):
    said = new_story().say("intake", CASE, actor=text, tenantid=text, kind=text, value=value)
    line = written(said).link(1, NO_LEAF).line
    assert b"\n" not in line
    assert b"\r" not in line
    members = json.loads(line)
    assert (members["actor"], members["tenantid"], members["type"]) == (text, text, text)
    assert [name for name in members if name not in HEAD] == ["data"]
    assert list(members)[-1] == "data"
    assert split(line)[1] == line[line.index(BORDER) + len(BORDER) : -1]
