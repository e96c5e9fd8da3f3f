"""Log lines: one JSON object each, with no value that failed a check."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import BaseModel

from services.chassis import metrics
from services.chassis.logs import configure_logs
from services.chassis.trace import span
from tests.conftest import plain_logs


class Aged(BaseModel):
    age: int


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("till", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    plain_logs()


def test_each_line_is_one_object_with_its_service(lines: io.StringIO):
    structlog.stdlib.get_logger("x").info("counted", coins=3)
    logging.getLogger("library").warning("said %s", "something")
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["event"], first["coins"], first["service"], first["level"]) == ("counted", 3, "till", "info")
    assert (second["event"], second["service"]) == ("said something", "till")


def test_a_line_with_what_is_no_text_is_written_all_the_same(lines: io.StringIO):
    structlog.stdlib.get_logger("x").info("read", file="entry-\udcff.csv", head=b"\xff")
    assert json.loads(lines.getvalue()) | {"file": "entry-\udcff.csv", "head": r"b'\xff'"} == json.loads(lines.getvalue())


class Full(io.StringIO):
    """A disk without room."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_work_goes_on_where_no_line_can_be_written(lines: io.StringIO):
    configure_logs("till", "info", Full())
    structlog.stdlib.get_logger("y").info("counted", coins=3)
    logging.getLogger("library").warning("said %s", "something")
    assert lines.getvalue() == ""


def test_an_error_is_told_without_the_value_that_was_wrong(lines: io.StringIO):
    try:
        Aged.model_validate({"age": "髙橋花子"})
    except ValueError:
        structlog.stdlib.get_logger("x").exception("failed")
        logging.getLogger("library").exception("failed too")
    told = lines.getvalue()
    assert "髙橋" not in told
    assert [json.loads(line)["error_message"] for line in told.splitlines()] == ["age: int_parsing"] * 2


def test_what_libraries_repeat_is_let_through_twice_a_second_and_the_rest_counted(lines: io.StringIO):
    before = metrics.LOG_LINES_SUPPRESSED.labels("aiokafka")._value.get()
    told = [logging.getLogger(name) for name in ("aiokafka", "aiokafka.consumer.fetcher", "aiokafka.cluster")]
    for number in range(40):
        for logger in told:
            logger.error("Unable connect to node %s", number)
    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == [
        f"Unable connect to node {n}" for n in (0, 0, 0, 1, 1, 1)
    ]
    assert metrics.LOG_LINES_SUPPRESSED.labels("aiokafka")._value.get() - before == 3 * 38


def test_the_next_line_that_passes_tells_how_many_did_not(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr("services.chassis.logs.time.monotonic", lambda: now[0])
    for _ in range(6):
        logging.getLogger("aiokafka.conn").error(f"Connect attempt {now[0]} failed")  # noqa: G004 - as the library writes it
        now[0] += 0.375
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(one["event"].split()[2], one.get("suppressed")) for one in told] == [
        ("100.0", None), ("100.375", None), ("101.125", 1), ("101.5", None),
    ]  # fmt: skip


def test_our_own_lines_all_pass_and_name_their_trace(lines: io.StringIO):
    with span("work", parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        for _ in range(5):
            structlog.stdlib.get_logger("services.chassis.relay").warning("relay stalled", seconds=5)
    structlog.stdlib.get_logger("services.chassis.relay").warning("relay stalled", seconds=5)
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [one.get("trace_id") for one in told] == ["0af7651916cd43dd8448eb211c80319c"] * 5 + [None]
