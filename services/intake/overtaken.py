"""What was read before a decision has changed since: read again and decide again."""

from collections.abc import Callable
from typing import Final, TypeVar

from services.chassis.events import Refused

T = TypeVar("T")
ATTEMPTS: Final = 20


class Overtaken(Refused):
    """Somebody else came between reading and storing; the same request can succeed on the newer state."""


def deciding_again(read_and_take: Callable[[], T]) -> T:
    """Call until nobody comes between; each time somebody does, that one has succeeded. At last the refusal stands."""
    for _ in range(ATTEMPTS - 1):
        try:
            return read_and_take()
        except Overtaken:
            continue
    return read_and_take()
