"""Server processes that die with us: started, watched, stopped, and reaped if an earlier run left them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import psutil

from anken.errors import Failed

LAUNCH: Final = Path(__file__).with_name("launch.py")
LOG_TAIL: Final = 2_000  # bytes of a server's log that an error quotes

Child = subprocess.Popen[bytes]


class ServerFailed(Failed):
    """A server of ours did not start, or ended by itself; the message quotes the end of its log."""

    def __init__(self, server: str, what: str, log: Path) -> None:
        tail = log.read_bytes()[-LOG_TAIL:].decode(errors="replace").strip() if log.exists() else ""
        super().__init__(f"{server} {what}; see {log}" + (f"\n{tail}" if tail else ""))


def spawn(command: Sequence[str], log: Path, *, on_our_death: signal.Signals, prefix: Sequence[str] = (), cwd: Path | None = None) -> Child:
    """Start a server in a session of its own, so that Ctrl-C reaches us alone, with its output appended to the log.

    The kernel sends `on_our_death` when the *thread* that forked ends, however it ends: so a thread that waits for the child does it, and
    callers may come from any. `prefix` is a program that changes the user; it runs first, since a change of user forgets the signal.
    """
    launch = [*prefix, sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(on_our_death)), *command]
    born: Future[Child] = Future()

    def keep() -> None:
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(
                    launch, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, start_new_session=True
                )
        except OSError as error:
            born.set_exception(error)
            return
        born.set_result(child)
        child.wait()

    threading.Thread(target=keep, name=f"keeps {Path(command[0]).name}", daemon=True).start()
    return born.result()


def stop(children: Sequence[Child], polite: signal.Signals, timeout: float) -> None:
    """Ask all politely at once, and kill what is still there after the time-out (seconds, for all together)."""
    for child in children:
        child.send_signal(signal.SIGCONT)
        child.send_signal(polite)
    deadline = time.monotonic() + timeout
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def reap(pid: int, mark: str, patience: float) -> None:
    """Wait for a predecessor that is on its way out, and kill it after the patience (seconds).

    It is ours only if `mark` (its folder) stands in its command line: the number may belong to a stranger by now.
    """
    deadline = time.monotonic() + patience
    try:
        process = psutil.Process(pid)
        if not any(mark in argument for argument in process.cmdline()):
            return
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        return
