"""The processing method as data: what is done to every column, fixed and digested before anything is processed (Art. 116, Rule 62)."""

import hashlib
import json
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError

from services.anonymizer.technique import RULE_62, Drop, Keep, Label, Reason, Technique, refuse_unfit
from services.chassis.events import Refused, Value

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$")]
Role = Literal["direct_identifier", "identification_code", "linking_code", "quasi", "sensitive", "other"]
StandardItem = Literal["P1", "P2", "P3", "P4", "P5"]
STANDARD_ITEMS: Final[tuple[StandardItem, ...]] = ("P1", "P2", "P3", "P4", "P5")
LARGEST: Final = 1 << 22  # characters, four times what may be posted
SERVED_BY_IDENTIFIERS: Final[dict[Role, StandardItem]] = {"direct_identifier": "P1", "identification_code": "P2", "linking_code": "P3"}


class Input(Value):
    """How the source file is written; the declaration is obeyed strictly, never guessed."""

    delimiter: Literal[",", ";", "\t", "|"]
    encoding: Literal["utf-8", "cp932", "euc_jp", "iso2022_jp"]
    max_rejected: Annotated[int, Field(ge=0)] = 0
    person_key: Name | None = None


class Column(Value):
    """One input column: what it is, which items of Rule 62 its treatment serves, and the treatment."""

    name: Name
    role: Role
    rule_items: tuple[StandardItem, ...] = ()
    unknown: tuple[Label, ...] = ()
    technique: Technique


class Measure(Value):
    """What was done for one item of Rule 62, or why it does not apply: exactly one of the two."""

    measure: Reason | None = None
    not_applicable: Reason | None = None


class Standard(Value):
    """The five items of Rule 62, each answered (V30)."""

    P1: Measure | None = None
    P2: Measure | None = None
    P3: Measure | None = None
    P4: Measure | None = None
    P5: Measure | None = None

    def answer(self, item: StandardItem) -> Measure | None:
        match item:
            case "P1":
                return self.P1
            case "P2":
                return self.P2
            case "P3":
                return self.P3
            case "P4":
                return self.P4
            case "P5":
                return self.P5


class Risk(Value):
    """The class size asked for; records of classes below k are deleted, at most the share given here (per 1,000 records)."""

    k: Annotated[int, Field(ge=2)]
    quasi: tuple[Name, ...]
    max_suppressed_per_mille: Annotated[int, Field(ge=0, le=1000)] | None = None


class OutputColumn(Value):
    """One column of the extract: which input column it comes from and what it is called."""

    column: Name
    name: Name


class Output(Value):
    """The extract's columns in order; `row_number` names a serial number given after the keyed shuffle, the only id there may be."""

    columns: tuple[OutputColumn, ...]
    row_number: Name | None = None


