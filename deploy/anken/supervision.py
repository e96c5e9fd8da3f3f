"""Supervision: a service that ended by itself is started again, later each time it ends soon."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from anken.processes import ServiceFailed
from anken.stack import Stack

LONGEST_PAUSE: Final = 30.0
STEADY_SECONDS: Final = 60.0  # who ran that long begins anew with the shortest pause


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a service ended soon after its start, when it started last, and when it may start again (seconds of one clock)."""

    failures: int
    started: float
    again: float | None = None

    def ended(self, now: float) -> "Patience":
        """Give what follows from an end at `now`: a pause of one second, doubled for each end that came soon, half a minute at most."""
        failures = 1 if now - self.started >= STEADY_SECONDS else self.failures + 1
        return Patience(failures, self.started, now + min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10)))


class Supervisor:
    """Watches the services of a stack; `say` is given a line for each end and each new start."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self.stack = stack
        self.say = say
        self.patience: dict[str, Patience] = {}
        self.begun = time.monotonic()

    def look(self) -> bool:
        """Note who ended and start again whose pause is over; True if somebody was started."""
        started = False
        for name in self.stack.services.ended():
            known = self.patience.get(name, Patience(0, self.begun))
            if known.again is None:
                known = self._note(name, known)
            if known.again is not None and known.again <= time.monotonic():
                started |= self._start(name, known)
        return started

    def _note(self, name: str, known: Patience) -> Patience:
        now = time.monotonic()
        noted = self.patience[name] = known.ended(now)
        pause = (noted.again or now) - now
        self.say(f"{name} ended; it starts again in {pause:.0f} s; see {self.stack.services.log(name)}")
        return noted

    def _start(self, name: str, known: Patience) -> bool:
        self.patience[name] = Patience(known.failures, time.monotonic())
        try:
            self.stack.restart(name)
        except ServiceFailed as failed:
            self.say(str(failed))
            return False
        self.say(f"{name} runs again: {self.stack.urls[name]}")
        return True
