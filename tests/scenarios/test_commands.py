"""The command `anken` as a user meets it: one readable line for what is wrong, and nothing left behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
import yaml
from kafka import KafkaAdminClient

from anken.case_file import read_case_file
from anken.errors import Failed
from anken.kafka import KafkaCluster
from anken.postgres import PostgresServer
from tests.scenarios.conftest import SAMPLE
from tests.scenarios.people import people, scattered, written

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LAST_LINE = re.compile(r"demo events=27 refused=13 fee=52600 k=10 smallest=(\d+) seconds=[\d.]+")
PATIENCE = 120
GONE_SECONDS = 10


@dataclass(slots=True)
class Shell:
    """Runs the command with temporary files of its own, by which whatever it leaves behind is known."""

    folder: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def temporary(self) -> Path:
        return self.folder / "t"

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("ANKEN_") or name in {"ANKEN_CACHE", "ANKEN_MAVEN_URL"}
        }
        environment = {**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'deploy'}", "TMPDIR": str(self.temporary), **variables}
        process = subprocess.Popen(
            [sys.executable, "-m", "anken", *map(str, arguments)],
            env=environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.running.append(process)
        return process

    def run(self, *arguments: object, **variables: str) -> "Ended":
        return ended(self.start(*arguments, **variables))

    def processes(self) -> list[psutil.Process]:
        """Find the processes that came of these commands."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR") == str(self.temporary) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def left(self) -> list[str]:
        """Name what is left: processes after a while, temporary files."""
        deadline = time.monotonic() + GONE_SECONDS
        while (alive := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [process.name() for process in alive] + [each.name for each in self.temporary.iterdir()]


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, out, err)


@pytest.fixture
def shell() -> Iterator[Shell]:
    one = Shell(Path(tempfile.mkdtemp(prefix="ak-", dir="/tmp")))
    one.temporary.mkdir()
    yield one
    for process in one.running:
        with process:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=PATIENCE)
    shutil.rmtree(one.folder)


def one_line(answer: Ended, *words: str, code: int = 1) -> None:
    """The command ended with this code and one line that says why."""
    assert (answer.code, answer.err.count("\n"), answer.err[:7]) == (code, 1, "anken: "), answer
    assert [word for word in words if word not in answer.err] == [], answer.err


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    """Give the sample's case file with a change."""
    document: dict[str, Any] = deepcopy(yaml.safe_load(SAMPLE.read_text("utf-8")))
    change(document)
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


SPECS: dict[str, tuple[str | bytes, str, str]] = {
    "unreadable YAML": ("register: [", "yaml", "spec"),
    "no text": (b"\xff\xfe\x00", "text", "spec"),
    "an impossible date": ("register: 2026-13-01", "yaml", "spec"),
    "lists in lists": ("[" * 3_000, "yaml", "spec"),
    "no table": ("- register", "model_type", "spec"),
    "a missing section": (changed(lambda d: d.pop("proposal")), "missing", "proposal"),
    "an unknown member": (changed(lambda d: d["proposal"].update(remarks="備考の内容です")), "extra_forbidden", "proposal.remarks"),
    "a missing member": (changed(lambda d: d["register"].pop("body")), "missing", "register.body"),
    "text for a number": (changed(lambda d: d["proposal"].update(principal_count="多数の人")), "int_parsing", "proposal.principal_count"),
    "no wish at all": (changed(lambda d: d["proposal"].update(wanted={})), "too_short", "proposal.wanted"),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_case_file_that_cannot_be_read_names_rule_and_field_in_one_line(tmp_path: Path, name: str):
    text, rule, at = SPECS[name]
    spec = tmp_path / "spec.yaml"
    spec.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Failed) as failed:
        read_case_file(spec)
    message = str(failed.value)
    assert f"(rule {rule}, field {at})" in message
    assert len(message.splitlines()) == 1
    assert not any(value in message for value in ("備考の内容", "多数の人"))


def test_a_case_file_that_cannot_be_read_ends_the_demo_before_anything_starts(shell: Shell):
    source = shell.folder / "people.csv"
    source.write_bytes(written(people(5)))
    wrong = ("unreadable YAML", "a missing section", "an unknown member")
    for name in wrong:
        (shell.folder / name).write_text(str(SPECS[name][0]), "utf-8")
    started = [shell.start("demo", "--input", source, "--spec", shell.folder / name) for name in wrong]
    for name, process in zip(wrong, started, strict=True):
        answer = ended(process)
        one_line(answer, *(f"{what} {which}" for what, which in zip(("rule", "field"), SPECS[name][1:], strict=True)))
        assert answer.out == ""
    assert shell.left() == []


