"""The business clock: Japanese time, settable only where the development issuer is."""

import threading
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Final

from services.chassis.events import Refused
from services.chassis.settings import Settings

JST: Final = timezone(timedelta(hours=9))
MICROSECOND: Final = timedelta(microseconds=1)


class BusinessClock:
    """Tells what time it is for the procedure; recorded time comes from the database alone.

    With a `file` all processes that were given it share one clock, which outlives each of them: how far it is ahead, in
    microseconds, read again whenever the file was replaced.
    """

    def __init__(self, *, settable: bool = False, file: Path | None = None) -> None:
        if file is not None and not settable:
            raise ValueError("a clock that is read from a file is a settable one: both belong to development")
        self.settable = settable
        self._file = file
        self._read = (0, 0)
        self._ahead = timedelta()
        self._moved = threading.Condition()

    def now(self) -> datetime:
        """Give the business moment with its +09:00 offset."""
        return datetime.now(JST) + self._shared()

    def today(self) -> date:
        """Give the business day."""
        return self.now().date()

    def set(self, moment: datetime) -> None:
        """Let the clock go on from `moment`; raises Refused where no development issuer is in charge."""
        if not self.settable:
            raise Refused("clock", "now", "the business clock can be set only with the development issuer")
        with self._moved:
            self._ahead = moment - datetime.now(JST)
            if self._file is not None:
                new = self._file.with_name(f"{self._file.name}.{threading.get_native_id()}")
                new.write_text(str(self._ahead // MICROSECOND))
                new.replace(self._file)
            self._moved.notify_all()

    def wait(self, seconds: float) -> None:
        """Sleep for so long at most, less if the clock is set meanwhile."""
        with self._moved:
            self._moved.wait(seconds)

    def _shared(self) -> timedelta:
        if self._file is None:
            return self._ahead
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return self._ahead
        stamp = found.st_ino, found.st_mtime_ns
        if stamp != self._read:
            self._ahead, self._read = MICROSECOND * int(self._file.read_text()), stamp
        return self._ahead


def clock_of(settings: Settings) -> BusinessClock:
    """Make the clock that a service's settings ask for: real time alone outside development."""
    return BusinessClock(settable=settings.development, file=settings.clock_file if settings.development else None)


def start_of(day: date) -> datetime:
    """Give the first moment of a business day, 00:00 JST."""
    return datetime.combine(day, time(), JST)
