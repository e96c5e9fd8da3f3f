"""The files of an extract: written in a private folder and put in place whole, or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

PARQUET: Final = "extract.parquet"
CSV: Final = "extract.csv"
REPORT: Final = "report.json"
FILES: Final = (PARQUET, CSV, REPORT)


@contextmanager
def folder_put_in_place(out: Path) -> Iterator[Path]:
    """Give a private work folder beside `out`; on success its three files become `out` in one rename, everything else is removed.

    Raises FileExistsError when `out` already holds something: an extract is never overwritten.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"the folder {out.name} already holds files")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield work
        finished = work / "finished"
        finished.mkdir(mode=0o700)
        for name in FILES:
            (work / name).chmod(0o600)
            flush(work / name)
            (work / name).rename(finished / name)
        flush(finished)
        finished.rename(out)
        flush(out.parent)
    finally:
        shutil.rmtree(work)


def flush(path: Path) -> None:
    """Make a file or folder durable before its digest is told to anybody."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of_file(path: Path) -> str:
    """Give `sha256:<64 hex>` over a file's bytes."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
