"""What services log is what `docs/log-events.md` lists: every event with its levels and fields, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parents[1]
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "critical": "critical", "exception": "error"}
CODE = re.compile(r"``(.+?) ``|`([^`]+)`")
Said = dict[str, tuple[set[str], set[str]]]


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Give every call on a logger, with where it stands."""
    for path in sorted((HOUSE / "services").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=attr)) if attr in LEVELS:
                    yield f"{path.relative_to(HOUSE)}:{node.lineno}", node


def logged() -> Said:
    """Give levels and fields by event."""
    said: Said = {}
    for place, call in calls():
        assert isinstance(call.func, ast.Attribute)
        assert isinstance(call.args[0], ast.Constant), f"{place}: an event's name is a literal, its values are fields"
        levels, fields = said.setdefault(call.args[0].value, (set(), set()))
        levels.add(LEVELS[call.func.attr])
        fields |= {str(keyword.arg) for keyword in call.keywords} | ({"exc_info"} if call.func.attr == "exception" else set())
    return {event: (levels, {"error" if field == "exc_info" else field for field in fields}) for event, (levels, fields) in said.items()}


def listed() -> Said:
    """Read the document's tables."""
    said: Said = {}
    for line in (HOUSE / "docs/log-events.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 7 and (event := CODE.fullmatch(cells[1])):
            name = event[1] or event[2]
            assert name not in said, f"{name} is listed twice"
            said[name] = set(cells[2].split(", ")), {one or other for one, other in CODE.findall(cells[3])}
    return said


def rows(said: Said) -> set[str]:
    """Write one line an event, so that a difference can be pasted into the document."""
    return {f"{event} | {', '.join(sorted(levels))} | {' '.join(sorted(fields))}" for event, (levels, fields) in said.items()}


def test_what_is_logged_is_what_is_listed():
    code, document = rows(logged()), rows(listed())
    assert code == document, "\n".join(["", *(f"code: {one}" for one in code - document), *(f"document: {one}" for one in document - code)])


def test_no_service_logs_past_the_list():
    """A logger of another name, or the standard library's, would escape the comparison above."""
    for path in sorted((HOUSE / "services").rglob("*.py")):
        for line in path.read_text("utf-8").splitlines():
            ours = line == "log = get_logger(__name__)" or path.name in {"logs.py", "consumer.py"}  # which name the libraries'
            assert ours or not re.search(r"\bget_?[lL]ogger\(|\bprint\(|\bwarnings\.warn\(", line), f"{path}: {line}"
