"""What services show at `/metrics` is what `docs/metrics.md` lists: name, type and labels, and nothing else."""

import asyncio
import re
from pathlib import Path

from httpx import ASGITransport, AsyncClient
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from services.billing.service import compose as compose_billing
from services.caselog.service import compose as compose_case_log
from services.chassis import metrics
from services.chassis.backlog import Backlog
from services.chassis.exposition import StoreCollector
from services.chassis.issuer import DevelopmentIssuer
from services.chassis.keyring import make_key_file
from services.chassis.service import Service
from services.chassis.settings import settings_for

HOUSE = Path(__file__).parents[1]
CODE = re.compile(r"`([^`]+)`")
Listing = dict[str, tuple[str, frozenset[str]]]


def listed() -> Listing:
    """Read the document's tables: type and labels by name."""
    found: Listing = {}
    for line in (HOUSE / "docs/metrics.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 7 and cells[1].startswith("`anken_"):
            name = cells[1].strip("`")
            assert name not in found, f"{name} is listed twice"
            assert cells[4], f"{name} says nothing"
            found[name] = cells[2], frozenset(CODE.findall(cells[3]))
    return found


def shown(families: list[Metric], labels: dict[str, frozenset[str]]) -> Listing:
    """Give what a scraper sees: a counter's name ends with `_total`."""
    ours = [one for one in families if one.name.startswith("anken_")]
    return {one.name + ("_total" if one.type == "counter" else ""): (one.type, labels.get(one.name, frozenset())) for one in ours}


def scrape(service: Service) -> list[Metric]:
    """Ask a service as a scraper does; its store is away, so what only the store could tell is taken from the description."""

    async def ask() -> str:
        async with AsyncClient(transport=ASGITransport(service.app()), base_url="http://service") as client:
            return (await client.get("/metrics")).text

    found = list(text_string_to_metric_families(asyncio.run(ask())))
    assert [sample.value for one in found for sample in one.samples if sample.name == "anken_database_up"] == [0]
    return [*found, *StoreCollector(Backlog(service.parameters, service.store, service.distances), service.pool).describe()]


def test_what_is_shown_is_what_is_listed(tmp_path: Path):
    key_file = tmp_path / "keyring.key"
    make_key_file(key_file)
    given = {"database_url": "postgresql://127.0.0.1:1/anken", "key_file": key_file, "jwks_file": DevelopmentIssuer(tmp_path).jwks}
    services = [compose_billing(settings_for("billing", **given)), compose_case_log(settings_for("caselog", **given))]
    families = [one for service in services for one in scrape(service)]
    for service in services:
        service.close()
    labels = {one._name: frozenset(one._labelnames) for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)}
    assert shown(families, labels) == listed()
