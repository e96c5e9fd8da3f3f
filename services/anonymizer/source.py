"""A source file read strictly by its specification: every record is either accepted whole or rejected with its line and reason."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from services.anonymizer.decoding import DecodedFile
from services.anonymizer.engine import integers, literal
from services.anonymizer.specification import Specification
from services.chassis.events import Refused

REJECTS_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is not what the header promises: the physical line on which it begins, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What was read: records = accepted + rejected; blank lines hold no record."""

    digest: str
    bytes: int
    accepted: int
    rejected: int
    blank: int
    gaiji: int
    first_rejects: tuple[Reject, ...]

    @property
    def records(self) -> int:
        return self.accepted + self.rejected


class Records:
    """The accepted records of one file, in order; counts are complete once every record was taken."""

    def __init__(self, source: Path, specification: Specification) -> None:
        self.file = DecodedFile(source, specification.input.encoding)
        self.specification = specification
        self.accepted = 0
        self.rejected = 0
        self.blank = 0
        self.first_rejects: list[Reject] = []

    def __iter__(self) -> Iterator[list[str]]:
        """Give the cells of every accepted record; raises Refused for the header, or at more rejects than the specification allows."""
        delimiter = self.specification.input.delimiter
        reader = csv.reader(self.file.lines(), delimiter=delimiter, quotechar='"', doublequote=True, strict=True)
        width = len(self.specification.header)
        try:
            refuse_other_header(next(reader, []), self.specification)
        except csv.Error:
            raise Refused("V13", "input.header", "the first line is not a header: its quotes do not close") from None
        while True:
            line = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                break
            except csv.Error:
                self.reject(line, "quotes that do not close, or a field too long")
                continue
            if len(record) == width:
                self.accepted += 1
                yield record
            elif record:
                self.reject(line, f"{len(record)} fields instead of {width}")
            else:
                self.blank += 1
        if self.rejected > self.specification.input.max_rejected:
            raise self.too_many_rejects()

    def reject(self, line: int, reason: str) -> None:
        self.rejected += 1
        if len(self.first_rejects) < REJECTS_NAMED:
            self.first_rejects.append(Reject(line, reason))

    def too_many_rejects(self) -> Refused:
        named = "; ".join(f"line {reject.line}: {reject.reason}" for reject in self.first_rejects)
        allowed = self.specification.input.max_rejected
        return Refused("116", "input.records", f"{self.rejected} records rejected, {allowed} allowed; first {named}")

    def intake(self) -> Intake:
        """Give the counts of what was read."""
        return Intake(
            digest=self.file.digest,
            bytes=self.file.bytes,
            accepted=self.accepted,
            rejected=self.rejected,
            blank=self.blank,
            gaiji=self.file.gaiji,
            first_rejects=tuple(self.first_rejects),
        )


def refuse_other_header(header: list[str], specification: Specification) -> None:
    """Refuse a file whose first line is not exactly the specification's columns in their order (V13)."""
    declared = specification.header
    for name in declared:
        if name not in header:
            raise Refused("V13", f"columns.{name}", f"the file has no column {name}")
    unknown = [str(place) for place, name in enumerate(header, start=1) if name not in declared]
    if unknown:
        # The name is not repeated: without a header line it would be the first resident's data.
        raise Refused("V13", "input.header", f"columns of the file that the specification does not have: number {', '.join(unknown)}")
    if tuple(header) != declared:
        raise Refused("V13", "input.header", "the file's columns stand in another order, or twice")


def load_source(connection: duckdb.DuckDBPyConnection, source: Path, specification: Specification, folder: Path) -> Intake:
    """Load the accepted records into the table `source` (record, c0, c1, …; an empty cell is null) and count them again there.

    The records pass through one JSON line each: DuckDB's own CSV reader merges or drops broken lines silently, and a line
    break inside quotes decides its splitting. The staged file lies in the private folder and is removed here.
    """
    staged = folder / "staged.jsonl"
    records = Records(source, specification)
    encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
    with staged.open("w", encoding="utf-8", newline="") as lines:
        lines.writelines(encode([str(number), *record]) + "\n" for number, record in enumerate(records, start=1))
    cells = ", ".join(f"nullif(j[{place + 2}], '') AS c{place}" for place in range(len(specification.header)))
    connection.execute(
        f"CREATE TABLE source AS SELECT CAST(j[1] AS BIGINT) AS record, {cells} FROM read_json({literal(str(staged.resolve()))}, "  # noqa: S608 - a path of ours
        "format = 'newline_delimited', records = false, auto_detect = false, columns = {'j': 'VARCHAR[]'})",
    )
    staged.unlink()
    (loaded,) = integers(connection, "SELECT count(*) FROM source")
    if loaded != records.accepted:
        raise Refused("116", "input.records", f"{records.accepted} records were accepted but {loaded} loaded")
    return records.intake()


def refuse_repeated_persons(connection: duckdb.DuckDBPyConnection, specification: Specification) -> None:
    """Refuse a file in which one person has several records, or no key: k and the 1,000 count persons (unit: person)."""
    key = specification.input.person_key
    if key is None:
        return
    place = specification.header.index(key)
    (surplus,) = integers(connection, f"SELECT count(*) - count(DISTINCT c{place}) FROM source")  # noqa: S608 - a number of ours
    if surplus:
        raise Refused("62", "input.person_key", f"{surplus} records carry a person's key that is missing or stands elsewhere too")
