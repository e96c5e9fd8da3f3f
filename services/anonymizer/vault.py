"""The protected place on disk (Art. 121(2)): specifications, source files, keys and extracts, for this service's account alone."""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Final
from uuid import UUID

from services.anonymizer.extract_files import flush
from services.anonymizer.ordering import KEY_BYTES
from services.chassis.events import Refused

FOLDERS: Final = ("specifications", "sources", "keys", "extracts", "bundles", "locks")
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")
PRIVATE: Final = 0o600


class Vault:
    """Folders of mode 0700, files of mode 0600; everything is named by ids, and source files lie in a folder per tenant."""

    def __init__(self, folder: Path) -> None:
        """Make the folders where they are missing, and close them to others where they are not."""
        self.folder = folder
        for each in (folder, *(folder / name for name in FOLDERS)):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
            each.chmod(0o700)

    def sources(self, tenant: str) -> Path:
        """Give the folder into which a tenant's staff lay source files; raises Refused for a name that could lead elsewhere."""
        if NAME.fullmatch(tenant) is None:
            raise Refused("116", "tenant", "a tenant's name is made of letters, digits, hyphens and dots")
        folder = self.folder / "sources" / tenant
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def source(self, tenant: str, name: str) -> Path:
        """Give a source file that a tenant's staff laid down; raises Refused for any other name, folder or link."""
        file = self.sources(tenant) / name
        if NAME.fullmatch(name) is None or file.is_symlink() or not file.is_file():
            raise Refused("116", "source", "the protected place has no such source file")
        return file

    def keep_specification(self, subject: UUID, text: bytes) -> None:
        """Put a specification's canonical bytes in place, whole or not at all."""
        put_in_place(self.folder / "specifications" / f"{subject}.json", text)

    def specification(self, subject: UUID) -> bytes:
        """Give a kept specification's bytes; raises Refused where there is none."""
        file = self.folder / "specifications" / f"{subject}.json"
        if not file.is_file():
            raise Refused("116", "specification", "the protected place does not hold this specification")
        return file.read_bytes()

    def key(self, case: UUID) -> bytes:
        """Give the case's 256-bit key, a fresh one if there is none."""
        file = self.folder / "keys" / str(case)
        if not file.is_file():
            put_in_place(file, secrets.token_bytes(KEY_BYTES))
        return file.read_bytes()

    def destroy_key(self, case: UUID) -> None:
        """Overwrite and delete the case's key; one that is gone already stays gone.

        Overwriting reaches only media that write in place: the vault's own encryption must answer for the others.
        """
        file = self.folder / "keys" / str(case)
        if not file.is_file():
            return
        with file.open("r+b") as key:
            key.write(secrets.token_bytes(KEY_BYTES))
            key.flush()
            os.fsync(key.fileno())
        file.unlink()
        flush(file.parent)

    def extract(self, case: UUID) -> Path:
        """Give the folder of the case's extract; raises Refused where there is none."""
        folder = self.folder / "extracts" / str(case)
        if not folder.is_dir():
            raise Refused("116", "extract", "the protected place holds no extract of this case")
        return folder

    def empty_extract(self, case: UUID) -> Path:
        """Give the path at which a new extract of the case may be put; what a broken-off or rejected run left is removed."""
        folder = self.folder / "extracts" / str(case)
        if folder.exists():
            shutil.rmtree(folder)
        return folder

    def bundle(self, case: UUID) -> Path:
        """Give the path of the archive that is delivered."""
        return self.folder / "bundles" / f"{case}.zip"

    @contextmanager
    def working_on(self, case: UUID) -> Iterator[None]:
        """Let one process and thread at a time work on the files of a case."""
        lock = os.open(self.folder / "locks" / str(case), os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def put_in_place(file: Path, content: bytes) -> None:
    """Write a private file under another name, make it durable, then rename it."""
    descriptor, name = mkstemp(prefix=f".{file.name}.", dir=file.parent)
    with os.fdopen(descriptor, "wb") as beside:
        beside.write(content)
        beside.flush()
        os.fsync(beside.fileno())
    Path(name).chmod(PRIVATE)
    Path(name).rename(file)
    flush(file.parent)
