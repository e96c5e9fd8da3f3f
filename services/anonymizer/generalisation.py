"""The specification's techniques as SQL over the loaded source: every value of the file is bound or joined, never written into SQL."""

from dataclasses import dataclass, field
from typing import assert_never

import duckdb

from services.anonymizer.engine import integers
from services.anonymizer.era import Reading, read_date
from services.anonymizer.specification import Column, Specification
from services.anonymizer.technique import RULE_62, ByBand, ByBeginning, ByDate, ByMapping, ByPrefix, Cap, Drop, Keep, Scale
from services.chassis.events import Refused

FULL_WIDTH_DIGITS = "'\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff0d\u2212\uff0e', '0123456789--.'"
YEARS = {"year": 1, "five_years": 5, "ten_years": 10}


@dataclass(slots=True)
class Step:
    """How one column is made: an expression over `s` and its joined tables, and the parameters it binds."""

    expression: str
    joins: list[str] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DateCounts:
    """How the dates of one column were read, in records."""

    accepted: int
    overrun: int
    impossible: int


@dataclass(frozen=True, slots=True)
class CellCounts:
    """What happened to one column, in records: cells that had a value, were declared unknown, and differ afterwards."""

    filled: int
    unknown: int
    changed: int


def generalise(connection: duckdb.DuckDBPyConnection, specification: Specification) -> tuple[dict[str, CellCounts], dict[str, DateCounts]]:
    """Make the table `generalised` (record, g0, g1, … without the dropped) from `source`; raises Refused for values no rule covers.

    Gives the cell counts of every column and the date counts of every date column, by the column's name.
    """
    known, parameters = [], dict[str, object]()
    dates: dict[str, DateCounts] = {}
    steps: dict[int, Step] = {}
    for place, column in enumerate(specification.columns):
        if column.unknown:
            parameters[f"unknown{place}"] = list(column.unknown)
            known.append(f"CASE WHEN list_contains($unknown{place}, c{place}) THEN NULL ELSE c{place} END AS c{place}")
        if isinstance(column.technique, ByDate):
            dates[column.name] = read_dates(connection, place, column, column.technique)
        step = step_of(connection, place, column)
        if step:
            steps[place] = step
    replaced = f" REPLACE ({', '.join(known)})" if known else ""
    made = ", ".join(f"{step.expression} AS g{place}" for place, step in steps.items())
    joins = " ".join(join for step in steps.values() for join in step.joins)
    for step in steps.values():
        parameters |= step.parameters
    connection.execute(f"CREATE TABLE generalised AS SELECT s.record, {made} FROM (SELECT *{replaced} FROM source) s {joins}", parameters)  # noqa: S608 - only names of ours
    return {column.name: count_cells(connection, place, column) for place, column in enumerate(specification.columns)}, dates


def step_of(connection: duckdb.DuckDBPyConnection, place: int, column: Column) -> Step | None:
    """Give the step of one column, preparing the tables it joins; a dropped column has none."""
    cell, technique = f"s.c{place}", column.technique
    match technique:
        case Drop():
            return None
        case Keep():
            return Step(cell)
        case ByPrefix(characters=characters):
            return Step(f"left({cell}, {characters})")
        case ByMapping():
            make_lookup(connection, f"lookup{place}", technique.category_of)
            return Step(f"lookup{place}.made", [f"LEFT JOIN lookup{place} ON lookup{place}.given = {cell}"])
        case ByBeginning():
            return step_by_beginning(connection, place, technique)
        case ByDate():
            return Step(f"dates{place}.made", [f"LEFT JOIN dates{place} ON dates{place}.given = {cell}"])
        case Cap():
            written = f"regexp_replace(CAST({number(cell)} AS VARCHAR), '\\.?0+$', '')"
            return scaled(place, number(cell), technique, written)
        case ByBand(width=width, origin=origin):
            lower = f"CAST(floor(({number(cell)} - {origin}) / {width}) AS BIGINT) * {width} + {origin}"
            return scaled(place, number(cell), technique, f"({lower}) || '-' || ({lower} + {width - 1})")
        case _:
            assert_never(technique)


def number(cell: str) -> str:
    """Give the exact decimal a cell holds, full-width digits included, or null when it holds no plain number."""
    text = f"translate(trim({cell}), {FULL_WIDTH_DIGITS})"
    return f"TRY_CAST(CASE WHEN regexp_full_match({text}, '[+-]?[0-9]{{1,15}}([.][0-9]{{1,6}})?') THEN {text} END AS DECIMAL(24, 6))"


def scaled(place: int, value: str, scale: Scale, between: str) -> Step:
    """Give the labels of a scale's ends around an expression for what lies between."""
    step, branches = Step(""), ""
    if scale.bottom:
        branches += f" WHEN {value} < {scale.bottom.at} THEN $bottom{place}"
        step.parameters[f"bottom{place}"] = scale.bottom.label
    if scale.top:
        branches += f" WHEN {value} >= {scale.top.at} THEN $top{place}"
        step.parameters[f"top{place}"] = scale.top.label
    step.expression = f"CASE{branches} ELSE {between} END" if branches else between
    return step


