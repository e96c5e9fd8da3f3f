"""One Anken per folder: the second is told where the first runs, and a crash leaves nothing in the way."""

import os
import signal
import subprocess
import sys

import pytest

from anken.data_folder import AlreadyRunning, DataFolder

HOLD = """
import signal, sys
from pathlib import Path
from anken.data_folder import DataFolder
with DataFolder(Path(sys.argv[1])) as folder:
    folder.record({"intake": "http://127.0.0.1:8001"})
    print("holds", flush=True)
    signal.pause()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the folder."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def test_a_second_start_is_told_where_the_first_runs(tmp_path, holder):
    with pytest.raises(AlreadyRunning, match=r"http://127\.0\.0\.1:8001") as raised, DataFolder(tmp_path / "data"):
        pass
    assert raised.value.where == {"process": str(holder.pid), "intake": "http://127.0.0.1:8001"}


def test_a_crash_does_not_keep_the_folder(tmp_path, holder):
    (tmp_path / "data" / "kept").write_text("facts")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with DataFolder(tmp_path / "data") as folder:
        assert (folder.path / "kept").read_text() == "facts"
        with pytest.raises(AlreadyRunning, match="still starting"), DataFolder(tmp_path / "data"):
            pass


def test_what_it_records_is_private(tmp_path):
    with DataFolder(tmp_path / "data") as folder:
        folder.record({"intake": "http://127.0.0.1:8001"})
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert (folder.path / "state.json").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "data" / "state.json").exists()


def test_a_temporary_folder_is_removed_when_left():
    with DataFolder.temporary() as folder:
        (folder.path / "extract.csv").write_text("rows")
        assert folder.path.stat().st_uid == os.geteuid()
    assert not folder.path.exists()
