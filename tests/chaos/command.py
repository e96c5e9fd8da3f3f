"""The command `./anken chaos`: rounds of cases under faults, on real servers, from a seed."""

import argparse
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.driver import Driver, Run
from tests.chaos.house import House
from tests.chaos.report import print_ledger, reasons
from tests.chaos.schedule import Plan, plans


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds; gives 0 if nothing was lost, doubled or misordered and nothing else went wrong, else 1."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    chosen = plans(max([options.rounds, *options.only]), options.seed)
    if options.only:
        chosen = [plan for plan in chosen if plan.number in options.only]
    return play(chosen, keep=options.keep)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anken chaos", description="Cases played while processes are killed and frozen at random.")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="what all chance is drawn from (default 1)")
    parser.add_argument("--only", type=int, nargs="+", default=[], help="play these rounds of the seed's sequence alone")
    parser.add_argument("--keep", action="store_true", help="keep the folder with data and logs also after a green run")
    return parser


def play(chosen: Sequence[Plan], *, keep: bool = False) -> int:
    """Play plans on a house of their own; its folder is kept when something went wrong."""
    folder, begun = Path(tempfile.mkdtemp(prefix="anken-chaos-")), time.monotonic()
    with House(folder) as house:
        run = Run(house)
        driver = Driver(run)
        played = 0
        for plan in chosen:
            print(driver.play(plan), flush=True)
            played += 1
            if run.red:
                break
        driver.finish()
        events = driver.audit.events
    print_ledger(run, played, events, time.monotonic() - begun)
    red = bool(reasons(run, played))
    if red or keep:
        print(f"data and logs: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if red else 0
