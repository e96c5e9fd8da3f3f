"""The command `./anken chaos`: rounds of cases under faults, on real servers, from a seed."""

import argparse
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import anken.processes
import contracts.catalog
import services.chassis.relay
import tests.chaos.schedule
from anken import processes
from anken.errors import Failed
from tests.chaos.driver import Driver, Run
from tests.chaos.house import House
from tests.chaos.mutants import names, run_mutant
from tests.chaos.report import print_ledger, reasons
from tests.chaos.schedule import Plan, plans


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds; gives 0 if nothing was lost, doubled or misordered and nothing else went wrong, else 1."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if options.mutant == "list":
        print("\n".join(names()))
        return 0
    if options.mutant:
        return run_mutant(options.mutant, options.seed)
    if options.tree:
        check_tree(options.tree)
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
    parser.add_argument("--mutant", metavar="NAME", help="break a copy of the tree and play what must turn red; `list` names them")
    parser.add_argument("--tree", type=Path, help="insist that the code of this folder is what runs")
    return parser


def check_tree(folder: Path) -> None:
    """Raise Failed unless this process and a forked one run the code of a folder."""
    processes.warm_up()
    for where in (*sources(), *processes.in_child(sources)):
        if not Path(where).is_relative_to(folder):
            raise Failed(f"{where} runs, not the code in {folder}")


def sources() -> list[str]:
    """Tell where the code that this process runs was loaded from."""
    return [str(module.__file__) for module in (anken.processes, contracts.catalog, services.chassis.relay, tests.chaos.schedule)]


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
    red = bool(reasons(run, played))
    if red or keep:
        print(f"data and logs: {folder}")
    else:
        shutil.rmtree(folder)
    print_ledger(run, played, events, time.monotonic() - begun)
    return 1 if red else 0
