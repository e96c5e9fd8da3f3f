"""Every order in which a service can hear several topics and do its own work in between, and where each order ends."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import count
from uuid import UUID

from hypothesis import strategies as st

from services.chassis.aggregate import step
from services.chassis.events import Refused
from services.chassis.heard import Heard
from services.chassis.refusal import REFUSAL, RecordRefusal, record_refusal
from tests.case_events import CASE

NUMBERS = count(1_000)


def heard(event, today: date, *, actor="service", subject=CASE) -> Heard:
    """Give an event as a reaction sees it, under an id of its own."""
    return Heard(event, UUID(int=next(NUMBERS)), subject, "minatono", actor, datetime(2026, 9, 1, tzinfo=UTC), today)


def interleavings(*topics: Sequence[Heard]) -> Iterator[tuple[Heard, ...]]:
    """Give every order of the records in which each topic keeps its own."""
    if not any(topics):
        yield ()
    for place, topic in enumerate(topics):
        if topic:
            for later in interleavings(*topics[:place], topic[1:], *topics[place + 1 :]):
                yield (topic[0], *later)


@st.composite
def hearings(draw, *topics):
    """Draw an interleaving, with up to three records told again later on, and after which records own work goes on."""
    places = draw(st.permutations([place for place, topic in enumerate(topics) for _ in topic]))
    waiting = [iter(topic) for topic in topics]
    order = [next(waiting[place]) for place in places]
    for record in draw(st.lists(st.sampled_from(order), max_size=3)):
        order.insert(draw(st.integers(order.index(record) + 1, len(order))), record)
    return [(record, draw(st.booleans())) for record in order]


class Streams:
    """A service's streams in a dictionary; like the listener it records a reaction that is refused, and stores nothing else of it."""

    def __init__(self, reactions):
        self.reactions = reactions
        self.states = {}
        self.events = []

    def state(self, aggregate, subject):
        """Give one aggregate's state, as a reading does."""
        return self.states.get(aggregate.stream(subject), aggregate.initial)

    def take(self, steps):
        """Decide all steps, or none of them where one is refused."""
        before, events = dict(self.states), len(self.events)
        try:
            for one in steps(self) if callable(steps) else steps:
                for event in one.decide(self.state(one.aggregate, one.subject), one.command):
                    self.states[one.aggregate.stream(one.subject)] = one.aggregate.evolve(self.state(one.aggregate, one.subject), event)
                    self.events.append(event)
        except Refused:
            self.states = before
            del self.events[events:]
            raise

    def hear(self, record):
        """React to a record."""
        if type(record.event) not in self.reactions:
            return
        try:
            self.take([*self.reactions[type(record.event)](record)])
        except Refused as refused:
            refusal = RecordRefusal(rule=refused.rule, field=refused.field, reaction=type(record.event).__name__, event=record.id)
            self.take([step(REFUSAL, record.subject, record_refusal, refusal)])

    def work(self, pending):
        """Do own work in its order as far as it is accepted."""
        while pending:
            try:
                self.take(pending[0])
            except Refused:
                return
            del pending[0]

    @property
    def refusals(self):
        """The reactions that were refused, by rule and field."""
        return [(event.rule, event.field) for event in self.events if event.TOPIC == "chassis.ReactionRefused"]


def play(reactions, order, work=(), answers=None):
    """Hear records in an order, a pair's second part saying whether own work goes on after it; give the streams at the end.

    What answers an event of ours (`answers`, told to ours) is told after it; an order in which that cannot be gives None.
    """
    streams, pending = Streams(reactions), [*work]
    streams.work(pending)
    for record in order:
        told, works = record if isinstance(record, tuple) else (record, True)
        ours = (answers or {}).get(type(told.event))
        if ours is not None and not any(isinstance(event, ours) for event in streams.events):
            streams.work(pending)
            if not any(isinstance(event, ours) for event in streams.events):
                return None
        streams.hear(told)
        if works:
            streams.work(pending)
    streams.work(pending)
    assert not pending, f"own work was never accepted: {pending[0]}"
    return streams
