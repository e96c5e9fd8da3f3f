"""Running one service in this process: logs, parent watch, a socket, and serving until told to stop."""

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection

import uvicorn
from structlog.stdlib import get_logger

from services.chassis.logs import configure_logs
from services.chassis.service import GRACE_SECONDS, Service
from services.chassis.settings import Settings
from services.chassis.trace import SPANS, configure_traces

log = get_logger(__name__)


def serve(compose: Callable[[Settings], Service], settings: Settings) -> None:
    """Serve on the settings' host and port until SIGTERM or Ctrl-C: finish the running request and batch, then end."""
    configure_logs(settings.service, settings.log_level)
    with listen(settings) as listening:
        run(compose(settings), listening)


def serve_child(compose: Callable[[Settings], Service], settings: Settings, log_file: str, told: Connection) -> None:
    """Serve on the settings' port (0: a free one) as the child of a starter, which is told it; ends when the starter is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the starter, which stops us in order
    with open(log_file, "a", buffering=1, encoding="utf-8") as file:  # noqa: PTH123 - a name that crossed processes
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        configure_logs(settings.service, settings.log_level, file)
        threading.Thread(target=_end_with_starter, name="starter-watch", daemon=True).start()
        with listen(settings) as listening:
            told.send(listening.getsockname()[1])
            told.close()
            run(compose(settings), listening)


def listen(settings: Settings) -> socket.socket:
    """Open the settings' host and port; what is written on a connection leaves at once.

    asyncio sets TCP_NODELAY only where the socket was made with the protocol's number, which create_server's is not: the second
    part of each answer would wait 40 ms for the client's delayed acknowledgement. Connections inherit it from the listening socket.
    """
    listening = socket.create_server((settings.host, settings.port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def run(service: Service, listening: socket.socket) -> None:
    """Serve a composed service on an open socket."""
    configure_traces(service.settings.service)
    config = uvicorn.Config(
        service.app(),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
        http="httptools",
        loop="asyncio",
    )
    settle()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        SPANS.close()


def settle() -> None:
    """Take all that was loaded and composed out of the garbage collector's sight: it stays until the end.

    A batch of events makes so many objects that the collector would look through those of every library a few times a second.
    """
    gc.collect()
    gc.freeze()


def _end_with_starter() -> None:
    starter = parent_process()
    if starter is None:
        return
    starter.join()
    log.warning("the starter is gone")
    os.kill(os.getpid(), signal.SIGTERM)
