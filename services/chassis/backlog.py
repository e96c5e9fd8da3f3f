"""The backlog: what is still on its way, read from the store in one short statement, for whoever asks."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql
from structlog.stdlib import get_logger

from services.chassis.lead import PLACE as RELAY
from services.chassis.loop import AWAY
from services.chassis.migrate import Store, is_current
from services.chassis.versions import PLACE as VIEWS

log = get_logger(__name__)

STATEMENT_MS: Final = 2_000
LOOK_SECONDS: Final = 3.0
MOST_COUNTED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Distance:
    """One figure of a backlog: the gauge's name, what it says, and the SQL expression that gives it for a `{schema}`."""

    name: str
    says: str
    expression: sql.SQL


RELAY_POSITION: Final = "anken_relay_position"
OLDEST_UNSENT: Final = "anken_relay_oldest_unsent_seconds"

# Numbering has no gaps (contracts.md), so the projector's lag is a subtraction; the relay passes over silent events.
EVENT_STORE: Final = (
    Distance(
        RELAY_POSITION,
        "Position in the store up to which the relay has copied.",
        sql.SQL("coalesce((SELECT notification_id FROM {schema}.tracking WHERE application_name = {relay}), 0)"),
    ),
    Distance(
        "anken_relay_lag_events",
        f"Announced events that Kafka has not acknowledged; counted up to {MOST_COUNTED}.",
        sql.SQL(
            "(SELECT count(*) FROM (SELECT 1 FROM {schema}.events WHERE partition IS NOT NULL AND notification_id >"
            " coalesce((SELECT notification_id FROM {schema}.tracking WHERE application_name = {relay}), 0) LIMIT {most}) unsent)"
        ),
    ),
    Distance(
        OLDEST_UNSENT,
        "Age of the oldest announced event that Kafka has not acknowledged; 0 when there is none.",
        sql.SQL(
            "coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - recorded)) FROM {schema}.events"
            " WHERE partition IS NOT NULL AND notification_id >"
            " coalesce((SELECT notification_id FROM {schema}.tracking WHERE application_name = {relay}), 0)"
            " ORDER BY notification_id LIMIT 1), 0)"
        ),
    ),
    Distance(
        "anken_projection_lag_events",
        "Stored events that the views do not show yet.",
        sql.SQL(
            "coalesce((SELECT max(notification_id) FROM {schema}.events), 0)"
            " - coalesce((SELECT notification_id FROM {schema}.tracking WHERE application_name = {views}), 0)"
        ),
    ),
    Distance(
        "anken_projection_lag_seconds",
        "Age of the oldest stored event that the views do not show yet; 0 when there is none.",
        sql.SQL(
            "coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - recorded)) FROM {schema}.events"
            " WHERE notification_id > coalesce((SELECT notification_id FROM {schema}.tracking WHERE application_name = {views}), 0)"
            " ORDER BY notification_id LIMIT 1), 0)"
        ),
    ),
)
LETTERS: Final = (
    Distance(
        "anken_dead_letters_open",
        "Dead letters that nobody has replayed or dropped yet.",
        sql.SQL("SELECT count(*) FROM {schema}.dead_letter WHERE state = 'open'"),
    ),
    Distance(
        "anken_parked_cases",
        "Cases whose records are put aside behind an open letter of theirs.",
        sql.SQL("SELECT count(DISTINCT subject) FROM {schema}.dead_letter WHERE state = 'open'"),
    ),
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at the store showed: whether it answered, whether its schema is this version's, and the figures."""

    up: bool
    current: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)


class Backlog:
    """Looks at one service's store over a connection of its own each time, so that no pool and no lock stands in between."""

    def __init__(self, parameters: Mapping[str, Any], store: Store, distances: Sequence[Distance]) -> None:
        self.parameters = dict(parameters)
        self.store = store
        self.distances = distances
        self.asking = threading.Lock()
        self.asked: Future[Sight] | None = None
        named = {
            "schema": sql.Identifier(store.schema),
            "relay": sql.Literal(RELAY),
            "views": sql.Literal(VIEWS),
            "most": sql.Literal(MOST_COUNTED),
        }
        self.statement = sql.SQL("SELECT {}").format(
            sql.SQL(", ").join(
                sql.SQL("({})::float8 AS {}").format(one.expression.format(**named), sql.Identifier(one.name)) for one in distances
            )
        )

    def look(self) -> Sight:
        """Look now; never raises, and answers within three seconds also where the server is frozen in mid-answer.

        Whoever asks while a look is under way shares it: scrapes and probes open one connection at a time together.
        """
        with self.asking:
            if self.asked is None or self.asked.done():
                self.asked = Future()
                threading.Thread(target=self._answer, args=(self.asked,), name="backlog", daemon=True).start()
            asked = self.asked
        try:
            return asked.result(LOOK_SECONDS)
        except TimeoutError:
            return Sight(up=False)

    def _answer(self, asked: Future[Sight]) -> None:
        try:
            asked.set_result(self._look())
        except AWAY:
            asked.set_result(Sight(up=False))
        except Exception:
            log.exception("backlog not read")
            asked.set_result(Sight(up=False))

    def _look(self) -> Sight:
        options = f"{self.parameters.get('options', '')} -c statement_timeout={STATEMENT_MS}"
        parameters = {**self.parameters, "options": options, "connect_timeout": 2}
        with psycopg.connect(**parameters, autocommit=True) as connection:
            if not is_current(connection, self.store):
                return Sight(up=True)
            row = connection.execute(self.statement).fetchone() or ()
        return Sight(up=True, current=True, figures=dict(zip((one.name for one in self.distances), row, strict=True)))
