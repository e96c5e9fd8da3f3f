"""Structured logging: one JSON object a line, with no payload and no value that failed a check."""

import logging
import sys
import time
from collections import defaultdict
from types import TracebackType
from typing import TextIO

import structlog
from aiokafka.errors import KafkaError as AiokafkaError
from eventsourcing.persistence import PersistenceError
from kafka.errors import KafkaError
from psycopg import OperationalError
from psycopg.errors import InsufficientPrivilege
from pydantic import ValidationError
from structlog.typing import EventDict, WrappedLogger

from contracts.envelope import Undecodable
from services.chassis.events import Refused

# Errors of servers and of ours whose messages hold addresses, names and ids, never what was typed.
TELLING = (OSError, OperationalError, InsufficientPrivilege, PersistenceError, KafkaError, AiokafkaError, Undecodable, Refused)
LONGEST_MESSAGE = 500
REPEATS_A_SECOND = 2


def configure_logs(service: str, level: str, stream: TextIO = sys.stdout) -> None:
    """Send structlog and the standard library's loggers as JSON lines to `stream`, at and above `level`."""

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    shared: list[structlog.typing.Processor] = [
        name_service,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_exception,
    ]
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("kafka", "faststream", "uvicorn.access", "psycopg.pool"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # aiokafka writes some 40 errors a second while its broker is away (kafka.md section 3)
    for name in ("aiokafka", "aiokafka.consumer.group_coordinator", "aiokafka.client", "aiokafka.cluster", "aiokafka.conn"):
        logging.getLogger(name).addFilter(RateLimit())


class RateLimit(logging.Filter):
    """Lets a message template through twice a second and drops its repeats."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[float]] = defaultdict(list)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether this record may pass."""
        now = time.monotonic()
        recent = [moment for moment in self.seen[str(record.msg)] if now - moment < 1]
        self.seen[str(record.msg)] = [*recent, now][-REPEATS_A_SECOND - 1 :]
        return len(recent) < REPEATS_A_SECOND


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
