"""The folder a running Anken owns: locked while it runs, private, and telling others where it runs."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class AlreadyRunning(Exception):
    """Another process owns the folder; `where` is what it recorded (process id, addresses), empty while it starts."""

    def __init__(self, folder: Path, where: Mapping[str, str]) -> None:
        self.folder = folder
        self.where = dict(where)
        told = ", ".join(f"{name} {value}" for name, value in where.items()) or "still starting"
        super().__init__(f"Anken already runs in {folder} ({told})")


class DataFolder:
    """A folder under an exclusive lock, used as a context manager. The lock ends with the process, so a crash never leaves it behind."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._temporary = False
        self._lock: IO[str] | None = None

    @classmethod
    def temporary(cls) -> Self:
        """Make a fresh folder that is removed when left."""
        folder = cls(Path(tempfile.mkdtemp(prefix="anken-")))
        folder._temporary = True
        return folder

    def __enter__(self) -> Self:
        """Create the folder for its owner alone and take it. Raises AlreadyRunning."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.path / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunning(self.path, self._recorded()) from None
        self._lock = lock
        self._state.unlink(missing_ok=True)  # of a run that crashed
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._state.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self.path)
        if self._lock:
            self._lock.close()

    def record(self, where: Mapping[str, str]) -> None:
        """Tell where this run can be reached, for AlreadyRunning and other commands; the process id is added. For the owner alone."""
        new = self._state.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"process": str(os.getpid()), **where}, file)
        new.replace(self._state)

    @property
    def _state(self) -> Path:
        return self.path / "state.json"

    def _recorded(self) -> dict[str, str]:
        try:
            recorded: dict[str, str] = json.loads(self._state.read_text())
        except FileNotFoundError:
            return {}
        return recorded


def running(path: Path) -> dict[str, str] | None:
    """Tell where the Anken that owns a folder can be reached, or None if none runs there."""
    folder = DataFolder(path)
    if not folder.path.is_dir():
        return None
    try:
        with folder:
            return None
    except AlreadyRunning as error:
        return error.where or None
