"""Which faults strike in which round: drawn from a seed, dealt from decks so that every kind comes within the first four rounds."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SPAN: Final = 6.0  # seconds over which the cases of a round start and the faults strike
AWAY_ROUND: Final = 6
AWAY_SECONDS: Final = 150.0
CASES: Final = 4


class Fault(StrEnum):
    """What can happen to a house."""

    SERVICE_KILLED = "service killed"
    SERVICE_FROZEN = "service frozen"
    RELAY_KILLED = "relay killed"
    RELAY_FROZEN = "relay frozen"
    LEAD_CUT = "relay's lead cut"
    ZOMBIE = "relay a zombie"
    BROKER_KILLED = "broker killed"
    BROKER_FROZEN = "broker frozen"
    BROKERS_FROZEN = "two brokers frozen"
    BROKERS_AWAY = "all brokers away"
    POSTGRES_KILLED = "PostgreSQL killed"
    POSTGRES_FROZEN = "PostgreSQL frozen"
    BATCH_CUT = "replicas join and die in a batch"
    RELAY_CUT = "relay dies with records in hand"
    TOPIC_TRIMMED = "topic trimmed"


# How long each lasts, in seconds: shortest, longest. A frozen member outlasts the group's 10 s session time-out at times.
HOLDS: Final = {
    Fault.SERVICE_KILLED: (0.3, 4),
    Fault.SERVICE_FROZEN: (1, 12),
    Fault.RELAY_KILLED: (0.3, 4),
    Fault.RELAY_FROZEN: (1, 6),
    Fault.LEAD_CUT: (0, 0),
    Fault.ZOMBIE: (2, 6),
    Fault.BROKER_KILLED: (0.5, 6),
    Fault.BROKER_FROZEN: (2, 8),
    Fault.BROKERS_FROZEN: (14, 15),
    Fault.BROKERS_AWAY: (AWAY_SECONDS, AWAY_SECONDS),
    Fault.POSTGRES_KILLED: (0.2, 3),
    Fault.POSTGRES_FROZEN: (1, 6),
    Fault.BATCH_CUT: (0.2, 2),
    Fault.RELAY_CUT: (0.5, 3),
    Fault.TOPIC_TRIMMED: (1, 3),
}
DECKS: Final[Sequence[tuple[int, tuple[Fault, ...]]]] = (  # how many of each deck a round is dealt
    (1, (Fault.BROKER_KILLED, Fault.BROKER_FROZEN, Fault.BROKERS_FROZEN)),
    (1, (Fault.POSTGRES_KILLED, Fault.POSTGRES_FROZEN)),
    (1, (Fault.BATCH_CUT, Fault.RELAY_CUT, Fault.TOPIC_TRIMMED)),
    (2, (Fault.SERVICE_KILLED, Fault.SERVICE_FROZEN, Fault.SERVICE_KILLED)),
    (1, (Fault.RELAY_KILLED, Fault.RELAY_FROZEN, Fault.LEAD_CUT, Fault.ZOMBIE)),
)


# While the brokers are away relays keep what they have in hand, for 150 s: nothing else may take it from them.
BESIDE_AWAY: Final = frozenset({Fault.SERVICE_KILLED, Fault.SERVICE_FROZEN})


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault: when it strikes (seconds into the round), how long it lasts, and a number by which its victim is chosen."""

    fault: Fault
    at: float
    hold: float
    pick: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One round: its blows, when each case starts, and the seed of everything else in it."""

    number: int
    seed: int
    blows: tuple[Blow, ...]
    starts: tuple[float, ...]

    @property
    def longest(self) -> float:
        """Seconds until the last blow is over."""
        return max(blow.at + blow.hold for blow in self.blows)


def plans(rounds: int, seed: int) -> list[Plan]:
    """Give the first rounds of a seed's one endless sequence: a shorter run is the beginning of a longer one."""
    chance = random.Random(seed)
    hands: list[list[Fault]] = [[] for _ in DECKS]
    return [_plan(number, chance, hands) for number in range(1, rounds + 1)]


def _plan(number: int, chance: random.Random, hands: list[list[Fault]]) -> Plan:
    dealt: list[Fault] = []
    for (count, deck), hand in zip(DECKS, hands, strict=True):
        for _ in range(count):
            if not hand:
                hand.extend(chance.sample(deck, len(deck)))
            dealt.append(hand.pop())
    if number == AWAY_ROUND:
        dealt = [Fault.BROKERS_AWAY, *(fault for fault in dealt if fault in BESIDE_AWAY)]
    blows = tuple(_blow(fault, chance) for fault in dealt)
    starts = tuple(sorted(chance.uniform(0, SPAN / 2) for _ in range(CASES)))
    return Plan(number, chance.getrandbits(32), blows, starts)


def _blow(fault: Fault, chance: random.Random) -> Blow:
    shortest, longest = HOLDS[fault]
    at = SPAN if fault is Fault.BROKERS_AWAY else chance.uniform(0.3, SPAN)  # there the cases are well under way by then
    return Blow(fault, at, chance.uniform(shortest, longest), chance.getrandbits(16))
