"""Admission: whatever the topics' interleaving, every cause stands before its effect and nothing is left behind."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.topics import OWNERS
from services.caselog.admission import Arrival, admit, lacking

CASES = tuple(UUID(int=number, version=4) for number in range(1, 4))
HERE = 3


def arrival(received):
    return Arrival(received.raw.source, received.envelope, None)


def names(arrivals):
    return [(one.source, one.position) for one in arrivals]


@st.composite
def histories(draw, new_story):
    """Draw a story: owners speak, hear prefixes of each other's topics, and answer what they have heard, also on another partition."""
    story = new_story()
    for _ in range(draw(st.integers(1, 14))):
        teller = draw(st.sampled_from(OWNERS))
        for owner in draw(st.sets(st.sampled_from([name for name in OWNERS if name != teller]))):
            partition = draw(st.integers(0, 1))
            before = story.owners[teller].heard.get(f"{owner}/{partition}", 0)
            later = [one.envelope.position for one in story.owners[owner].said.get(partition, []) if one.envelope.position > before]
            if later:
                story.hear(teller, owner, partition, draw(st.sampled_from(later)))
        heard = [one.envelope.id for one in story.told if story.owners[teller].heard.get(one.raw.source, 0) >= one.envelope.position]
        cause = draw(st.none() | st.sampled_from(heard)) if heard else None
        story.say(teller, draw(st.sampled_from(CASES)), partition=draw(st.integers(0, 1)), cause=cause)
    return story


@st.composite
def deliveries(draw, story):
    """Draw an order in which the log may read the topics: any, but each partition from its front, in batches."""
    left = {}
    for one in story.told:
        left.setdefault(one.raw.source, []).append(arrival(one))
    batches = []
    while left:
        source = draw(st.sampled_from(sorted(left)))
        count = draw(st.integers(1, len(left[source])))
        batches.append(left[source][:count])
        left[source] = left[source][count:]
        if not left[source]:
            del left[source]
    return batches


def causes_of(one, told):
    """List what an event's author knew, worked out from the whole story instead of from the rules under test."""
    partition = one.raw.source.split("/")[1]
    after = dict(part.split("=") for part in one.envelope.after.split())
    for other in told:
        owner, at = other.raw.source.split("/")
        before = owner == one.raw.source.split("/")[0] and other.envelope.position < one.envelope.position
        known = other.envelope.position <= int(after.get(owner, 0))
        if (at == partition and (before or known)) or other.envelope.id == one.envelope.causationid:
            yield other.envelope.id


def log_of(batches):
    """Read batches as the listener does: take one, admit all that can be, on every partition."""
    waiting, order = [], []
    for batch in batches:
        waiting += batch
        known = {one.envelope.id for one in order}
        places = {one.source: one.position for one in order}
        admitted = list(admit(places, known, waiting))
        order += admitted
        waiting = [one for one in waiting if one not in admitted]
    return order, waiting


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_every_interleaving_admits_all_and_every_cause_before_its_effect(new_story, data):
    story = data.draw(histories(new_story))
    order, waiting = log_of(data.draw(deliveries(story)))
    assert waiting == []
    place = {one.envelope.id: at for at, one in enumerate(order)}
    assert place.keys() == {one.envelope.id for one in story.told}
    for one in story.told:
        assert all(place[cause] < place[one.envelope.id] for cause in causes_of(one, story.told))
    for source in {one.source for one in order}:
        assert all(before < after for before, after in pairwise(one.position for one in order if one.source == source))


def test_a_record_waits_for_what_its_author_had_read(story):
    heard = story.say("intake", CASES[0], partition=HERE)
    story.hear("billing", "intake", HERE)
    told = story.say("billing", CASES[0], partition=HERE)
    assert names(admit({}, (), [arrival(told)])) == []
    assert list(lacking(arrival(told), {}, ())) == [f"intake/{HERE}@{heard.envelope.position}"]
    assert names(admit({}, (), [arrival(told), arrival(heard)])) == [
        ("intake/3", heard.envelope.position),
        ("billing/3", told.envelope.position),
    ]
    assert names(admit({f"intake/{HERE}": heard.envelope.position}, (), [arrival(told)])) == [("billing/3", told.envelope.position)]


def test_a_record_waits_for_its_cause_on_another_partition(story):
    cause = story.say("intake", CASES[0], partition=7)
    story.hear("anonymizer", "intake", 7)
    told = story.say("anonymizer", CASES[1], partition=HERE, cause=cause.envelope.id)
    assert told.envelope.after == ""
    assert list(lacking(arrival(told), {}, ())) == [f"event {cause.envelope.id}"]
    assert names(admit({}, {cause.envelope.id}, [arrival(told)])) == [("anonymizer/3", told.envelope.position)]


def test_a_record_waits_for_the_one_before_it_in_its_own_source(story):
    first, second = story.say("intake", CASES[0], partition=HERE), story.say("intake", CASES[1], partition=HERE)
    assert names(admit({}, (), [arrival(second)])) == []
    assert list(lacking(arrival(second), {}, ())) == [f"intake/{HERE}@{first.envelope.position}"]
    assert list(lacking(arrival(first), {"intake/3": 99}, ())) == ["intake/3@the first"]


@pytest.mark.parametrize("after", ["nobody=5", "intake", "intake=x", "=3", "  "])
def test_nothing_waits_for_a_place_that_nobody_can_reach(story, after):
    told = story.say("billing", CASES[0], partition=HERE, after=after)
    assert names(admit({}, (), [arrival(told)])) == [("billing/3", told.envelope.position)]
