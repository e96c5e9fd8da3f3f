"""The walls of the house: who may import whom, that the list of pure modules is complete, and how large a module may grow."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
FLOOR_PLAN = {"__init__", "api", "service", "views"}  # where every service meets the world; what else does is named here, by service
EDGES = {
    "intake": {"counter"},
    "review": set(),
    "billing": set(),
    "anonymizer": {
        *("bundle", "delivery_token", "drawing", "engine", "extract_files", "generalisation", "measure", "processing", "report", "run"),
        *("source", "suppression", "vault"),
    },
    "caselog": {"history", "ledger", "listener", "missing", "waiting"},
}
MODULES = sorted(path for room in ("contracts", "services", "deploy", "tests") for path in (HOUSE / room).rglob("*.py"))
LARGEST = 500


def import_linter() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=HOUSE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HOUSE), str(HOUSE / "deploy")])},
        capture_output=True,
        text=True,
        check=False,
    )


def pure_modules(service: str) -> set[str]:
    contracts = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (pure,) = (contract for contract in contracts if contract["id"] == "decisions-pure")
    prefix = f"services.{service}."
    return {name.removeprefix(prefix) for name in pure["source_modules"] if name.startswith(prefix)}


def test_nobody_imports_across_the_walls():
    done = import_linter()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", EDGES)
def test_every_module_of_a_service_is_an_edge_or_pure(service):
    modules = {path.stem for path in (HOUSE / "services" / service).glob("*.py")}
    assert modules - FLOOR_PLAN - EDGES[service] == pure_modules(service)
    assert modules >= EDGES[service]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_module_is_not_too_large(path):
    assert len(path.read_text().splitlines()) <= LARGEST
