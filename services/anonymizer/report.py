"""What an auditor reads about an extract: digests, counts that reconcile, risk before and after; never a value of the file."""

from collections.abc import Sequence
from typing import Final

from services.anonymizer.specification import STANDARD_ITEMS, Specification
from services.anonymizer.suppression import Bin, ClassSizes
from services.anonymizer.technique import ByBand, ByBeginning, ByDate, ByMapping, ByPrefix, Technique
from services.chassis.events import Value

MASKED_BELOW: Final = 10
SEMANTICS: Final = (
    "One record is one person.",
    "Of more accepted records than were decided, as many as decided were drawn by a keyed hash of what they hold.",
    "Sizes of classes and counts of cells and dates are of the drawn records, at every stage.",
    "A class is the set of records that agree in every quasi-identifying column; a missing value is a category of its own.",
    "Deleted records are not a class; sizes before are counted on the values as they were read.",
    "Records were re-ordered by a keyed hash of their number; the row number, if any, was given afterwards.",
    "Equal input, specification, decided number, key and engine version give equal bytes.",
    f"Class and record counts below {MASKED_BELOW} in the size tables are withheld.",
)


class IntakeReport(Value):
    """What was read: records_read = records_accepted + records_rejected."""

    bytes: int
    encoding: str
    records_read: int
    records_accepted: int
    records_rejected: int
    blank_lines: int
    gaiji_characters: int


class DateReport(Value):
    """How the dates of one column were read, in records."""

    accepted: int
    past_the_end_of_their_era: int
    impossible: int


class ColumnReport(Value):
    """What was done to one column, in records."""

    name: str
    role: str
    technique: str
    rule_items: tuple[str, ...]
    published_as: str | None
    cells_filled: int
    cells_declared_unknown: int
    cells_changed: int
    dates: DateReport | None


class SizeReport(Value):
    """Classes of one size range and their records; null where the count is withheld."""

    size: str
    classes: int | None
    records: int | None


class ClassReport(Value):
    """The class sizes at one stage."""

    smallest: int
    classes: int
    sizes: tuple[SizeReport, ...]


class RiskReport(Value):
    """k, the classes it is counted over, and their sizes as read, after generalisation, and as delivered."""

    k: int
    quasi: tuple[str, ...]
    before: ClassReport
    generalised: ClassReport
    delivered: ClassReport


class StandardReport(Value):
    """The answer to one item of Rule 62 and the columns that carry it out."""

    item: str
    measure: str | None
    not_applicable: str | None
    columns: tuple[str, ...]


class FileReport(Value):
    """One written file."""

    name: str
    digest: str
    bytes: int


class Report(Value):
    """The whole record of one processing.

    intake.records_accepted = records_drawn + records_left_out, records_drawn = records_suppressed + records_delivered;
    records_drawn is never above records_decided.
    """

    report_version: int
    engine: str
    source: str
    specification: str
    ordering_key_fingerprint: str
    files: tuple[FileReport, ...]
    intake: IntakeReport
    records_decided: int
    records_drawn: int
    records_left_out: int
    records_suppressed: int
    records_delivered: int
    columns: tuple[ColumnReport, ...]
    risk: RiskReport
    standard: tuple[StandardReport, ...]
    semantics: tuple[str, ...] = SEMANTICS

    def to_bytes(self) -> bytes:
        """Give compact UTF-8 JSON."""
        return self.model_dump_json().encode()


def technique_name(technique: Technique) -> str:
    """Give the technique in a word or two, without its tables."""
    match technique:
        case ByMapping() | ByBeginning() | ByPrefix() | ByBand() | ByDate():
            return f"{technique.kind} by {technique.by}"
        case _:
            return technique.kind


def report_classes(sizes: ClassSizes) -> ClassReport:
    """Report class sizes, small counts withheld so that they can't be found by subtraction either."""
    withheld = {size.size for size in sizes.bins if 0 < size.classes < MASKED_BELOW or 0 < size.records < MASKED_BELOW}
    if len(withheld) == 1:
        withheld |= {size.size for size in smallest_of([size for size in sizes.bins if size.classes and size.size not in withheld])}
    return ClassReport(
        smallest=sizes.smallest,
        classes=sizes.classes,
        sizes=tuple(
            SizeReport(
                size=size.size,
                classes=None if size.size in withheld else size.classes,
                records=None if size.size in withheld else size.records,
            )
            for size in sizes.bins
        ),
    )


def smallest_of(bins: Sequence[Bin]) -> Sequence[Bin]:
    """Give the bin with the fewest records, or none."""
    return sorted(bins, key=lambda size: size.records)[:1]


def report_standard(specification: Specification) -> tuple[StandardReport, ...]:
    """Report how each item of Rule 62 was answered (V30)."""
    reports = []
    for item in STANDARD_ITEMS:
        answer = specification.standard.answer(item)
        columns = tuple(column.name for column in specification.columns if item in column.rule_items)
        reports.append(
            StandardReport(
                item=item,
                measure=answer.measure if answer else None,
                not_applicable=answer.not_applicable if answer else None,
                columns=columns,
            ),
        )
    return tuple(reports)
