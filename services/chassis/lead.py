"""The lead of a service's relay: one session holds the lock, hears the store's notifications and alone moves the place."""

import time
from typing import Final

import psycopg
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from services.chassis.migrate import channel
from services.chassis.recorder import Recorder

PLACE: Final = "relay"
# A relay that vanished is noticed by the server's end of the session: otherwise its lock would stay.
SERVER_KEEPALIVES: Final = {
    "tcp_keepalives_idle": "10s", "tcp_keepalives_interval": "5s", "tcp_keepalives_count": "3", "tcp_user_timeout": "25s",
    # A frozen relay's kernel still answers keepalives. The longest silence of one that runs is a send that waits ten seconds.
    "idle_session_timeout": "30s",
}  # fmt: skip


class Lead:
    """A session that may win the lock. What only a leader may do goes through it, so one that lost it can do nothing."""

    def __init__(self, recorder: Recorder) -> None:
        self.schema = recorder.datastore.schema
        self.won = False
        self.heard = time.monotonic()
        self.connection: psycopg.Connection[DictRow] = recorder.connection(application_name=f"{self.schema} relay")
        self.reading = SQL("SELECT notification_id FROM {}.tracking WHERE application_name = {}").format(Identifier(self.schema), PLACE)
        self.moving = SQL(
            "INSERT INTO {}.tracking AS t VALUES ({}, %(to)s) ON CONFLICT (application_name) DO UPDATE"
            " SET notification_id = excluded.notification_id WHERE t.notification_id = %(since)s RETURNING 1"
        ).format(Identifier(self.schema), PLACE)

    def win(self) -> bool:
        """Try to take the lock; who has it hears of every append and every move of the place."""
        row = self.connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0)) AS won", (f"anken.relay.{self.schema}",)
        ).fetchone()
        self.won = row is not None and bool(row["won"])
        if self.won:
            for name, value in SERVER_KEEPALIVES.items():
                self.connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            self.connection.execute(SQL("LISTEN {}").format(Identifier(channel(self.schema))))
        return self.won

    def place(self) -> int:
        """Read up to where everything announced is known to be in Kafka."""
        self.heard = time.monotonic()
        row = self.connection.execute(self.reading).fetchone()
        return 0 if row is None else int(row["notification_id"])

    def move(self, since: int, to: int) -> bool:
        """Save a new place; False when it is no longer where this batch began, because somebody rewound it."""
        self.heard = time.monotonic()
        return self.connection.execute(self.moving, {"since": since, "to": to}).fetchone() is not None

    def check(self) -> None:
        """Raise what psycopg raises if the session, and the lock with it, is gone."""
        self.heard = time.monotonic()
        self.connection.execute("SELECT 1")

    def wait(self, seconds: float) -> None:
        """Wait until the store notifies; raises as `check` does if the session ends meanwhile."""
        for _ in self.connection.notifies(timeout=seconds, stop_after=1):
            continue  # to its end: what came while the session was busy is kept and would wake us once for each append

    def close(self) -> None:
        """Give up the lock with the session."""
        self.connection.close()
