"""The second person's recount: what the written files themselves say, by other means than those that wrote them (Rule 65)."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from services.anonymizer.engine import integers, literal, opened_engine, quoted
from services.anonymizer.extract_files import CSV, PARQUET, digest_of_file
from services.anonymizer.leftovers import KINDS, Kind, leftovers_in
from services.anonymizer.specification import Specification
from services.anonymizer.technique import RULE_62
from services.chassis.events import Refused

BATCH: Final = 20_000


@dataclass(frozen=True, slots=True)
class FileCount:
    """What one written file holds: its digest, records, columns, and the size of its smallest class (0 without records)."""

    digest: str
    records: int
    columns: tuple[str, ...]
    smallest: int


@dataclass(frozen=True, slots=True)
class Recount:
    """Both files recounted; `agree` says that they hold the same cells, leftovers count distinct suspicious values by kind."""

    parquet: FileCount
    csv: FileCount
    agree: bool
    row_numbers_in_order: bool
    leftovers: dict[Kind, int]


def recount(folder: Path, specification: Specification) -> Recount:
    """Recount the files in `folder`: the Parquet file with SQL of its own, the CSV file with Python's reader, cell against cell."""
    parquet = folder.resolve() / PARQUET
    with opened_engine(folder) as connection:
        connection.execute(f"CREATE VIEW written AS SELECT * FROM read_parquet({literal(str(parquet))})")  # noqa: S608 - a path of ours
        described = connection.execute("DESCRIBE written").fetchall()
        columns = tuple(str(row[0]) for row in described)
        quasi = [name for name in specification.quasi_items if name in columns]
        return Recount(
            parquet=count_parquet(connection, parquet, columns, quasi),
            csv=count_csv(folder / CSV, quasi),
            agree=files_agree(connection, folder / CSV),
            row_numbers_in_order=row_numbers_in_order(connection, specification.output.row_number, columns),
            leftovers=count_leftovers(connection, specification, columns),
        )


def count_parquet(connection: duckdb.DuckDBPyConnection, file: Path, columns: tuple[str, ...], quasi: list[str]) -> FileCount:
    """Count records and the smallest class in SQL; without any quasi column the file is one class."""
    over = ", ".join(map(quoted, quasi)) or "1"
    records, smallest = integers(connection, f"SELECT sum(n), min(n) FROM (SELECT count(*) AS n FROM written GROUP BY {over})")  # noqa: S608 - quoted identifiers
    return FileCount(digest_of_file(file), records, columns, smallest)


def rows_of_csv(file: Path) -> Iterator[list[str]]:
    """Give header and rows of a written CSV file; the empty line of a single missing value is a row of one empty cell."""
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, strict=True):
            yield row or [""]


def count_csv(file: Path, quasi: list[str]) -> FileCount:
    """Count records and the smallest class without SQL."""
    rows = rows_of_csv(file)
    columns = tuple(next(rows, ()))
    places = [columns.index(name) for name in quasi if name in columns]
    classes = Counter(tuple(row[place] for place in places) for row in rows)
    return FileCount(digest_of_file(file), classes.total(), columns, min(classes.values(), default=0))


def files_agree(connection: duckdb.DuckDBPyConnection, file: Path) -> bool:
    """Say whether both files hold the same cells in the same order; an empty CSV cell is a missing value."""
    rows = rows_of_csv(file)
    next(rows, None)
    written = connection.execute("SELECT * FROM written")
    while batch := written.fetchmany(BATCH):
        for cells in batch:
            if next(rows, None) != ["" if cell is None else str(cell) for cell in cells]:
                return False
    return next(rows, None) is None


def row_numbers_in_order(connection: duckdb.DuckDBPyConnection, name: str | None, columns: tuple[str, ...]) -> bool:
    """Say whether the row number, if the extract has one, runs 1, 2, 3, … and so tells nothing about the source."""
    if name is None:
        return True
    if name not in columns:
        return False
    (wrong,) = integers(
        connection,
        f"SELECT count(*) FROM (SELECT {quoted(name)} AS number, row_number() OVER () AS place FROM written) WHERE number <> place",  # noqa: S608 - a quoted identifier
    )
    return wrong == 0


def count_leftovers(connection: duckdb.DuckDBPyConnection, specification: Specification, columns: tuple[str, ...]) -> dict[Kind, int]:
    """Count the distinct values that look like a number, a phone or a mail address, over all columns but the row number."""
    counts = dict.fromkeys(KINDS, 0)
    for name in columns:
        if name == specification.output.row_number:
            continue
        distinct = connection.execute(f"SELECT DISTINCT {quoted(name)} FROM written WHERE {quoted(name)} IS NOT NULL")  # noqa: S608 - a quoted identifier
        while rows := distinct.fetchmany(BATCH):
            for (value,) in rows:
                for kind in leftovers_in(str(value)):
                    counts[kind] += 1
    return counts


def verify(recount: Recount, specification: Specification, *, min_principals: int) -> None:
    """Refuse an extract that is not what the specification promises; field names are codes, fit for an event.

    Raises Refused("62", "output.columns" | "output.files" | "output.row_number" | "risk.k" | "output.my_number" | "output.phone" |
    "output.mail") and Refused("V32", "records").
    """
    number = specification.output.row_number
    promised = (number, *specification.items) if number else specification.items
    for count in (recount.parquet, recount.csv):
        if count.columns != promised:
            raise Refused(RULE_62, "output.columns", "a written file has other columns than the specification")
        if count.records < min_principals:
            raise Refused("V32", "records", f"a written file holds {count.records} persons, an extract needs {min_principals}")
        if count.smallest < specification.risk.k:
            raise Refused(
                RULE_62, "risk.k", f"the smallest written class has {count.smallest} records, asked for are {specification.risk.k}"
            )
    if not recount.agree:
        raise Refused(RULE_62, "output.files", "the two written files do not hold the same cells")
    if not recount.row_numbers_in_order:
        raise Refused(RULE_62, "output.row_number", "the row numbers are not those of the shuffled order")
    for kind, values in recount.leftovers.items():
        if values:
            raise Refused(RULE_62, f"output.{kind}", f"{values} published values look like identifiers")
