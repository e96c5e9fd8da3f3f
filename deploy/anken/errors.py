"""What a verb of the command may end with: one readable line."""

from typing import Final

SERVERS: Final = frozenset({"httpx", "kafka", "psycopg"})


class Failed(Exception):
    """The verb could not do what was asked; the message is the one line its user reads."""


def readable(error: Exception) -> str | None:
    """Give the one line for an error of the world around us (a file, a server that cannot be reached); None for a defect of ours."""
    library = type(error).__module__.partition(".")[0]
    if not isinstance(error, OSError) and library not in SERVERS:
        return None
    line = next(iter(str(error).splitlines()), "")
    return line if isinstance(error, OSError) and line else f"{library}: {line or type(error).__name__}"
