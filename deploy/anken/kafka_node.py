"""One node of the embedded cluster, broker and controller in one: its configuration, its disk, its process."""

import base64
import shutil
import signal
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from anken.children import Child, ServerFailed, reap, spawn
from anken.loopback import HOST, Port

PREDECESSOR_PATIENCE: Final = 5.0
FAST_FAILOVER: Final = "broker.session.timeout.ms=1000\nbroker.heartbeat.interval.ms=200\n"


@dataclass(frozen=True, slots=True)
class Jvm:
    """How a class of the broker's jars is run."""

    java: Path
    classpath: str

    def command(self, folder: Path, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """Give a command line for a small heap and a quick start; what native libraries unpack stays in the folder."""
        small = ("-Xmx384m", "-Xms64m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", f"-Djava.io.tmpdir={folder}")
        return [str(self.java), *small, *options, "-cp", self.classpath, main, *arguments]


@dataclass(slots=True)
class KafkaNode:
    """A node's number (from 1), its folder, its two ports, and the process while there is one."""

    number: int
    folder: Path
    port: Port
    controller: Port
    process: Child | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        return self.folder / "kafka.log"

    @property
    def config(self) -> Path:
        return self.folder / "server.properties"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def configure(self, voters: str, nodes: int, *, fast_failover: bool) -> None:
        """Write the configuration: three copies of everything on three nodes, and no wait before a group's first assignment."""
        copies = min(3, nodes)
        enough = max(1, copies - 1)
        self.config.write_text(f"""\
process.roles=broker,controller
node.id={self.number}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{HOST}:{self.port.number},CONTROLLER://{HOST}:{self.controller.number}
advertised.listeners=PLAINTEXT://{HOST}:{self.port.number}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={self.folder / "data"}
auto.create.topics.enable=false
default.replication.factor={copies}
min.insync.replicas={enough}
offsets.topic.num.partitions=3
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={enough}
share.coordinator.state.topic.num.partitions=3
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={enough}
group.initial.rebalance.delay.ms=0
{FAST_FAILOVER if fast_failover else ""}""")

    def format(self, cluster: str, checkpoint: Path) -> None:
        """Give an empty disk its identity, as Kafka's own tool would, without its 1.6 s of JVM."""
        data = self.folder / "data"
        if data.exists():
            return
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        shutil.copyfile(checkpoint, fresh / "bootstrap.checkpoint")
        (fresh / "meta.properties").write_text(f"version=1\ncluster.id={cluster}\nnode.id={self.number}\ndirectory.id={random_id()}\n")
        fresh.rename(data)

    def empty(self) -> None:
        """Throw away what the disk holds, its identity included."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def start(self, jvm: Jvm, options: Sequence[str] = ()) -> None:
        """Start the process. A predecessor that an earlier run left is reaped first: it holds the disk's lock."""
        pid_file = self.folder / "pid"
        if pid_file.exists():
            reap(int(pid_file.read_text()), str(self.config), PREDECESSOR_PATIENCE)
        command = jvm.command(self.folder, "kafka.Kafka", str(self.config), options=options)
        self.process = spawn(command, self.log, on_our_death=signal.SIGKILL)
        pid_file.write_text(str(self.process.pid))

    def signal(self, number: signal.Signals) -> None:
        if self.process is None:
            raise ServerFailed(f"Kafka node {self.number}", "was never started", self.log)
        self.process.send_signal(number)


def make_checkpoint(jvm: Jvm, wanted: Path) -> None:
    """Let Kafka's own tool format a scratch disk and keep the one file that is the same for every cluster of this version.

    It holds the feature levels that a new cluster begins with, and no id.
    """
    if wanted.exists():
        return
    scratch = wanted.with_suffix(f".{random_id()}")
    scratch.mkdir()
    try:
        config = scratch / "server.properties"
        config.write_text(
            f"process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@{HOST}:9093\nlisteners=PLAINTEXT://{HOST}:9092,"
            f"CONTROLLER://{HOST}:9093\ncontroller.listener.names=CONTROLLER\nlog.dirs={scratch / 'data'}\n"
        )
        command = jvm.command(scratch, "kafka.tools.StorageTool", "format", "-t", random_id(), "-c", str(config))
        with (scratch / "format.log").open("wb") as log:
            if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode:
                raise ServerFailed("Kafka's format tool", "failed", scratch / "format.log")
        (scratch / "data" / "bootstrap.checkpoint").replace(wanted)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def random_id() -> str:
    """Draw an id as Kafka writes them: 16 bytes, URL-safe base64; not one that a command would read as an option."""
    while (drawn := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return drawn
