"""Measures Anken against what its servers can do: `./anken bench` lists the names, `./anken bench NAME` runs one."""

import argparse
import importlib
from typing import Final

from tests.bench.measure import Bench, quiet

NAMES: Final = ("append", "hop", "http", "maintenance", "project")
DEFAULT_ROUNDS: Final = 5


def bench(name: str) -> Bench:
    """Give the bench of a name; its module is called the same and says in its first line what it measures."""
    found: Bench = importlib.import_module(f"tests.bench.{name}").BENCH
    return found


def main() -> None:
    """List the benches, or run one and print its rounds and its last line."""
    parser = argparse.ArgumentParser(prog="anken bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, help="what to measure; without it, the list")
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="how often work and limit alternate (default %(default)s)")
    parser.add_argument("--size", choices=("full", "small"), default="full", help="`small` only shows that the bench works")
    given = parser.parse_args()
    if given.name is None:
        for name in NAMES:
            print(f"{name:12} {(importlib.import_module(f'tests.bench.{name}').__doc__ or '').splitlines()[0]}")
        return
    if given.rounds < 1:
        parser.error("--rounds: one at least")
    quiet()
    print(bench(given.name)(given.rounds, given.size))


if __name__ == "__main__":
    main()