class Specification(Value):
    """One processing method for one file layout; the columns stand in the order of the file's header."""

    spec_version: Literal[1]
    unit: Literal["person"]
    input: Input
    columns: tuple[Column, ...]
    standard: Standard
    risk: Risk
    output: Output

    def model_post_init(self, _context: object) -> None:
        """Refuse a method that the processing standard does not allow."""
        refuse_repeated("columns", self.header)
        for column in self.columns:
            refuse_unfit_technique(column)
        refuse_unanswered_standard(self)
        refuse_unfit_risk(self)
        refuse_unfit_output(self)

    @property
    def header(self) -> tuple[str, ...]:
        """Give the names that the file's first line must carry, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def items(self) -> tuple[str, ...]:
        """Give the items of information in the extract (Rule 63), in order, without the row number."""
        return tuple(column.name for column in self.output.columns)

    @property
    def quasi_items(self) -> tuple[str, ...]:
        """Give the names that the quasi-identifying columns carry in the extract."""
        published = {column.column: column.name for column in self.output.columns}
        return tuple(published[name] for name in self.risk.quasi)


def refuse_repeated(field: str, names: tuple[str, ...]) -> None:
    """Refuse an empty list and names that stand in it twice."""
    if not names:
        raise Refused(RULE_62, field, "at least one column is needed")
    for name in names:
        if names.count(name) > 1:
            raise Refused(RULE_62, f"{field}.{name}", "each column stands exactly once")


def refuse_unfit_technique(column: Column) -> None:
    """Refuse identifiers that would be published, treatments that serve no item of Rule 62."""
    field, technique = f"columns.{column.name}", column.technique
    served = SERVED_BY_IDENTIFIERS.get(column.role)
    if served and not isinstance(technique, Drop):
        raise Refused(RULE_62, field, f"a column of the role {column.role} is dropped, always")
    if served and served not in column.rule_items:
        raise Refused(RULE_62, f"{field}.rule_items", f"dropping a {column.role} serves {served}")
    if not isinstance(technique, Keep) and not column.rule_items:
        raise Refused(RULE_62, f"{field}.rule_items", "a treatment names the items of Rule 62 that it serves")
    refuse_unfit(f"{field}.technique", technique)


def refuse_unanswered_standard(specification: Specification) -> None:
    """Refuse items of Rule 62 without measure or reason, and answers that the columns contradict (V30)."""
    served = {item for column in specification.columns for item in column.rule_items}
    codes = any(column.role == "identification_code" for column in specification.columns)
    for item in STANDARD_ITEMS:
        field, answer = f"standard.{item}", specification.standard.answer(item)
        if answer is None or (answer.measure is None) == (answer.not_applicable is None):
            raise Refused("V30", field, "each item of Rule 62 has either a measure or a reason why it is not applicable")
        if item == "P2" and codes and answer.not_applicable is not None:
            raise Refused("V30", field, "the file has identification codes: their deletion is always applicable")
        if item in served and answer.not_applicable is not None:
            raise Refused("V30", field, "a column serves this item, so it is applicable")
        # Deleting small classes (risk.k) is itself a measure of the fourth and fifth item.
        if item not in served and answer.measure is not None and item not in {"P4", "P5"}:
            raise Refused("V30", field, "a measure is stated but no column carries it out")


def refuse_unfit_risk(specification: Specification) -> None:
    """Refuse a class size that is not counted over exactly the published quasi-identifying columns."""
    published = {column.name for column in specification.columns if column.role == "quasi" and not isinstance(column.technique, Drop)}
    refuse_repeated("risk.quasi", specification.risk.quasi)
    for name in sorted(published.symmetric_difference(specification.risk.quasi)):
        raise Refused(RULE_62, "risk.quasi", f"k is counted over every published quasi column and no other: {name}")


def refuse_unfit_output(specification: Specification) -> None:
    """Refuse an extract whose columns are not exactly those that were not dropped."""
    wanted = tuple(column.column for column in specification.output.columns)
    remaining = {column.name for column in specification.columns if not isinstance(column.technique, Drop)}
    refuse_repeated("output.columns", wanted)
    for name in sorted(remaining.symmetric_difference(wanted)):
        raise Refused(RULE_62, f"output.columns.{name}", "the extract has every column that is not dropped, and no other")
    number = specification.output.row_number
    refuse_repeated("output.columns", (*specification.items, number) if number else specification.items)
    key = specification.input.person_key
    if key is not None and key not in specification.header:
        raise Refused("V13", "input.person_key", f"the file has no column {key}")


class DocumentLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: the second would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the base's signature
        made = super().construct_mapping(node, deep=deep)
        seen = set()
        for key in (self.construct_object(key, deep=deep) for key, _ in node.value):
            if key in seen:
                raise Refused(RULE_62, str(key), f"the key stands twice, also on line {node.start_mark.line + 1} ff.")
            seen.add(key)
        return made


def read_document(text: str) -> Any:  # noqa: ANN401 - a document is whatever YAML or JSON holds
    """Read a YAML or JSON text whose keys are unique; raises Refused when it is neither."""
    try:
        return yaml.load(text, Loader=DocumentLoader)  # noqa: S506 - a SafeLoader with unique keys
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise Refused(RULE_62, "specification", f"the text is not YAML{place}") from None
    except (ValueError, RecursionError):  # a date such as 2026-13-01, a number of 5,000 digits, lists in lists in lists
        raise Refused(RULE_62, "specification", "the text holds a value that cannot be read") from None


def specification_from(document: object) -> Specification:
    """Make a specification from a parsed document; every fault raises Refused with rule and field, never with a value."""
    try:
        stored = written(document)
    except (TypeError, ValueError, RecursionError):
        raise Refused(RULE_62, "specification", "the document holds something other than text, whole numbers, lists and tables") from None
    return read_specification(stored)


def written(document: object) -> bytes:
    """Write a document as JSON, piece by piece: a few lines of YAML whose aliases name each other can stand for gigabytes."""
    pieces, size = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(document):
        size += len(piece)
        if size > LARGEST:
            raise Refused(RULE_62, "specification", f"a specification has {LARGEST} characters at most")
        pieces.append(piece)
    return "".join(pieces).encode()


def read_specification(stored: bytes) -> Specification:
    """Read a specification from stored canonical bytes (or any JSON)."""
    try:
        return Specification.model_validate_json(stored)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # pydantic quotes a tag that it does not know.
        message = f"none of {first['ctx']['expected_tags']}" if first["type"] == "union_tag_invalid" else first["msg"]
        raise Refused(RULE_62, field_of(first["loc"], stored, absent=first["type"] == "missing"), message) from None


def field_of(location: tuple[int | str, ...], stored: bytes, *, absent: bool) -> str:
    """Give the field of an error: a list element that has a name is called by it, the union's tags are left out."""
    try:
        place = json.loads(stored)
    except ValueError:
        return "specification"
    parts: list[str] = []
    for step in location:
        if isinstance(step, int) and isinstance(place, list) and step < len(place):
            place = place[step]
            parts.append(str(place.get("name", step)) if isinstance(place, dict) else str(step))
        elif isinstance(place, dict) and step in place:
            place = place[step]
            parts.append(str(step))
    if absent:
        parts.append(str(location[-1]))
    return ".".join(parts) or "specification"


def canonical(specification: Specification) -> bytes:
    """Give the one byte form of a specification: JSON with sorted keys, no spaces, UTF-8, every member written out."""
    document = specification.model_dump(mode="json")
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(specification: Specification) -> str:
    """Give `sha256:<64 hex>` over the canonical bytes: what is decided (Art. 114) and what alone may run (Art. 116)."""
    return f"sha256:{hashlib.sha256(canonical(specification)).hexdigest()}"
