"""A running service: its parts, started when their servers are there, stopped in order."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI
from psycopg_pool import ConnectionPool
from structlog.stdlib import get_logger

from contracts.topics import owner_topic
from services.chassis.answering import request_threads
from services.chassis.backlog import Backlog, Distance
from services.chassis.clock import BusinessClock
from services.chassis.consumer import Consumer
from services.chassis.event_loop import watch_event_loop
from services.chassis.exposition import metrics_routes
from services.chassis.inbox import Inbox, Listener
from services.chassis.loop import AWAY, Loop, pause
from services.chassis.migrate import Store, is_current
from services.chassis.readiness import StoreCheck, consuming, loops_turning
from services.chassis.recorder import connection_parameters
from services.chassis.settings import Settings
from services.chassis.tokens import TokenCheck, token_check
from services.chassis.web import Health, development_routes, make_app

log = get_logger(__name__)

GRACE_SECONDS = 20


@dataclass(slots=True)
class Service:
    """The composition of one service, before anything is started."""

    settings: Settings
    store: Store
    pool: ConnectionPool[Any]
    distances: Sequence[Distance]
    clock: BusinessClock
    routers: Sequence[APIRouter]
    loops: Sequence[Loop]
    listener: Listener | None
    hears: Sequence[str]
    close: Callable[[], None]
    health: Health = field(default_factory=Health)

    def app(self) -> FastAPI:
        """Make the HTTP application; it answers at once, the rest starts behind it as its servers come up."""
        settings = self.settings
        backlog = Backlog(self.parameters, self.store, self.distances)
        self.health.checks.append(StoreCheck(backlog))
        extra = [metrics_routes(backlog, self.pool), *([development_routes(self.clock)] if settings.development and self.routers else [])]
        return make_app(settings.service, self._token_check(), self.health, self._lifespan, *self.routers, *extra)

    def _token_check(self) -> TokenCheck | None:
        if not self.routers:
            return None  # probes and metrics ask nobody who they are
        if self.settings.jwks_file is None:
            message = "ANKEN_JWKS_FILE is not set"
            raise RuntimeError(message)
        return token_check(self.settings.jwks_file, self.settings.issuer, self.settings.audience)

    @property
    def parameters(self) -> dict[str, Any]:
        """How a connection of the service's own is made, outside its pool."""
        return connection_parameters(self.settings.database_url.get_secret_value(), self.settings.role)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(request_threads())
        running = asyncio.create_task(self._run(), name="start")
        running.add_done_callback(_end_on_defect)
        watching = asyncio.create_task(watch_event_loop(), name="event-loop-lag")
        try:
            yield
        finally:
            watching.cancel()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def _run(self) -> None:
        consumer: Consumer | None = None
        try:
            await self._database()
            for loop in self.loops:
                loop.start()
            self.health.checks.append(partial(loops_turning, self.loops))
            if self.listener is not None:
                consumer = await self._join(self.listener)
                self.health.checks.append(partial(consuming, consumer))
            self.health.started = True
            log.info("started", hears=list(self.hears))
            await asyncio.Event().wait()
        finally:
            log.info("stopping")
            for loop in self.loops:
                loop.stop()
            if consumer is not None:
                await consumer.stop()
            for loop in self.loops:
                if loop.ident is not None:
                    await asyncio.to_thread(loop.join, GRACE_SECONDS)
            self.close()
            log.info("stopped")

    async def _database(self) -> None:
        attempt = 0
        while not await asyncio.to_thread(self._is_current):
            await asyncio.sleep(pause(attempt))
            attempt += 1

    def _is_current(self) -> bool:
        try:
            with psycopg.connect(**{"connect_timeout": 5, **self.parameters}) as connection:
                if is_current(connection, self.store):
                    return True
                log.info("waiting for `anken migrate`", schema=self.store.schema)
        except AWAY as error:
            log.info("waiting for the database", reason=str(error).splitlines()[0])
        return False

    async def _join(self, listener: Listener) -> Consumer:
        attempt = 0
        while True:
            consumer = Consumer(
                Inbox(listener),
                group=f"{self.settings.topic_prefix}.{self.settings.service}",
                topics=[owner_topic(owner, self.settings.topic_prefix) for owner in self.hears],
                bootstrap=self.settings.kafka_bootstrap,
                member=self.settings.member,
            )
            try:
                await consumer.start()
            except (KafkaError, OSError) as error:
                log.info("waiting for kafka", reason=str(error))
                await consumer.stop()
                await asyncio.sleep(pause(attempt))
                attempt += 1
            else:
                return consumer


def _end_on_defect(running: asyncio.Task[None]) -> None:
    """End the process if its parts could not be started for a reason that waiting does not cure: the supervisor sees it."""
    if not running.cancelled() and (error := running.exception()) is not None:
        log.critical("service failed, the process ends", exc_info=error)
        os._exit(1)