def step_by_beginning(connection: duckdb.DuckDBPyConnection, place: int, technique: ByBeginning) -> Step:
    """Look a value's beginning up, the longest first: one equality join per length instead of one comparison per beginning."""
    lengths = sorted({len(beginning) for beginning in technique.category_of}, reverse=True)
    joins = []
    for length in lengths:
        table = f"lookup{place}_{length}"
        make_lookup(connection, table, {given: made for given, made in technique.category_of.items() if len(given) == length})
        joins.append(f"LEFT JOIN {table} ON {table}.given = left(s.c{place}, {length})")
    return Step(f"coalesce({', '.join(f'lookup{place}_{length}.made' for length in lengths)})", joins)


def make_lookup(connection: duckdb.DuckDBPyConnection, table: str, made_of: dict[str, str]) -> None:
    """Make a table given → made from bound lists."""
    connection.execute(f"CREATE TABLE {table} (given VARCHAR, made VARCHAR)")
    add_to_lookup(connection, table, made_of)


def add_to_lookup(connection: duckdb.DuckDBPyConnection, table: str, made_of: dict[str, str]) -> None:
    """Add rows given → made to a lookup table."""
    if made_of:
        connection.execute(f"INSERT INTO {table} SELECT unnest($1), unnest($2)", [list(made_of), list(made_of.values())])


def read_dates(connection: duckdb.DuckDBPyConnection, place: int, column: Column, technique: ByDate) -> DateCounts:
    """Read a column's distinct dates into the table `dates<place>` and count the records of each outcome."""
    counts = {"accepted": 0, "overrun": 0, "impossible": 0}
    table = f"dates{place}"
    make_lookup(connection, table, {})
    distinct = connection.cursor()
    distinct.execute(
        f"SELECT c{place}, count(*) FROM source WHERE c{place} IS NOT NULL AND NOT list_contains($1, c{place}) GROUP BY ALL",  # noqa: S608 - a number of ours
        [list(column.unknown)],
    )
    while rows := distinct.fetchmany(10_000):
        made_of: dict[str, str] = {}
        for given, records in rows:
            reading = read_date(given)
            made = date_category(reading, technique)
            counts["impossible" if made is None else reading.outcome] += records
            if made is not None:
                made_of[given] = made
        add_to_lookup(connection, table, made_of)
    if counts["overrun"] and technique.era_overrun == "refuse":
        raise Refused(RULE_62, f"columns.{column.name}", f"{counts['overrun']} records carry a date past the end of its era")
    if counts["impossible"] and technique.impossible == "refuse":
        raise Refused(RULE_62, f"columns.{column.name}", f"{counts['impossible']} records carry no possible date")
    return DateCounts(**counts)


def date_category(reading: Reading, technique: ByDate) -> str | None:
    """Give the category of a read date, or none when it is impossible or coarser than the category."""
    year = reading.year
    if year is None or (technique.to == "year_month" and reading.month is None):
        return None
    if technique.bottom and year < technique.bottom.at:
        return technique.bottom.label
    if technique.top and year >= technique.top.at:
        return technique.top.label
    match technique.to:
        case "year":
            return str(year)
        case "year_month":
            return f"{year}-{reading.month:02d}"
        case "five_years" | "ten_years":
            run = YEARS[technique.to]
            return f"{year // run * run}-{year // run * run + run - 1}"
        case _:
            assert_never(technique.to)


def count_cells(connection: duckdb.DuckDBPyConnection, place: int, column: Column) -> CellCounts:
    """Count a column's filled, unknown and changed cells; raises Refused when a value was covered by no rule (a count, never the value)."""
    if isinstance(column.technique, Drop):
        filled, unknown = integers(
            connection,
            f"SELECT count(c{place}), count(*) FILTER (list_contains($1, c{place})) FROM source",  # noqa: S608 - a number of ours
            [list(column.unknown)],
        )
        return CellCounts(filled, unknown, filled)
    filled, unknown, changed, lost = integers(
        connection,
        f"SELECT count(c{place}), count(*) FILTER (list_contains($1, c{place})), count(*) FILTER (c{place} IS DISTINCT FROM g{place}), "  # noqa: S608 - a number of ours
        f"count(*) FILTER (c{place} IS NOT NULL AND NOT list_contains($1, c{place}) AND g{place} IS NULL) "
        "FROM source JOIN generalised USING (record)",
        [list(column.unknown)],
    )
    tolerated = isinstance(column.technique, ByDate) and column.technique.impossible == "null"
    if lost and not tolerated:
        raise Refused(RULE_62, f"columns.{column.name}", f"{lost} records carry a value that the {uncovered(column)}")
    return CellCounts(filled, unknown, changed)


def uncovered(column: Column) -> str:
    """Say what a column's technique could not do with a value."""
    return "technique reads as no number" if isinstance(column.technique, Cap | ByBand) else "categories do not cover"
