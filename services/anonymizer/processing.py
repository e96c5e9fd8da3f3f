"""One processing: exactly the decided specification on one source file, out come the extract's files and their report (Art. 116)."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from services.anonymizer import ordering
from services.anonymizer.drawing import draw_people
from services.anonymizer.engine import literal, opened_engine, quoted
from services.anonymizer.extract_files import CSV, PARQUET, REPORT, digest_of_file, folder_put_in_place
from services.anonymizer.generalisation import CellCounts, DateCounts, generalise
from services.anonymizer.report import (
    ColumnReport,
    DateReport,
    FileReport,
    IntakeReport,
    Report,
    RiskReport,
    report_classes,
    report_standard,
    technique_name,
)
from services.anonymizer.source import Intake, load_source, refuse_repeated_persons
from services.anonymizer.specification import Column, Specification, digest
from services.anonymizer.suppression import ClassSizes, measure_classes, suppress_small_classes

ENGINE = f"duckdb-{duckdb.__version__}"
ROW_GROUP = 122_880  # fixed, because it shapes the bytes of the Parquet file


@dataclass(frozen=True, slots=True)
class Production:
    """One finished extract: where it lies, what it was made of and by, and the counts that its event tells."""

    folder: Path
    engine: str
    source: str
    specification: str
    key_fingerprint: str
    parquet: str
    csv: str
    report: str
    items: tuple[str, ...]
    records_read: int
    records_rejected: int
    records_drawn: int
    records_suppressed: int
    records: int
    k: int
    smallest_before: int
    smallest: int

    @property
    def parquet_file(self) -> Path:
        return self.folder / PARQUET

    @property
    def csv_file(self) -> Path:
        return self.folder / CSV

    @property
    def report_file(self) -> Path:
        return self.folder / REPORT


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything counted on the way from source to extract."""

    intake: Intake
    cells: dict[str, CellCounts]
    dates: dict[str, DateCounts]
    before: ClassSizes
    generalised: ClassSizes
    delivered: ClassSizes


def produce(source: Path, specification: Specification, key: bytes, out: Path, *, people: int, min_principals: int) -> Production:
    """Process `source` by `specification` and put extract.parquet, extract.csv and report.json into the new folder `out`.

    The extract is made of at most `people` persons, the number that was decided: of a greater file as many are drawn by the key.
    `key` is a fresh 256-bit key that stays the caller's to destroy. Equal source, specification, number, key and
    engine version give equal bytes in all three files; the same records in another order give the same records in another order.
    Raises Refused("116", "input.encoding" or "input.records") for an unreadable source, Refused("V13", …) for other columns,
    Refused("62", "columns.<name>" or "risk.…") when the method does not fit the file or k is not reached, Refused("V32",
    "records") when fewer than `min_principals` persons remain; FileExistsError when `out` holds something; EngineFailed.
    Nothing is left behind in any of these cases.
    """
    with folder_put_in_place(out) as work:
        with opened_engine(work) as connection:
            measured = process(connection, source, specification, key, work, people=people, min_principals=min_principals)
            write_files(connection, specification, key, work)
        report = make_report(specification, measured, work, ordering.fingerprint(key), people)
        (work / REPORT).write_bytes(report.to_bytes())
        return Production(
            folder=out,
            engine=ENGINE,
            source=measured.intake.digest,
            specification=report.specification,
            key_fingerprint=report.ordering_key_fingerprint,
            parquet=digest_of_file(work / PARQUET),
            csv=digest_of_file(work / CSV),
            report=digest_of_file(work / REPORT),
            items=specification.items,
            records_read=measured.intake.records,
            records_rejected=measured.intake.rejected,
            records_drawn=report.records_drawn,
            records_suppressed=report.records_suppressed,
            records=report.records_delivered,
            k=specification.risk.k,
            smallest_before=measured.before.smallest,
            smallest=measured.delivered.smallest,
        )


