"""No server outlives us: not a crash of ours, not a refusal to stop, not an earlier run's leftover."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from anken.children import reap, spawn, stop

PARENT = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import psutil
from anken.kafka import KafkaCluster
from anken.postgres import PostgresServer

folder = Path(sys.argv[1])
kafka, postgres = KafkaCluster(folder / "kafka"), PostgresServer(folder / "postgres")
with ThreadPoolExecutor() as pool:
    [started.result() for started in (pool.submit(kafka.start), pool.submit(postgres.start))]
kafka.wait_ready()
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_parent_leaves_no_server_behind(tmp_path):
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        time.sleep(0.5)  # the threads that started the servers are gone by now; the servers must not be
        assert len(pids) > 2
        assert all(lives(pid) for pid in pids)
        parent.kill()
    wait_until(lambda: not any(lives(pid) for pid in pids))


def test_what_does_not_stop_is_killed(tmp_path):
    child = spawn([sys.executable, "-c", STUBBORN], tmp_path / "log", on_our_death=signal.SIGKILL)
    wait_until(lambda: (tmp_path / "log").read_text() == "deaf\n")
    stop([child], signal.SIGTERM, timeout=0.2)
    assert child.returncode == -signal.SIGKILL


def test_a_paused_child_can_be_stopped(tmp_path):
    child = spawn([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "log", on_our_death=signal.SIGKILL)
    child.send_signal(signal.SIGSTOP)
    stop([child], signal.SIGTERM, timeout=10)
    assert child.returncode == -signal.SIGTERM


def test_a_program_that_does_not_exist_is_an_error_at_once(tmp_path):
    child = spawn(["/does/not/exist"], tmp_path / "log", on_our_death=signal.SIGKILL)
    assert child.wait(10) != 0
    assert "FileNotFoundError" in (tmp_path / "log").read_text()


def test_a_leftover_of_ours_is_reaped_and_a_stranger_is_not(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen([*command, str(tmp_path)]) as ours, subprocess.Popen(command) as stranger:
        reap(ours.pid, str(tmp_path), patience=0.1)
        reap(stranger.pid, str(tmp_path), patience=0.1)
        assert not lives(ours.pid)
        assert lives(stranger.pid)
        stranger.kill()
