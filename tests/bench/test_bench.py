"""Every bench is listed, runs, and ends with a line that a program can read."""

import re
import subprocess
import sys

import pytest

from tests.bench.__main__ import NAMES

FIGURE = r"[0-9]+(\.[0-9]+)?"
LAST_LINE = re.compile(
    rf"(?P<name>[a-z]+) ratio=(?P<ratio>{FIGURE}) value=(?P<value>{FIGURE}) limit=(?P<limit>{FIGURE})( [a-z0-9_]+={FIGURE})*"
)
PATIENCE_SECONDS = 300


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


@pytest.mark.slow
def test_without_a_name_all_are_listed_with_what_they_measure():
    listed = bench().stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(NAMES)
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in listed)


@pytest.mark.slow
def test_an_unknown_name_is_refused_with_the_names_there_are():
    ended = bench("nothing")
    assert ended.returncode == 2
    assert all(name in ended.stderr for name in NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_bench_ends_with_a_line_that_a_program_can_read(name: str):
    ended = bench(name, "--rounds", "1", "--size", "small")
    assert ended.returncode == 0, ended.stderr
    last = LAST_LINE.fullmatch(ended.stdout.splitlines()[-1])
    assert last is not None, ended.stdout
    assert last["name"] == name
    value, limit = float(last["value"]), float(last["limit"])
    assert float(last["ratio"]) == pytest.approx(value / limit, rel=0.02, abs=0.002)