def process(
    connection: duckdb.DuckDBPyConnection,
    source: Path,
    specification: Specification,
    key: bytes,
    work: Path,
    *,
    people: int,
    min_principals: int,
) -> Measured:
    """Load, draw, generalise and suppress into the table `kept`, measuring the drawn as read, after generalisation and as delivered."""
    intake = load_source(connection, source, specification, work)
    refuse_repeated_persons(connection, specification)
    draw_people(connection, specification, key, accepted=intake.accepted, people=people)
    before = measure_classes(connection, "source", "c", specification, "class_before")
    cells, dates = generalise(connection, specification)
    generalised = measure_classes(connection, "generalised", "g", specification, "class")
    delivered = suppress_small_classes(connection, specification, min_principals)
    return Measured(intake, cells, dates, before, generalised, delivered)


def write_files(connection: duckdb.DuckDBPyConnection, specification: Specification, key: bytes, work: Path) -> None:
    """Write the kept records in keyed order as Parquet and as CSV (UTF-8, LF, header); the record's own number leaves with the key."""
    published = ", ".join(
        f"g{specification.header.index(column.column)} AS {quoted(column.name)}" for column in specification.output.columns
    )
    number = specification.output.row_number
    numbered = f"row_number() OVER (ORDER BY place, record) AS {quoted(number)}, " if number else ""
    connection.execute(
        f"CREATE TABLE extract AS SELECT {numbered}{published} "  # noqa: S608 - columns' names are quoted identifiers
        f"FROM (SELECT *, {ordering.KEYED_ORDER} AS place FROM kept) ORDER BY place, record",
        ordering.order_parameters(key),
    )
    home = work.resolve()
    parquet, csv = literal(str(home / PARQUET)), literal(str(home / CSV))
    connection.execute(f"COPY extract TO {parquet} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})")
    connection.execute(f"COPY extract TO {csv} (FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '')")


def make_report(specification: Specification, measured: Measured, work: Path, key_fingerprint: str, people: int) -> Report:
    """Put digests and counts together; the report holds no time, so that it is as repeatable as the extract."""
    intake, drawn = measured.intake, measured.before.records
    return Report(
        report_version=1,
        engine=ENGINE,
        source=intake.digest,
        specification=digest(specification),
        ordering_key_fingerprint=key_fingerprint,
        files=tuple(
            FileReport(name=name, digest=digest_of_file(work / name), bytes=(work / name).stat().st_size) for name in (PARQUET, CSV)
        ),
        intake=IntakeReport(
            bytes=intake.bytes,
            encoding=specification.input.encoding,
            records_read=intake.records,
            records_accepted=intake.accepted,
            records_rejected=intake.rejected,
            blank_lines=intake.blank,
            gaiji_characters=intake.gaiji,
        ),
        records_decided=people,
        records_drawn=drawn,
        records_left_out=intake.accepted - drawn,
        records_suppressed=drawn - measured.delivered.records,
        records_delivered=measured.delivered.records,
        columns=tuple(report_column(column, specification, measured) for column in specification.columns),
        risk=RiskReport(
            k=specification.risk.k,
            quasi=specification.risk.quasi,
            before=report_classes(measured.before),
            generalised=report_classes(measured.generalised),
            delivered=report_classes(measured.delivered),
        ),
        standard=report_standard(specification),
    )


def report_column(column: Column, specification: Specification, measured: Measured) -> ColumnReport:
    """Report one column's treatment and counts."""
    cells, dates = measured.cells[column.name], measured.dates.get(column.name)
    published = {output.column: output.name for output in specification.output.columns}
    return ColumnReport(
        name=column.name,
        role=column.role,
        technique=technique_name(column.technique),
        rule_items=column.rule_items,
        published_as=published.get(column.name),
        cells_filled=cells.filled,
        cells_declared_unknown=cells.unknown,
        cells_changed=cells.changed,
        dates=DateReport(accepted=dates.accepted, past_the_end_of_their_era=dates.overrun, impossible=dates.impossible) if dates else None,
    )
