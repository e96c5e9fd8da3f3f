"""Who ends by itself starts again: at once the first time, later each time it ends soon, never for good."""

import itertools
from pathlib import Path

import pytest

from anken import supervision
from anken.processes import ServiceFailed
from anken.supervision import LONGEST_PAUSE, STEADY_SECONDS, Patience, Supervisor


def pauses(lives: list[float]) -> list[float]:
    """Give the pause after each of these lives, in seconds."""
    now, patience, found = 0.0, Patience(0, 0.0), []
    for life in lives:
        patience = patience.ended(now + life)
        assert patience.again is not None
        found.append(patience.again - now - life)
        now = patience.again
        patience = Patience(patience.failures, now)
    return found


def test_the_pause_doubles_up_to_half_a_minute():
    assert pauses([1.0] * 7) == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]


def test_who_ran_steadily_begins_anew_with_the_shortest_pause():
    assert pauses([1.0, 1.0, STEADY_SECONDS, 1.0]) == [1, 2, 1, 2]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class House:
    """A stack of which one service is down and refuses its first new starts."""

    def __init__(self, refusals: int) -> None:
        self.down = {"review"}
        self.refusals = itertools.count(1 - refusals)
        self.urls = {"review": "http://127.0.0.1:1234"}
        self.services = self
        self.started: list[str] = []

    def ended(self) -> list[str]:
        return sorted(self.down)

    def log(self, name: str) -> Path:
        return Path(f"{name}.log")

    def restart(self, name: str) -> None:
        self.started.append(name)
        if next(self.refusals) <= 0:
            raise ServiceFailed(f"{name} ended; see {name}.log")
        self.down.discard(name)


def test_a_service_that_ended_is_started_again_and_said_so(monkeypatch: pytest.MonkeyPatch):
    clock, house, said = Clock(), House(refusals=1), []
    monkeypatch.setattr(supervision, "time", clock)
    supervisor = Supervisor(house, said.append)
    assert not supervisor.look()
    assert house.started == []
    clock.now = 1.0
    assert not supervisor.look()
    assert not supervisor.look()
    clock.now = 2.9
    assert not supervisor.look()
    assert house.started == ["review"]
    clock.now = 3.0
    assert supervisor.look()
    assert (house.started, house.down) == (["review"] * 2, set())
    assert said == [
        "review ended; it starts again in 1 s; see review.log",
        "review ended; see review.log",
        "review ended; it starts again in 2 s; see review.log",
        "review runs again: http://127.0.0.1:1234",
    ]
