"""`anken up`: servers and services until Ctrl-C, over a data folder that a second start continues."""

import signal
import time
from pathlib import Path
from typing import Final

from anken.client import Office, wait_until_ready
from anken.data_folder import DataFolder
from anken.reach import told
from anken.stack import Stack
from anken.supervision import Supervisor

LOOK_SECONDS: Final = 1.0


def up(data: Path) -> int:
    """Run until Ctrl-C or SIGTERM; a service that ends by itself is started again."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with DataFolder(data) as folder:
        try:
            with Stack(folder.path, private=False) as stack:
                wait_until_ready(stack.urls)
                folder.record(reachable(stack))
                print(f"Anken runs in {folder.path}; Ctrl-C stops it")
                for name, url in stack.urls.items():
                    print(f"  {name:<11}{url}")
                with Office(stack.urls, stack.issuer_folder) as office:
                    print(f"  a coordinator's token, good for an hour: {office.token('coordinator')}", flush=True)
                supervisor = Supervisor(stack, lambda line: print(f"  {line}", flush=True))
                while True:
                    if supervisor.look():
                        folder.record(reachable(stack))
                    time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            print("stopped")
            return 0


def reachable(stack: Stack) -> dict[str, str]:
    """Tell where a stack can be reached, for other commands and for a second start."""
    return {**stack.urls, **told(stack), "secrets": str(stack.issuer_folder)}
