"""A real PostgreSQL that waits for its disk, with migrated schemas, in a folder that is thrown away."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from anken.postgres import PostgresServer, _as_nobody, _binaries
from anken.processes import migrate_all

DATABASE: Final = "anken"
TPS: Final = re.compile(r"^tps = ([0-9.]+) \(without initial connection time\)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Store:
    """A migrated database on a server of its own."""

    server: PostgresServer
    folder: Path

    def url(self, role: str | None = None) -> str:
        """Give its address for a role, by default the superuser."""
        return self.server.url(DATABASE, role)

    def pgbench(self, script: str, variables: dict[str, str], *, clients: int, each: int) -> float:
        """Run a script of one transaction `each` times from each of some clients, prepared; gives transactions a second."""
        file = self.folder / "pgbench.sql"
        file.write_text(script)
        file.chmod(0o644)
        defined = [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
        command = [
            *(*_as_nobody(), str(_binaries() / "pgbench"), "--no-vacuum", "--protocol=prepared"),
            *(f"--file={file}", f"--client={clients}", "--jobs=1", f"--transactions={each}", *defined, self.url()),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        found = TPS.search(ended.stdout)
        if ended.returncode or found is None:
            raise RuntimeError(f"pgbench ended with code {ended.returncode}: {ended.stderr or ended.stdout}")
        return float(found[1])


@contextmanager
def fresh_store() -> Iterator[Store]:
    """Start an empty, migrated server with fsync and synchronous_commit on; it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="anken-bench-"))
    folder.chmod(0o755)
    try:
        with PostgresServer(folder / "postgres") as server:
            server.create_database(DATABASE)
            migrate_all(server.url(DATABASE))
            with psycopg.connect(server.url(DATABASE)) as connection:
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
                    if row != ("on",):
                        raise RuntimeError(f"{setting} is not on: the figures would mean nothing")
            yield Store(server, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
