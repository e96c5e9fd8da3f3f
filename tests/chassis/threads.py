"""Loops in threads, and waiting for what they do."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.chassis.loop import Loop


@contextmanager
def running(loop: Loop) -> Iterator[None]:
    """Run a loop meanwhile, and see it end when it is told to."""
    loop.start()
    try:
        yield
    finally:
        loop.stop()
        loop.join(20)
        assert not loop.is_alive()


def eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is true; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
