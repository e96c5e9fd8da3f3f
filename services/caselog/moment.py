"""A moment asked for: an RFC 3339 date or date and time; a date means the end of that business day."""

import re
from datetime import date, datetime, timedelta
from typing import Final

from services.chassis.clock import start_of
from services.chassis.events import Refused

DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
INSTANT: Final = timedelta(microseconds=1)


def moment(text: str | None, field: str) -> datetime | None:
    """Read a moment; a day ends with its last microsecond, JST. Raises Refused naming `field`."""
    if text is None:
        return None
    try:
        if DATE.fullmatch(text):
            return start_of(date.fromisoformat(text)) + (timedelta(days=1) - INSTANT)
        if DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        pass  # a month 13 and the like: refused below
    raise Refused("rfc3339", field, "neither a date such as 2026-11-23 nor a moment such as 2026-11-23T09:00:00+09:00")
