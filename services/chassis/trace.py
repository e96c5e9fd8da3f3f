"""W3C trace context: the journey a request began goes on through every event it led to."""

import re
import secrets
from typing import Final

TRACEPARENT: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def begun() -> str:
    """Begin a trace (W3C Trace Context, version 00, sampled)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def continued(traceparent: str | None) -> str:
    """Go on with the trace of a request or an event under a span of our own; what is missing or malformed begins a new one."""
    known = TRACEPARENT.fullmatch(traceparent or "")
    return f"00-{known[1]}-{secrets.token_hex(8)}-{known[2]}" if known else begun()
