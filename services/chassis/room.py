"""Wiring a room on the floor plan: from its tables and functions to a service that can be started."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from psycopg_pool import ConnectionPool

from contracts.catalog import CATALOG
from contracts.values import ContractEvent
from services.chassis.announcement import Announce
from services.chassis.backlog import EVENT_STORE, LETTERS
from services.chassis.clock import BusinessClock, clock_of
from services.chassis.dead_letters import KafkaDeadLetters
from services.chassis.desk import Desk
from services.chassis.due import DueDates
from services.chassis.events import Event
from services.chassis.heard import Reactions
from services.chassis.keyring import Keyring, read_key_file
from services.chassis.listener import ReactingListener
from services.chassis.migrate import Store
from services.chassis.projector import Projector
from services.chassis.recorder import Datastore, Recorder, connection_parameters
from services.chassis.refusal import ReactionRefused, announce_refusal
from services.chassis.relay import Relay
from services.chassis.replaying import Replaying
from services.chassis.rows import Rows
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.ticker import Ticker
from services.chassis.views import View

MAKES_KEYS: Final = "SELECT, INSERT"
OPENS: Final = "SELECT"
NO_GRANT: Final = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What a service brings: its reactions, announcements, dates, views, and its grant on the keyring."""

    name: str
    reactions: Reactions
    announce: Announce
    views: tuple[View, ...]
    due: DueDates | None
    keyring_grant: str

    @property
    def store(self) -> Store:
        """The schema behind the room."""
        return Store(self.name, "services.chassis.migrations", "event_store", self.keyring_grant)

    @property
    def hears(self) -> tuple[str, ...]:
        """The owners whose events the room reacts to."""
        return tuple(sorted({entry.owner for entry in CATALOG if entry.model in self.reactions and entry.owner != self.name}))


def announcing(announce: Announce) -> Announce:
    """Extend a room's announcements by the one every room has."""

    def say(event: Event, state: object) -> ContractEvent | None:
        return announce_refusal(event) if isinstance(event, ReactionRefused) else announce(event, state)

    return say


def make_keyring(settings: Settings, grant: str) -> tuple[Keyring | None, ConnectionPool[Any] | None]:
    """Open the keyring if the room has a grant; gives the pool too, for closing."""
    if not grant:
        return None, None
    wrapping = read_key_file(settings.key_file)  # before anything is opened that would have to be closed again
    parameters = connection_parameters(settings.keyring, settings.role)
    pool: ConnectionPool[Any] = ConnectionPool(kwargs={**parameters, "autocommit": True}, min_size=1, max_size=8, open=False)
    pool.open(wait=False)
    return Keyring(pool, wrapping, makes_keys="INSERT" in grant), pool


def make_desk(room: Room, settings: Settings, clock: BusinessClock) -> tuple[Desk, Rows, Callable[[], None]]:
    """Make the desk with its store and keyring; gives a function that closes them."""
    keyring, pool = make_keyring(settings, room.keyring_grant)
    datastore = Datastore(settings.database_url.get_secret_value(), room.name, settings.role)
    recorder = Recorder(datastore, room.hears)
    rows = Rows(datastore)

    def close() -> None:
        datastore.close()
        if pool is not None:
            pool.close()

    desk = Desk(service=room.name, recorder=recorder, keyring=keyring, clock=clock, announce=announcing(room.announce), rows=rows)
    return desk, rows, close


def make_replaying(room: Room, settings: Settings) -> tuple[Replaying, Callable[[], None]]:
    """Make what replays a room's letters; gives a function that closes its store and keyring."""
    desk, _, close = make_desk(room, settings, clock_of(settings))
    return Replaying(desk, room.reactions), close


def furnish(room: Room, settings: Settings, router: Callable[[Desk], APIRouter]) -> Service:
    """Wire a room: store, relay, inbox, projector, dates and routes."""
    clock = clock_of(settings)
    desk, rows, close = make_desk(room, settings, clock)
    dead_letters = KafkaDeadLetters(room.name, settings.kafka_bootstrap, settings.topic_prefix)
    ticker = [] if room.due is None else [Ticker(desk, rows, room.due)]
    return Service(
        settings=settings,
        store=room.store,
        pool=desk.recorder.datastore.pool,
        distances=(*EVENT_STORE, *LETTERS),
        clock=clock,
        routers=[router(desk)],
        loops=[
            *([make_relay(room, settings, desk.recorder)] if settings.relay == "thread" else []),
            Projector(desk.recorder, rows, room.views, room.due),
            *ticker,
        ],
        listener=ReactingListener(desk, room.reactions, dead_letters),
        hears=room.hears,
        close=close,
    )


def furnish_relay(room: Room, settings: Settings) -> Service:
    """Wire a room's relay alone, as a process of its own: beside it only probes and metrics."""
    datastore = Datastore(settings.database_url.get_secret_value(), room.name, settings.role)
    return Service(
        settings=settings,
        store=room.store,
        pool=datastore.pool,
        distances=EVENT_STORE,
        clock=clock_of(settings),
        routers=[],
        loops=[make_relay(room, settings, Recorder(datastore))],
        listener=None,
        hears=(),
        close=datastore.close,
    )


def make_relay(room: Room, settings: Settings, recorder: Recorder) -> Relay:
    """Make the relay from a room's store to its topic."""
    return Relay(recorder, room.name, settings.kafka_bootstrap, settings.topic_prefix)