def test_options_that_lead_nowhere_are_one_line(shell: Shell):
    file, absent = shell.folder / "people.csv", shell.folder / "absent"
    file.write_bytes(written(people(5)))
    asked = {
        ("demo", "--input", absent, "--spec", SAMPLE): ("rule exists", "field input"),
        ("demo", "--input", shell.folder, "--spec", SAMPLE): ("rule exists", "field input"),
        ("demo", "--input", file, "--spec", absent): ("field spec", "absent"),
        ("demo", "--input", file, "--spec", shell.folder): ("field spec",),
        ("demo", "--input", file): ("--input and --spec go together", "field spec"),
        ("demo", "--spec", SAMPLE): ("--input and --spec go together", "field input"),
        ("demo", "--data", file): ("people.csv",),
        ("up", "--data", file): ("people.csv",),
        ("history", "01a209dc-fa55-7c8e-88a1-8a5d42a390e8", "--data", absent): ("no Anken runs", "anken up"),
        ("migrate",): ("ANKEN_DATABASE_URL is not set",),
        ("topics", "apply"): ("ANKEN_KAFKA_BOOTSTRAP is not set",),
        ("topics", "check"): ("ANKEN_KAFKA_BOOTSTRAP is not set", "anken-data"),
        ("republish", "intake", "--from", "1"): ("ANKEN_DATABASE_URL is not set", "anken-data"),
        ("relay", "intake"): ("ANKEN_DATABASE_URL", "ANKEN_KAFKA_BOOTSTRAP"),
        ("serve", "intake"): ("ANKEN_DATABASE_URL", "ANKEN_KAFKA_BOOTSTRAP", "ANKEN_JWKS_FILE", "ANKEN_KEY_FILE"),
        ("serve", "anonymizer"): ("ANKEN_VAULT",),
    }
    started = {arguments: shell.start(*arguments) for arguments in asked}
    for arguments, words in asked.items():
        one_line(ended(started[arguments]), *words)
    assert not absent.exists()
    assert shell.left() == []


