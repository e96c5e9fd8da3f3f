"""The sequence of faults a seed gives: the same each time, and every kind early on."""

from collections import Counter

import pytest

from tests.chaos.schedule import AWAY_ROUND, AWAY_SECONDS, HOLDS, Fault, plans

SEEDS = range(1, 21)
SESSION_SECONDS = 10  # of the consumers' groups


def faults(rounds: int, seed: int) -> Counter[Fault]:
    return Counter(blow.fault for plan in plans(rounds, seed) for blow in plan.blows)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shorter_run_is_the_beginning_of_a_longer_one(seed):
    assert plans(5, seed) == plans(100, seed)[:5]


def test_another_seed_gives_another_sequence():
    assert len({plans(5, seed)[0] for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_strikes_within_four_rounds_but_the_long_absence(seed):
    assert set(faults(4, seed)) == set(Fault) - {Fault.BROKERS_AWAY}


@pytest.mark.parametrize("seed", SEEDS)
def test_one_round_alone_keeps_the_brokers_away_unshortened(seed):
    away = [(plan.number, blow.hold) for plan in plans(100, seed) for blow in plan.blows if blow.fault is Fault.BROKERS_AWAY]
    assert away == [(AWAY_ROUND, AWAY_SECONDS)]
    assert AWAY_SECONDS == 150


@pytest.mark.parametrize("seed", SEEDS)
def test_a_round_has_three_to_six_faults_of_the_length_of_their_kind(seed):
    for plan in plans(100, seed):
        assert 3 <= len(plan.blows) <= 6
        for blow in plan.blows:
            shortest, longest = HOLDS[blow.fault]
            assert shortest <= blow.hold <= longest


def test_members_are_frozen_for_longer_than_a_group_waits_for_them():
    holds = [blow.hold for plan in plans(100, 1) for blow in plan.blows if blow.fault is Fault.SERVICE_FROZEN]
    assert min(holds) < SESSION_SECONDS / 2
    assert max(holds) > SESSION_SECONDS
