"""The first five rounds of seed 1, as `./anken chaos` plays them: nothing lost, doubled or misordered."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HOUSE = Path(__file__).parents[2]
ROUNDS = 5


def test_five_rounds_of_faults_lose_double_and_misorder_nothing():
    command = [sys.executable, "-m", "tests.chaos", "--rounds", str(ROUNDS), "--seed", "1"]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=False)
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert said[-1] == f"chaos rounds={ROUNDS} lost=0 doubled=0 misordered=0"
    assert sum(line.startswith("round ") for line in said) == ROUNDS
