"""Structured logging: one JSON object a line, with no payload and no value that failed a check."""

import json
import logging
import sys
import time
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import TextIO

import structlog
from aiokafka.errors import KafkaError as AiokafkaError
from eventsourcing.persistence import PersistenceError
from kafka.errors import KafkaError
from psycopg import OperationalError
from psycopg.errors import InsufficientPrivilege
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json
from structlog.typing import EventDict, WrappedLogger

from contracts.envelope import Undecodable
from services.chassis import metrics
from services.chassis.events import Refused
from services.chassis.trace import trace_id

# Errors of servers and of ours whose messages hold addresses, names and ids, never what was typed.
TELLING = (OSError, OperationalError, InsufficientPrivilege, PersistenceError, KafkaError, AiokafkaError, Undecodable, Refused)
LONGEST_MESSAGE = 500
REPEATS_A_SECOND = 2
OWN = frozenset({"services", "anken"})


def configure_logs(service: str, level: str, stream: TextIO = sys.stdout) -> None:
    """Send structlog and the standard library's loggers as JSON lines to `stream`, at and above `level`."""

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    shared: list[structlog.typing.Processor] = [
        name_service,
        structlog.contextvars.merge_contextvars,
        name_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_exception,
    ]
    render = structlog.processors.JSONRenderer(serializer=write_json)
    structlog.configure(
        # Straight to the stream: by the standard library's loggers a line takes three times as long, and each request writes one.
        processors=[*shared, render],
        logger_factory=lambda *_: Lines(stream),
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(RateLimit())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, name_suppressed],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("kafka", "faststream", "uvicorn.access", "psycopg.pool"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def write_json(event: EventDict, **_: object) -> str:
    """Write a line's fields; what is no JSON as its `repr`, and text that is no UTF-8 (a file's name can be) escaped."""
    try:
        return to_json(event, fallback=repr).decode()
    except PydanticSerializationError:
        return json.dumps(event, default=repr)


class Lines:
    """Writes our own lines to a stream. Where that fails (a full disk, a pipe nobody reads) they are lost and the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def info(self, line: str) -> None:
        """Write one line of any level."""
        with suppress(OSError, ValueError):
            self.stream.write(f"{line}\n")
            self.stream.flush()

    debug = warning = error = critical = exception = info


class RateLimit(logging.Filter):
    """Lets a library say one thing twice a second; the next line that passes tells how many did not.

    While its broker is away aiokafka alone writes some 40 errors a second (kafka.md, section 3). The filter stands at the
    handler, because one on a logger does not see what that logger's children say. Our own lines all pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.passed: dict[tuple[str, str, int], list[float]] = {}
        self.suppressed: Counter[tuple[str, str, int]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether this record may pass."""
        library = record.name.partition(".")[0]
        if library in OWN:
            return True
        # The place in the code, not the text: a library that formats before it logs would fill the memory with texts.
        place = (record.name, record.pathname, record.lineno)
        now = time.monotonic()
        recent = [moment for moment in self.passed.get(place, ()) if now - moment < 1]
        if len(recent) >= REPEATS_A_SECOND:
            self.suppressed[place] += 1
            metrics.LOG_LINES_SUPPRESSED.labels(library).inc()
            return False
        self.passed[place] = [*recent, now]
        record.suppressed = self.suppressed.pop(place, 0)
        return True


def name_suppressed(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Say how many lines like this one were left out before it."""
    suppressed = getattr(event.get("_record"), "suppressed", 0)
    return {**event, "suppressed": suppressed} if suppressed else event


def name_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Say which trace a line belongs to."""
    trace = trace_id()
    return event if trace is None else {**event, "trace_id": trace}


def describe(error: BaseException) -> str:
    """Say what went wrong without the values that were wrong: pydantic's text repeats its input, and a ValueError may too."""
    if isinstance(error, ValidationError):
        found = error.errors(include_input=False, include_context=False, include_url=False)
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in found)[:LONGEST_MESSAGE]
    return str(error).splitlines()[0][:LONGEST_MESSAGE] if isinstance(error, TELLING) and str(error) else ""


def describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the error's type, safe message and places in the code."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if error is not None:
        event["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["error_message"] = describe(error)
        event["error_places"] = places(error.__traceback__)
    return event


def places(traceback: TracebackType | None) -> list[str]:
    """List the last frames as `module:line function`."""
    found: list[str] = []
    while traceback is not None:
        frame = traceback.tb_frame
        found.append(f"{frame.f_globals.get('__name__', '?')}:{traceback.tb_lineno} {frame.f_code.co_name}")
        traceback = traceback.tb_next
    return found[-8:]
