"""A loop in a thread: turns until it is told to stop, waits out a server that is away, ends the process on a real error."""

import os
import random
import threading
import time
from abc import abstractmethod
from typing import Final

from eventsourcing.persistence import InterfaceError, InternalError, OperationalError
from psycopg import InterfaceError as PsycopgInterfaceError
from psycopg import OperationalError as PsycopgOperationalError
from psycopg.errors import IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from psycopg_pool import PoolTimeout
from structlog.stdlib import get_logger

log = get_logger(__name__)

# A standby after a fail-over is read-only for a while, and who was frozen in a transaction finds it ended (InternalError is what
# the library makes of both): also waited out.
AWAY: Final = (
    OperationalError, InterfaceError, InternalError, PsycopgOperationalError, PsycopgInterfaceError,
    ReadOnlySqlTransaction, IdleInTransactionSessionTimeout, PoolTimeout,
)  # fmt: skip
LONGEST_PAUSE: Final = 5.0
LONGEST_TURN_SECONDS: Final = 60


def pause(attempt: int) -> float:
    """Give the seconds to wait before another attempt: doubling, with jitter, five seconds at most."""
    return random.uniform(0.5, 1) * min(LONGEST_PAUSE, float(0.1 * 2.0 ** min(attempt, 10)))  # noqa: S311 - jitter, not a secret


class Loop(threading.Thread):
    """Base of the relay, the projector and the date ticker."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.healthy = False
        self.last_turn = time.monotonic()

    def is_well(self) -> bool:
        """Tell whether the thread runs, its last turn went well, and the one it is in has not taken more than a minute."""
        return self.is_alive() and self.healthy and time.monotonic() - self.last_turn < LONGEST_TURN_SECONDS

    @abstractmethod
    def turn(self) -> None:
        """Do what there is to do, then wait briefly."""

    def close(self) -> None:
        """Let go of connections and the like; called once, in the thread, at the end."""

    def run(self) -> None:
        """Turn until stopped."""
        attempt = 0
        while not self.stopping.is_set():
            try:
                self.turn()
            except AWAY:
                self.healthy = False
                log.warning("server away, trying again", loop=self.name, exc_info=True)
                self.close()
                self.stopping.wait(pause(attempt))
                attempt += 1
            except BaseException:
                # A loop that is gone would leave a process that looks alive: better let the supervisor start it anew.
                log.critical("loop failed, the process ends", loop=self.name, exc_info=True)
                os._exit(1)
            else:
                self.healthy = True
                self.last_turn = time.monotonic()
                attempt = 0
        self.close()

    def stop(self) -> None:
        """Ask the loop to end after its turn."""
        self.stopping.set()