def test_servers_that_cannot_be_reached_and_settings_that_do_not_hold_are_one_line(shell: Shell):
    nowhere = "postgresql://anken@127.0.0.1:1/anken?connect_timeout=2"
    key = shell.folder / "key"
    key.write_text("no key\n")
    settings = {
        "ANKEN_DATABASE_URL": nowhere,
        "ANKEN_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "ANKEN_JWKS_FILE": str(key),
        "ANKEN_KEY_FILE": str(key),
    }
    migrating = shell.start("migrate", ANKEN_DATABASE_URL=nowhere)
    applying = shell.start("topics", "apply", ANKEN_KAFKA_BOOTSTRAP="127.0.0.1:1")
    serving = shell.start("serve", "intake", **settings)
    port = shell.start("serve", "intake", **settings, ANKEN_PORT="eight thousand")
    demo = shell.start("demo", ANKEN_DATABASE_URL=nowhere, ANKEN_KAFKA_BOOTSTRAP="127.0.0.1:1")
    one_line(ended(migrating), "127.0.0.1")
    one_line(ended(applying), "ANKEN_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    one_line(ended(serving), "ANKEN_KEY_FILE")
    one_line(ended(port), "ANKEN_PORT")
    one_line(ended(demo), "ANKEN_")
    assert shell.left() == []


def test_the_demo_uses_running_servers_and_leaves_them_as_they_were(shell: Shell, kafka: KafkaCluster, postgres: PostgresServer):
    before = databases(postgres), topics(kafka)
    process = shell.start("demo", ANKEN_KAFKA_BOOTSTRAP=kafka.bootstrap, ANKEN_DATABASE_URL=postgres.url())
    seen: set[str] = set()
    made: set[str] = set()
    while process.poll() is None:
        seen |= {each.name() for each in shell.processes() if each.is_running()}
        made |= databases(postgres) - before[0]
        time.sleep(0.5)
    answer = ended(process)
    assert (answer.code, answer.err) == (0, ""), answer
    assert LAST_LINE.fullmatch(answer.out.splitlines()[-1])
    assert made, "the demo worked in a database of its own there"
    assert not {name for name in seen if "postgres" in name or "java" in name}, "and started no servers"
    assert (databases(postgres), topics(kafka)) == before
    assert table_of(answer.out) == (27, 13)
    [extract] = shell.left()
    assert {each.name for each in (shell.temporary / extract).iterdir()} >= {"extract.csv", "extract.parquet", "report.json"}


def databases(postgres: PostgresServer) -> set[str]:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def topics(kafka: KafkaCluster) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        return {name for name in admin.list_topics() if not name.startswith("__")}  # the broker's own
    finally:
        admin.close()


def table_of(text: str) -> tuple[int, int]:
    """Count the rows of both histories that a reader can make out: number, moment and event on one line."""
    conforming, refused = re.split(r"^refused case ", text[text.index("\nconforming case ") :], flags=re.MULTILINE)
    row = re.compile(r"^ *\d+ +\d{4}-\d{2}-\d{2} \d{2}:\d{2} +[A-Z][A-Za-z]+ +\S", re.MULTILINE)
    return len(row.findall(conforming)) - cited(conforming), len(row.findall(refused)) - cited(refused)


def cited(text: str) -> int:
    """Count the cited entries that the contract's order does not have: it begins with the call's opening."""
    return len(re.findall(r" FileFlagged ", text))


def test_a_file_that_the_specification_does_not_fit_is_one_line(shell: Shell, kafka: KafkaCluster, postgres: PostgresServer):
    servers = {"ANKEN_KAFKA_BOOTSTRAP": kafka.bootstrap, "ANKEN_DATABASE_URL": postgres.url()}
    before = databases(postgres), topics(kafka)
    wrong: dict[str, tuple[bytes, str, str]] = {
        "undecodable": (written(people(1200)) + b"\x81\x20\r\n", "116", "input.encoding"),
        "column": (written([{**row, "備考": "秘密"} for row in people(1200)]), "V13", "input.header"),
        "k": (written([*people(1200), *scattered(80)]), "62", "risk.max_suppressed_per_mille"),
    }
    started = {}
    for name, (content, _, _) in wrong.items():
        (shell.folder / name).write_bytes(content)
        started[name] = shell.start("demo", "--input", shell.folder / name, "--spec", SAMPLE, **servers)
    for name, (_, rule, at) in wrong.items():
        answer = ended(started[name])
        one_line(answer, f"rule {rule}", f"field {at}")
        assert not any(value in answer.err for value in ("秘密", "備考", "架空")), name
    assert (databases(postgres), topics(kafka)) == before
    assert shell.left() == []


def test_two_demos_at_the_same_time_do_not_disturb_each_other(shell: Shell):
    for answer in [ended(process) for process in (shell.start("demo"), shell.start("demo"))]:
        assert (answer.code, answer.err) == (0, ""), answer
        assert LAST_LINE.fullmatch(answer.out.splitlines()[-1])
    assert [name[:14] for name in shell.left()] == ["anken-extract-"] * 2


def test_a_demo_that_is_stopped_leaves_nothing(shell: Shell):
    process = shell.start("demo")
    assert process.stdout is not None
    while "ready after" not in (line := process.stdout.readline()):
        assert line, process.communicate()
    process.send_signal(signal.SIGINT)
    one_line(ended(process), "stopped", code=130)
    assert shell.left() == []


def test_what_is_kept_goes_on(shell: Shell):
    """Two demos on one folder, then `up` on it: it tells the earlier cases, says where it runs, and stops in order."""
    data = shell.folder / "d"
    cases = []
    for _ in range(2):
        answer = shell.run("demo", "--keep", "--data", data)
        assert (answer.code, answer.err) == (0, ""), answer
        cases.append(json.loads((data / "extract" / "history.json").read_text())[-1]["subject"])
    assert cases[0] != cases[1]
    assert shell.left() == []

    up = shell.start("up", "--data", data)
    assert up.stdout is not None
    while "token" not in (line := up.stdout.readline()):
        assert line, up.communicate()
    one_line(shell.run("up", "--data", data), f"already runs in {data}", str(up.pid), "http://127.0.0.1:", code=4)
    one_line(shell.run("demo", "--keep", "--data", data), f"already runs in {data}", code=4)
    for case in cases:
        told = json.loads(shell.run("history", case, "--data", data, "--json").out)
        assert len([entry for entry in told if not entry["cited"]]) == 26
    assert "UseEnded" in shell.run("history", cases[0], "--data", data).out
    assert "UseEnded" not in shell.run("history", cases[0], "--data", data, "--as-of", told[-2]["time"]).out
    one_line(shell.run("history", cases[0], "--data", data, "--as-of", "yesterday"), "field as-of")
    one_line(shell.run("history", "no-case", "--data", data), "field path.case")
    up.send_signal(signal.SIGTERM)
    stopped = ended(up)
    assert (stopped.code, stopped.err, stopped.out) == (0, "", "stopped\n")
    assert shell.left() == []
    one_line(shell.run("history", cases[0], "--data", data), "no Anken runs")


def test_a_service_that_ends_is_started_again_where_it_was_and_operators_find_the_servers(shell: Shell):
    data = shell.folder / "d"
    up = shell.start("up", "--data", data)
    assert up.stdout is not None
    said = []
    while "token" not in (line := up.stdout.readline()):
        assert line, up.communicate()
        said.append(line)
    [url] = re.findall(r"^  intake +(http://127\.0\.0\.1:\d+)$", "".join(said), re.MULTILINE)
    [listening] = [process for process in shell.processes() if int(url.rpartition(":")[2]) in ports(process)]
    listening.kill()
    assert "intake ended; it starts again in 1 s" in up.stdout.readline()
    assert up.stdout.readline() == f"  intake runs again: {url}\n"
    assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200

    checked = shell.run("topics", "check", "--data", data)
    assert (checked.code, checked.out) == (0, "all topics are as the contract says\n")
    one_line(shell.run("republish", "intake", "--from", "1", "--data", data), "nothing is sent again", "intake has announced nothing")
    up.send_signal(signal.SIGTERM)
    stopped = ended(up)
    assert (stopped.code, stopped.err, stopped.out) == (0, "", "stopped\n")
    assert shell.left() == []


def ports(process: psutil.Process) -> list[int]:
    """List the ports a process of ours listens on."""
    try:
        return [one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
