"""The archive a contractor receives: both files and their description, never the report, which tells of the processing method."""

import json
import os
from pathlib import Path
from tempfile import mkstemp
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from services.anonymizer.events import ExtractProduced
from services.anonymizer.extract_files import CSV, PARQUET, digest_of_file, flush
from services.chassis.events import Refused

DESCRIPTION: Final = "description.json"
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
CHUNK: Final = 1 << 20


def write_bundle(folder: Path, produced: ExtractProduced, bundle: Path) -> str:
    """Write the archive of an extract's folder whole or not at all, and give its digest; the same extract gives the same bytes.

    Raises Refused (116) for a file that is not the one that was produced and verified.
    """
    for name, packed, verified in (("parquet", folder / PARQUET, produced.parquet), ("csv", folder / CSV, produced.csv)):
        if not packed.is_file() or digest_of_file(packed) != verified:
            raise Refused("116", name, "the file is not the one that was verified")
    descriptor, unfinished = mkstemp(prefix=f".{bundle.name}.", dir=bundle.parent)
    beside = Path(unfinished)
    try:
        with os.fdopen(descriptor, "wb") as written, ZipFile(written, "w", ZIP_STORED) as archive:
            archive.writestr(ZipInfo(DESCRIPTION, EPOCH), describe(produced))
            for file in (PARQUET, CSV):
                with (folder / file).open("rb") as source, archive.open(ZipInfo(file, EPOCH), "w", force_zip64=True) as target:
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
        flush(beside)
        digest = digest_of_file(beside)
        beside.rename(bundle)
    finally:
        beside.unlink(missing_ok=True)
    return digest


def describe(produced: ExtractProduced) -> str:
    """Tell the contractor what the register tells everybody (Rule 63), and how to check what arrived."""
    described = {
        "records": produced.records,
        "items": produced.items,
        "smallest_class": produced.smallest,
        "specification": produced.specification,
        "files": {PARQUET: produced.parquet, CSV: produced.csv},
    }
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"
