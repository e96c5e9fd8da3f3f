"""Equivalence classes, their sizes, and the deletion of records whose class is smaller than k (Rule 62 items 4 and 5)."""

from dataclasses import dataclass
from typing import Final

import duckdb

from services.anonymizer.engine import integers
from services.anonymizer.specification import Risk, Specification
from services.anonymizer.technique import RULE_62
from services.chassis.events import Refused

# Class sizes as they are reported: (least, greatest); the last has no end.
SIZES: Final = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, None))


@dataclass(frozen=True, slots=True)
class Bin:
    """Classes of one size range and the records in them."""

    size: str
    classes: int
    records: int


@dataclass(frozen=True, slots=True)
class ClassSizes:
    """How records fall into classes of equal quasi-identifiers; a missing value is a category of its own."""

    smallest: int
    classes: int
    records: int
    bins: tuple[Bin, ...]


def measure_classes(connection: duckdb.DuckDBPyConnection, table: str, prefix: str, specification: Specification, name: str) -> ClassSizes:
    """Make the table `name` (the quasi columns and n, the class's size) over the columns `<prefix><place>` of `table` and measure it."""
    columns = ", ".join(f"{prefix}{place}" for place in quasi_places(specification))
    connection.execute(f"CREATE TABLE {name} AS SELECT {columns}, count(*) AS n FROM {table} GROUP BY ALL")  # noqa: S608 - names of ours
    return sizes_of(connection, f"SELECT n FROM {name}")  # noqa: S608 - a name of ours


def quasi_places(specification: Specification) -> tuple[int, ...]:
    """Give the places of the quasi columns in the header."""
    return tuple(specification.header.index(name) for name in specification.risk.quasi)


def sizes_of(connection: duckdb.DuckDBPyConnection, sizes: str) -> ClassSizes:
    """Measure a query that gives the size n of every class."""
    smallest, classes, records = integers(connection, f"SELECT min(n), count(*), sum(n) FROM ({sizes})")  # noqa: S608 - a query of ours
    bins = []
    for least, greatest in SIZES:
        within = f"n >= {least}" if greatest is None else f"n BETWEEN {least} AND {greatest}"
        in_bin = integers(connection, f"SELECT count(*), sum(n) FROM ({sizes}) WHERE {within}")  # noqa: S608 - a query of ours
        bins.append(Bin(f"{least}+" if greatest is None else f"{least}-{greatest}" if greatest > least else str(least), *in_bin))
    return ClassSizes(smallest, classes, records, tuple(bins))


def suppress_small_classes(connection: duckdb.DuckDBPyConnection, specification: Specification, min_principals: int) -> ClassSizes:
    """Make the table `kept`: `generalised` without the records of classes below k; give the sizes of the classes that remain.

    Raises Refused("62", "risk.k") when nothing remains, Refused("62", "risk.max_suppressed_per_mille") when more than the
    approved share would be lost, Refused("V32", "records") when fewer persons remain than an extract may have.
    """
    k = specification.risk.k
    lost, read = integers(connection, "SELECT sum(n) FILTER (n < $1), sum(n) FROM class", [k])
    refuse_too_great_a_loss(specification.risk, read, lost)
    if read - lost < min_principals:
        raise Refused("V32", "records", f"{read - lost} persons remain after suppression, an extract needs {min_principals}")
    same = " AND ".join(f"g.g{place} IS NOT DISTINCT FROM small.g{place}" for place in quasi_places(specification))
    connection.execute(
        f"CREATE TABLE kept AS SELECT g.* FROM generalised g ANTI JOIN (SELECT * FROM class WHERE n < $1) small ON {same}",  # noqa: S608 - names of ours
        [k],
    )
    return sizes_of(connection, f"SELECT n FROM class WHERE n >= {k}")  # noqa: S608 - a number of ours


def refuse_too_great_a_loss(risk: Risk, read: int, lost: int) -> None:
    """Refuse when k can't be reached within what the specification allows to delete."""
    if read == lost:
        raise Refused(RULE_62, "risk.k", f"no class of the {read} records has {risk.k} of them")
    share = risk.max_suppressed_per_mille
    if share is not None and lost * 1000 > share * read:
        message = f"k = {risk.k} would delete {lost} of {read} records, allowed are {share} in 1,000"
        raise Refused(RULE_62, "risk.max_suppressed_per_mille", message)
