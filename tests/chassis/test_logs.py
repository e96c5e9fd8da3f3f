"""Log lines: one JSON object each, with no value that failed a check."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import BaseModel

from services.chassis.logs import RateLimit, configure_logs
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


def test_an_error_is_told_without_the_value_that_was_wrong(lines: io.StringIO):
    try:
        Aged.model_validate({"age": "髙橋花子"})
    except ValueError:
        structlog.stdlib.get_logger("x").exception("failed")
        logging.getLogger("library").exception("failed too")
    told = lines.getvalue()
    assert "髙橋" not in told
    assert [json.loads(line)["error_message"] for line in told.splitlines()] == ["age: int_parsing"] * 2


def test_a_chattering_library_is_let_through_twice_a_second():
    limit = RateLimit()
    record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "Unable connect to node %s", (1,), None)
    assert [limit.filter(record) for _ in range(40)].count(True) == 2
