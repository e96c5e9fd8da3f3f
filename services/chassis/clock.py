"""The business clock: Japanese time, settable only where the development issuer is."""

import threading
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from services.chassis.events import Refused

JST: Final = timezone(timedelta(hours=9))


class BusinessClock:
    """Tells what time it is for the procedure; recorded time comes from the database alone."""

    def __init__(self, *, settable: bool = False) -> None:
        self.settable = settable
        self._ahead = timedelta()
        self._moved = threading.Condition()

    def now(self) -> datetime:
        """Give the business moment with its +09:00 offset."""
        return datetime.now(JST) + self._ahead

    def today(self) -> date:
        """Give the business day."""
        return self.now().date()

    def set(self, moment: datetime) -> None:
        """Let the clock go on from `moment`; raises Refused where no development issuer is in charge."""
        if not self.settable:
            raise Refused("clock", "now", "the business clock can be set only with the development issuer")
        with self._moved:
            self._ahead = moment - datetime.now(JST)
            self._moved.notify_all()

    def wait(self, seconds: float) -> None:
        """Sleep for so long at most, less if the clock is set meanwhile."""
        with self._moved:
            self._moved.wait(seconds)


def start_of(day: date) -> datetime:
    """Give the first moment of a business day, 00:00 JST."""
    return datetime.combine(day, time(), JST)
