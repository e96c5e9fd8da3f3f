"""DuckDB shut into one private folder: no network, no extensions, no other file, no home directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

THREADS = 2
MEMORY_LIMIT = "1GB"


class EngineFailed(Exception):
    """The engine stopped; its own message is withheld because it may quote residents' data."""

    def __init__(self, error: duckdb.Error) -> None:
        super().__init__(f"the processing engine stopped: {type(error).__name__}")


@contextmanager
def opened_engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine that can read and write below `folder` and nowhere else; raises EngineFailed for every fault of its own."""
    home = str(folder.resolve())
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": MEMORY_LIMIT,
        "preserve_insertion_order": "true",
        "temp_directory": f"{home}/spill",
        "temp_file_encryption": "true",
        "home_directory": home,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_persistent_secrets": "false",
    }
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute(f"SET allowed_directories = [{literal(home)}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
    except duckdb.Error as error:
        raise EngineFailed(error) from None


def quoted(name: str) -> str:
    """Write a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a path of our own making as an SQL literal; values of the file are always bound instead."""
    return "'" + text.replace("'", "''") + "'"


def integers(connection: duckdb.DuckDBPyConnection, query: str, parameters: object = None) -> tuple[int, ...]:
    """Give the one row of counts that a query answers; an absent count (of no rows) is 0."""
    row = connection.execute(query, parameters).fetchone()
    return tuple(int(value or 0) for value in row or ())
