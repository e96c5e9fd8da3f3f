"""One way from a store to an inbox: where its servers are, and the processes at both ends of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from anken.processes import CONTEXT
from contracts.topics import owner_topic

PATIENCE_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Track:
    """What both ends need to know."""

    urls: Mapping[str, str]  # by service, under its own role
    bootstrap: str
    prefix: str
    owner: str
    events: int
    key_file: str

    @property
    def topic(self) -> str:
        """The topic between the ends."""
        return owner_topic(self.owner, self.prefix)


Runner = Callable[[Track, Connection], None]


class End:
    """A process at one end; it says when it is ready, and what else is agreed."""

    def __init__(self, runner: Runner, track: Track) -> None:
        self.told, there = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=runner, args=(track, there), name=runner.__name__)
        self.process.start()
        there.close()

    def hear(self) -> Any:
        """Wait for its word; raises RuntimeError if it ends or says nothing."""
        try:
            if self.told.poll(PATIENCE_SECONDS):
                return self.told.recv()
        except EOFError:
            pass
        self.process.kill()
        raise RuntimeError(f"{self.process.name} said nothing")

    def end(self) -> None:
        """Let it stop in order."""
        self.told.send("stop")
        self.process.join(PATIENCE_SECONDS)
        self.process.kill()


def run_between(track: Track, sender: Runner, taker: Runner, go: Callable[[End], None]) -> float:
    """Start both ends, let the sender go when both are ready, and give the events a second until the taker has all."""
    ends = [End(taker, track), End(sender, track)]
    try:
        for one in ends:
            one.hear()
        begun = time.monotonic()
        go(ends[1])
        return track.events / (ends[0].hear() - begun)
    finally:
        for one in ends:
            one.end()
