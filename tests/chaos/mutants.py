"""Builds broken on purpose: each patch makes one promise false, and rounds of the harness that touch the promise must turn red."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from anken.errors import Failed
from tests.chaos.schedule import Fault, Plan, plans

HOUSE: Final = Path(__file__).parents[2]
PATCHES: Final = Path(__file__).with_name("mutants")
PARTS: Final = ("contracts", "services", "deploy", "tests")
ROUNDS: Final = 4
SEARCHED: Final = 100
LAST_LINE: Final = "chaos rounds="
RED: Final = "RED: "


def strikes(fault: Fault) -> Callable[[Plan], bool]:
    """Find a round with a fault of this kind."""
    return lambda plan: any(blow.fault is fault for blow in plan.blows)


EXPOSED_BY: Final[Mapping[str, Callable[[Plan], bool]]] = {
    "position-before-ack": strikes(Fault.RELAY_CUT),
    "ack-first": strikes(Fault.BATCH_CUT),
    "no-contiguity": strikes(Fault.TOPIC_TRIMMED),
    "default-delivery-timeout": strikes(Fault.BROKERS_AWAY),
}


def names() -> list[str]:
    """Name the mutants."""
    return sorted(path.stem for path in PATCHES.glob("*.patch"))


def rounds_for(name: str, seed: int) -> list[int]:
    """Choose the first rounds of a seed's sequence that can expose a mutant."""
    exposing = EXPOSED_BY[name]
    return [plan.number for plan in plans(SEARCHED, seed) if exposing(plan)][:ROUNDS]


def make_mutant(name: str, folder: Path) -> None:
    """Copy the tree into a folder and break the copy; raises Failed if there is no such patch or it does not fit."""
    patch = PATCHES / f"{name}.patch"
    if name not in names():
        raise Failed(f"no mutant {name}; there are {', '.join(names())}")
    for part in PARTS:
        shutil.copytree(HOUSE / part, folder / part)
    shutil.copy(HOUSE / "pyproject.toml", folder)
    git = shutil.which("git")
    if git is None:
        raise Failed("git is needed to apply a patch, and is not there")
    applied = subprocess.run([git, "apply", "--whitespace=nowarn", str(patch)], cwd=folder, capture_output=True, text=True, check=False)
    if applied.returncode:
        raise Failed(f"{patch.name} does not fit: {applied.stderr.strip()}")


def run_mutant(name: str, seed: int) -> int:
    """Play rounds on a broken copy; gives 0 if they turned red, 1 if the mutant survived. Raises Failed where no ledger came of it."""
    with tempfile.TemporaryDirectory(prefix="anken-mutant-") as made:
        folder = Path(made)
        make_mutant(name, folder)
        rounds = rounds_for(name, seed)
        print(f"mutant {name}: rounds {', '.join(map(str, rounds))} of seed {seed} on a broken copy", flush=True)
        command = [sys.executable, "-m", "tests.chaos", "--seed", str(seed), "--tree", str(folder), "--only", *map(str, rounds)]
        paths = os.pathsep.join([str(folder), str(folder / "deploy")])
        playing = subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True)
        said: list[str] = []
        for line in playing.stdout or ():
            print(f"  {line}", end="", flush=True)
            said.append(line)
        code = playing.wait()
    if not said or not said[-1].startswith(LAST_LINE):
        raise Failed(f"mutant {name} is not judged: the rounds ended with code {code} and no ledger")
    red = code == 1 and any(line.startswith(RED) for line in said)
    print(f"mutant {name} {'red' if red else 'survived'}", flush=True)
    return 0 if red else 1
