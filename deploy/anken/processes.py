"""The five services as processes of their own, forked from one server that has imported them once.

Five imports of the same libraries cost five times three seconds of CPU; a fork server pays once (still five processes).
"""

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

import structlog

from anken.errors import Failed
from anken.services import PRELOAD

CONTEXT: Final = multiprocessing.get_context("forkserver")
START_SECONDS: Final = 60
STOP_SECONDS: Final = 30


class ServiceFailed(Failed):
    """A service process ended before it served; its log says why."""


def warm_up() -> None:
    """Start the fork server, which imports the services while PostgreSQL and Kafka start."""
    CONTEXT.set_forkserver_preload(list(PRELOAD))
    forkserver.ensure_running()


def in_child(function: Any, *arguments: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
    """Run a function in a forked child, where its imports are already done, and give its result."""
    here, there = CONTEXT.Pipe()
    child = CONTEXT.Process(target=_answer, args=(function, arguments, there))
    child.start()
    there.close()
    try:
        ok, result = here.recv()
    except EOFError:
        raise ServiceFailed(f"{function.__name__} ended without an answer") from None
    finally:
        child.join()
    if not ok:
        raise ServiceFailed(f"{function.__name__}: {result}")
    return result


def _answer(function: Any, arguments: tuple[Any, ...], there: Connection) -> None:  # noqa: ANN401 - as in_child
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    try:
        there.send((True, function(*arguments)))
    except Exception as error:  # noqa: BLE001 - told to the caller, who raises it
        there.send((False, f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"))


def migrate_all(url: str, keyring_url: str | None = None) -> list[str]:
    """Bring all schemas up to date."""
    from anken.services import stores
    from services.chassis.migrate import migrate

    return migrate(url, stores(), keyring_url)


def run_service(given: dict[str, Any], log_file: str, told: Connection) -> None:
    """Serve one service in this child, or with `alone` its relay."""
    from anken.services import composition, relay_composition
    from services.chassis.process import serve_child
    from services.chassis.settings import settings_for

    alone = given.pop("alone", False)
    settings = settings_for(**given)
    serve_child((relay_composition if alone else composition)(settings.service), settings, log_file, told)


class Services:
    """The running processes and where each listens."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.processes: dict[str, ForkServerProcess] = {}
        self.urls: dict[str, str] = {}

    def start(self, given: dict[str, dict[str, Any]]) -> None:
        """Start services with their settings; raises ServiceFailed if one ends instead of listening."""
        self.logs.mkdir(mode=0o700, exist_ok=True)
        told = {name: self._launch(name, settings) for name, settings in given.items()}
        for name, connection in told.items():
            try:
                if not connection.poll(START_SECONDS):
                    raise ServiceFailed(f"{name} did not listen within {START_SECONDS} s; see {self.log(name)}")
                self.urls[name] = f"http://127.0.0.1:{connection.recv()}"
            except EOFError:
                raise ServiceFailed(f"{name} ended; see {self.log(name)}") from None

    def _launch(self, name: str, settings: dict[str, Any]) -> Connection:
        here, there = CONTEXT.Pipe()
        process = CONTEXT.Process(target=run_service, args=(settings, str(self.log(name)), there), name=f"anken {name}")
        process.start()
        there.close()
        self.processes[name] = process
        return here

    def log(self, name: str) -> Path:
        """Give the file a service logs to."""
        return self.logs / f"{name}.log"

    def ended(self) -> list[str]:
        """Name the services that are no longer running."""
        # A copy: another thread may start a service meanwhile.
        return [name for name, process in tuple(self.processes.items()) if not process.is_alive()]

    def kill(self) -> None:
        """End all at once, as a power cut would."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.join()
        self.processes.clear()

    def stop(self) -> None:
        """Stop all in order and wait; what does not end in time is killed."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.join(STOP_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
        self.processes.clear()
