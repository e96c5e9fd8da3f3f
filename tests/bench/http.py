"""Commands over HTTP by 1, 16 and 64 clients (intake finds proposals complete), against an empty route of the same service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, Final
from uuid import UUID

import psycopg

from anken.client import wait_until_ready
from anken.kafka import KafkaCluster
from anken.processes import CONTEXT, warm_up
from anken.topics import apply_topics
from services.chassis.issuer import DevelopmentIssuer
from services.chassis.keyring import make_key_file
from services.chassis.settings import settings_for
from tests.bench.clients import Answered, Load, run_clients
from tests.bench.empty_route import PATH, run_intake
from tests.bench.measure import Bench, Measure, Size, alternate, last_line
from tests.bench.proposals import TENANT, submit_proposals
from tests.bench.stores import Store, fresh_store

CLIENTS: Final = (1, 16, 64)
FEW: Final = 16
REQUESTS: Final = {"full": {1: 300, 16: 1_000, 64: 1_000}, "small": {1: 20, 16: 64, 64: 64}}
PERCENTILES: Final = (50, 95, 99)
START_SECONDS: Final = 60


@dataclass(slots=True)
class Counter:
    """The running service, a load generator beside it, the cases that wait, and what was answered in each kind of round."""

    port: int
    token: str
    generator: Connection
    waiting: Iterator[UUID]
    answered: dict[str, list[Answered]] = field(default_factory=dict)

    def find_complete(self, clients: int, requests: int) -> float:
        """Have cases found complete, each once; gives commands a second."""
        return self.send(f"{clients}", clients, [f"/proposals/{next(self.waiting)}/completeness" for _ in range(requests)])

    def ask_nothing(self, requests: int) -> float:
        """Ask for nothing; gives requests a second."""
        return self.send("empty", FEW, [PATH] * requests)

    def send(self, kind: str, clients: int, paths: list[str]) -> float:
        """Let the generator send; gives requests a second."""
        self.generator.send(Load(self.port, self.token, paths, clients))
        answered: Answered = self.generator.recv()
        self.answered.setdefault(kind, []).append(answered)
        return answered.rate

    def milliseconds(self, kind: str, percent: int) -> float:
        """Give a percentile of a kind's rounds, the median of them without the one that warmed up."""
        return median(one.percentile(percent) for one in self.answered[kind][1:])


def measure(rounds: int, size: Size) -> str:
    """Measure every number of clients and the limit; gives the last line."""
    warm_up()
    requests = REQUESTS[size]
    with fresh_store() as store, KafkaCluster(store.folder / "kafka") as kafka:
        given = settings_of_intake(store, kafka)
        with psycopg.connect(store.url(), autocommit=True) as owner:
            cases = submit_proposals(settings_for("intake", **given), owner, sum(requests.values()) * (rounds + 1))
            owner.execute("VACUUM ANALYZE intake.events, keyring.data_key")
        print(f"{len(cases):,} cases wait")
        token = DevelopmentIssuer(store.folder).token("coordinator-1", "coordinator", tenant=TENANT)
        with serving(given, str(store.folder / "intake.log")) as port, generating() as generator:
            counter = Counter(port, token, generator, iter(cases))
            one, few, many, empty = alternate(
                rounds,
                *(
                    Measure(f"{clients} clients", lambda clients=clients: counter.find_complete(clients, requests[clients]))
                    for clients in CLIENTS
                ),
                Measure(f"empty, {FEW} clients", lambda: counter.ask_nothing(requests[FEW])),
            )
    for kind in counter.answered:
        print(f"{kind:>5}: " + ", ".join(f"p{percent} {counter.milliseconds(kind, percent):.1f} ms" for percent in PERCENTILES))
    figures = {f"p{percent}": counter.milliseconds(f"{FEW}", percent) for percent in PERCENTILES}
    others = {"one": one.median, "one_p95": counter.milliseconds("1", 95), "many": many.median, "many_p95": counter.milliseconds("64", 95)}
    return last_line("http", few.median, empty.median, **figures, **others)


def settings_of_intake(store: Store, kafka: KafkaCluster) -> dict[str, Any]:
    """Make topics, key and issuer; gives what the service is told."""
    apply_topics(kafka.bootstrap)
    key_file = store.folder / "keyring.key"
    make_key_file(key_file)
    issuer = DevelopmentIssuer(store.folder)
    return {
        "database_url": store.url("anken_intake"), "key_file": key_file, "kafka_bootstrap": kafka.bootstrap, "jwks_file": issuer.jwks,
    }  # fmt: skip


@contextmanager
def serving(given: Mapping[str, Any], log_file: str) -> Iterator[int]:
    """Run intake, with relay, inbox and projector as ever, until the block ends; gives its port."""
    told, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=run_intake, args=(given, log_file, there), name="intake")
    process.start()
    there.close()
    try:
        if not told.poll(START_SECONDS):
            raise RuntimeError("intake did not listen")
        port = int(told.recv())
        wait_until_ready({"intake": f"http://127.0.0.1:{port}"})
        yield port
    finally:
        process.terminate()
        process.join(START_SECONDS)
        process.kill()


@contextmanager
def generating() -> Iterator[Connection]:
    """Run the load generator as a process of its own until the block ends."""
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=run_clients, args=(there,), name="clients")
    process.start()
    there.close()
    try:
        yield here
    finally:
        if process.is_alive():
            here.send(None)
        process.join(START_SECONDS)
        process.kill()


BENCH: Final[Bench] = measure
