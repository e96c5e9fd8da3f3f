"""What `/metrics` shows: the process's own counts and, read from the store at each scrape, what is still on its way."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool

from services.chassis.backlog import Backlog

UP: Final = "anken_database_up"
UP_SAYS: Final = "1 where the service's store answered this scrape; the distances are missing where it did not."
IN_USE: Final = "anken_database_pool_in_use"
IN_USE_SAYS: Final = "Connections of the store's pool that are at work."
WAITING: Final = "anken_database_pool_waiting"
WAITING_SAYS: Final = "Threads that wait for a connection of the store's pool."


class StoreCollector(Collector):
    """Reads the backlog and the pool at each scrape; a store that is away is a 0, never a failed scrape."""

    def __init__(self, backlog: Backlog, pool: ConnectionPool[Any]) -> None:
        self.backlog = backlog
        self.pool = pool

    def describe(self) -> Iterable[Metric]:
        """Name the families without asking the store."""
        yield GaugeMetricFamily(UP, UP_SAYS)
        yield GaugeMetricFamily(IN_USE, IN_USE_SAYS)
        yield GaugeMetricFamily(WAITING, WAITING_SAYS)
        for one in self.backlog.distances:
            yield GaugeMetricFamily(one.name, one.says)

    def collect(self) -> Iterable[Metric]:
        """Read them."""
        sight = self.backlog.look()
        yield GaugeMetricFamily(UP, UP_SAYS, value=float(sight.up))
        pool = self.pool.get_stats()
        yield GaugeMetricFamily(IN_USE, IN_USE_SAYS, value=pool["pool_size"] - pool["pool_available"])
        yield GaugeMetricFamily(WAITING, WAITING_SAYS, value=pool["requests_waiting"])
        for one in self.backlog.distances:
            if one.name in sight.figures:
                yield GaugeMetricFamily(one.name, one.says, value=sight.figures[one.name])


def metrics_routes(backlog: Backlog, pool: ConnectionPool[Any]) -> APIRouter:
    """Serve `/metrics` in the text format every scraper reads."""
    routes = APIRouter(include_in_schema=False)
    store = CollectorRegistry()
    store.register(StoreCollector(backlog, pool))

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(REGISTRY) + generate_latest(store), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
