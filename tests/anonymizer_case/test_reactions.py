"""Whatever order intake, review and billing are heard in, and however often, the extract of the case ends the same."""

from collections import defaultdict
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.anonymizer.extract import EXTRACT
from services.anonymizer.kept import SOURCE
from services.anonymizer.reactions import REACTIONS

SPEC = f"sha256:{'a' * 64}"
EVENTS = 7


def events_of(told):
    submitted = told.heard(told.submitted(), "acct-1")
    rest = (told.registered(), told.decided(SPEC), told.concluded(), told.paid(26_300), told.paid(0), told.register_updated())
    return [submitted, *map(told.heard, rest)]


def react(heard_events):
    states = {EXTRACT.name: EXTRACT.initial, SOURCE.name: SOURCE.initial}
    yielded = defaultdict(int)
    for heard in heard_events:
        for taken in REACTIONS[type(heard.event)](heard):
            new = [*taken.decide(states[taken.aggregate.name], taken.command)]
            states[taken.aggregate.name] = taken.aggregate.fold(new, states[taken.aggregate.name])
            for event in new:
                yielded[type(event).__name__] += 1
    return states, yielded


@given(
    order=st.permutations(range(EVENTS)).flatmap(
        lambda order: st.lists(st.sampled_from(order), max_size=3).map(lambda again: [*order, *again]).flatmap(st.permutations)
    )
)
def test_every_interleaving_ends_in_the_same_state(told, order):
    events = events_of(told)
    states, yielded = react(events[place] for place in order)
    assert states == react(events)[0]
    assert set(yielded.values()) == {1}
    extract = states[EXTRACT.name]
    assert (extract.proposer, extract.settled, extract.registered) == ("acct-1", True, True)
    assert extract.decision.specification == SPEC
    assert extract.contract.party == UUID(int=2)


@given(order=st.permutations(range(EVENTS - 1)))
def test_a_part_payment_never_settles(told, order):
    events = [heard for heard in events_of(told) if heard.event != told.paid(0)]
    states, _ = react(events[place] for place in order)
    assert not states[EXTRACT.name].settled
