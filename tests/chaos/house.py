"""The house under faults: PostgreSQL, three brokers and every service's replicas, each a process that can be hit on its own."""

import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from anken import processes
from anken.client import wait_until_ready
from anken.kafka import KafkaCluster
from anken.postgres import PostgresServer
from anken.processes import Services
from anken.stack import DATABASE, make_secrets
from anken.topics import apply_topics
from contracts.topics import OWNERS, PREFIX
from services.chassis.clock import BusinessClock

SERVING: Final = ("intake.0", "review.0", "review.1", "billing.0", "anonymizer.0", "caselog.0", "caselog.1")
RELAYS: Final = ("intake.relay0", "intake.relay1")  # processes of their own, one of them leading; elsewhere relays are threads
RESIDENTS: Final = (*SERVING, *RELAYS)
DATABASE_SERVER: Final = "PostgreSQL"
BROKERS: Final = "brokers"
LAST_WORDS: Final = 12  # lines of a log that the report of an unexpected exit quotes
READY_SECONDS: Final = 90
SCRAPE_SECONDS: Final = 2.0


def service_of(member: str) -> str:
    """Give the service of a replica such as `review.1`."""
    return member.partition(".")[0]


class House:
    """A context manager that starts everything and ends it at once; who ended without being killed by us is remembered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kafka = KafkaCluster(folder / "kafka", nodes=3, fast_failover=True)
        self.postgres = PostgresServer(folder / "postgres")
        self.services = Services(folder / "logs")
        self.clock = BusinessClock(settable=True, file=folder / "clock")
        self.vault = folder / "vault"
        self.secrets = folder / "secrets"
        self.unexpected: list[str] = []
        self.down: set[str] = set()
        self.cuts: list[int] = []
        self.sent_again: dict[str, int] = {}
        self.audited: dict[str, int] = dict.fromkeys(OWNERS, 0)
        self._hit: set[str] = set()
        self._free = threading.Condition(threading.RLock())
        self._stop = ExitStack()

    def __enter__(self) -> Self:
        processes.warm_up()
        try:
            with ThreadPoolExecutor(1, "kafka") as beside:
                kafka = beside.submit(self._start_kafka)
                self._start_postgres()
                kafka.result()
            apply_topics(self.kafka.bootstrap, PREFIX)
            processes.in_child(make_secrets, str(self.secrets))
            for folder in (self.vault, self.vault / "sources"):
                folder.mkdir(mode=0o700)
            self._stop.callback(self.services.kill)
            self.revive(RESIDENTS)
            wait_until_ready(self.services.urls, READY_SECONDS)
        except BaseException:
            self._stop.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.close()

    def _start_kafka(self) -> None:
        self._stop.callback(self.kafka.stop, 0.0)
        self.kafka.start()
        self.kafka.wait_ready()

    def _start_postgres(self) -> None:
        self._stop.callback(self.postgres.stop)
        self.postgres.start()
        self.postgres.create_database(DATABASE)
        processes.in_child(processes.migrate_all, self.database_url())

    def database_url(self, role: str | None = None) -> str:
        """Give the database's address for a role, by default the superuser."""
        return self.postgres.url(DATABASE, role)

    def replicas(self, service: str) -> list[str]:
        """Name the replicas of a service that are not known to be down."""
        with self._free:
            return [name for name in self.services.urls if service_of(name) == service and name not in (*self.down, *RELAYS)]

    def url(self, member: str) -> str:
        """Tell where a replica listens; after a restart somewhere else."""
        return self.services.urls[member]

    def leaders(self, among: Sequence[str]) -> list[str]:
        """Name the members whose relay leads, as their metrics say."""
        return [name for name in among if self.metric(name, "anken_relay_leading")]

    def metric(self, member: str, name: str) -> float:
        """Read one number off a member's metrics; 0 where it does not answer."""
        try:
            shown = httpx.get(f"{self.url(member)}/metrics", timeout=SCRAPE_SECONDS, trust_env=False).text
        except (httpx.TransportError, KeyError):
            return 0.0
        return next((float(line.rpartition(" ")[2]) for line in shown.splitlines() if line.startswith(f"{name} ")), 0.0)

    @contextmanager
    def victim(self, pick: int, among: Sequence[str] = ()) -> Iterator[str]:
        """Choose a resident that no other fault has in hand, and keep others off it; one of `among` if any of them is free."""
        with self._free:
            while not (free := [name for name in RESIDENTS if name not in self._hit]):
                self._free.wait()
            wanted = [name for name in free if name in among] or free
            chosen = wanted[pick % len(wanted)]
            self._hit.add(chosen)
        with self._released(chosen):
            yield chosen

    @contextmanager
    def this(self, member: str) -> Iterator[None]:
        """Wait until no other fault has this in hand, a member or a server, and keep others off it."""
        with self._free:
            while member in self._hit:
                self._free.wait()
            self._hit.add(member)
        with self._released(member):
            yield

    @contextmanager
    def _released(self, member: str) -> Iterator[None]:
        try:
            yield
        finally:
            with self._free:
                self._hit.discard(member)
                self._free.notify_all()

    def revive(self, members: Iterable[str]) -> None:
        """Start replicas that do not run."""
        with self._free:
            wanted = [name for name in members if name not in self.services.processes or not self.services.processes[name].is_alive()]
            self.down.update(wanted)
        self.services.start({name: self._settings(name) for name in wanted})
        with self._free:
            self.down.difference_update(wanted)

    def kill(self, member: str) -> None:
        """End a replica as a power cut would."""
        with self._free:
            self.down.add(member)
        process = self.services.processes[member]
        process.kill()
        process.join()

    def leave(self, member: str) -> None:
        """Forget a replica that was killed and does not come back."""
        with self._free:
            del self.services.processes[member], self.services.urls[member]
            self.down.discard(member)

    def note_cut(self, left: int | None) -> None:
        """Remember how much of a batch was left when its reader died."""
        self.cuts.append(left or 0)

    def pause(self, member: str) -> None:
        """Freeze a replica: it accepts connections and answers nothing."""
        self._signal(member, signal.SIGSTOP)

    def resume(self, member: str) -> None:
        self._signal(member, signal.SIGCONT)

    def _signal(self, member: str, number: signal.Signals) -> None:
        process = self.services.processes[member]
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, number)

    def look(self) -> None:
        """Note every process that ended although nobody killed it, and start it again as an operator's supervisor would."""
        with self._free:
            found = [name for name in self.services.ended() if name not in self.down]
            self.down.update(found)
        for name in found:
            code = self.services.processes[name].exitcode
            self.unexpected.append(f"{name} ended by itself with code {code}\n{self.last_words(name)}")
        self.revive(found)

    def last_words(self, member: str) -> str:
        """Give the end of a replica's log."""
        lines = self.services.log(member).read_text(errors="replace").splitlines()
        return "\n".join(line[:400] for line in lines[-LAST_WORDS:])

    def _settings(self, member: str) -> dict[str, Any]:
        service, _, number = member.partition(".")
        return {
            "service": service,
            "database_url": f"{self.database_url(f'anken_{service}')}&application_name={member}",
            "key_file": self.secrets / "keyring.key",
            "kafka_bootstrap": self.kafka.bootstrap,
            "jwks_file": self.secrets / "jwks.json",
            "development": True,
            "clock_file": self.folder / "clock",
            "vault": self.vault,
            "member": number,
            "port": 0,
            "alone": member in RELAYS,
            "relay": "process" if service == "intake" else "thread",
        }
