"""The wrapper `./anken` explains itself where it cannot run."""

import shutil
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]


@pytest.fixture
def bare(tmp_path):
    """A checkout and a PATH with the tools every system has, and neither uv nor Python."""
    for name in ("anken", "pyproject.toml", "constraints.txt"):
        shutil.copy(HOUSE / name, tmp_path / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "cat", "cksum", "grep", "mkdir", "mktemp", "rm", "mv"):
        (tools / tool).symlink_to(shutil.which(tool))
    return tmp_path


def test_without_python_it_says_so_in_one_line(bare):
    done = subprocess.run(
        [bare / "anken", "demo"], env={"PATH": str(bare / "bin"), "HOME": str(bare)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (3, "anken: needs Python 3.11 or newer, and found none on PATH\n")
