"""The connection of its own through which a service appends: its statements are prepared once and sent without a cursor.

A cursor costs a statement of ten parameters 100 to 180 µs, bare libpq 35. Nothing else may use this connection: psycopg
forgets prepared statements where it sees a transaction end.
"""

from collections.abc import Sequence
from struct import Struct, iter_unpack
from typing import Final

from psycopg import Connection, OperationalError
from psycopg.adapt import Dumper
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.rows import DictRow, tuple_row
from psycopg.sql import SQL, Identifier

from services.chassis.append_requests import Stored
from services.chassis.append_rows import AppendRow, HeardKeys, group_parameters, lone_parameters

LONE: Final = b"append_one"
GROUP: Final = b"append"
PLANS: Final = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"  # what `append_one` leaves to its connection
TEN: Final = (Format.BINARY,) * 10
FOUR: Final = (Format.BINARY,) * 4
ARRAY_HEAD: Final = 20

unpack_bigint: Final = Struct("!q").unpack


class AppendStatements:
    """The statements of one store, as texts made once: a composed statement is written out again at each execution."""

    def __init__(self, schema: str) -> None:
        named = Identifier(schema)
        self.lone = SQL("SELECT {}.append_one($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)").format(named).as_bytes()
        self.group = SQL("SELECT place, late FROM {}.append($1, $2, $3, $4)").format(named).as_bytes()
        self.shared = (
            SQL("SELECT place, late FROM {0}.append(%b::{0}.appending[], %b::int2[], %b::text[], %b::int4)").format(named).as_string()
        )
        self.row_type = SQL("SELECT %s::regtype::oid"), (SQL("{}.appending").format(named).as_string(),)
        self._known_row_type: int | None = None

    def row_type_in(self, connection: Connection[DictRow]) -> int:
        """Give the number of the store's type of row, which stands in each array of them."""
        if self._known_row_type is None:
            with connection.cursor(row_factory=tuple_row) as cursor:
                ((self._known_row_type,),) = cursor.execute(*self.row_type).fetchall()
        return self._known_row_type


class AppendConnection:
    """An open connection with its statements prepared; every call is a transaction of its own."""

    def __init__(self, connection: Connection[DictRow], statements: AppendStatements, keys: HeardKeys) -> None:
        self._connection, self._keys = connection, keys
        self._row_type = statements.row_type_in(connection)
        for name, text in ((LONE, statements.lone), (GROUP, statements.group)):
            self._checked(connection.pgconn.prepare(name, text), ExecStatus.COMMAND_OK)

    def append_one(self, row: AppendRow) -> int | None:
        """Append one event; gives its place, None if its version is taken."""
        result = self._run(LONE, lone_parameters(row, self._keys), TEN)
        place = result.get_value(0, 0)
        return None if place is None else unpack_bigint(place)[0]

    def append(self, rows: Sequence[AppendRow]) -> Stored:
        """Append events; gives the place of the first, the others follow it, or which of them are late."""
        result = self._run(GROUP, group_parameters(rows, self._row_type, self._keys), FOUR)
        place, late = result.get_value(0, 0), result.get_value(0, 1)
        if place is not None:
            return unpack_bigint(place)[0], None
        return None, [nth for _, nth in iter_unpack("!ii", (late or b"")[ARRAY_HEAD:])]

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _run(self, name: bytes, parameters: Sequence[bytes | None], formats: Sequence[int]) -> PGresult:
        result = self._connection.pgconn.exec_prepared(name, parameters, formats, Format.BINARY)  # type: ignore[arg-type]  # None is NULL, as in exec_params
        return self._checked(result, ExecStatus.TUPLES_OK)

    def _checked(self, result: PGresult, wanted: ExecStatus) -> PGresult:
        if result.status == wanted:
            return result
        if result.error_field(DiagnosticField.SQLSTATE) is None:  # libpq's own word for a connection that is lost
            raise OperationalError(result.get_error_message())
        raise error_from_result(result)


class Binary(bytes):
    """A parameter that is written already."""


class BinaryDumper(Dumper):
    """Hands a written parameter on."""

    format = Format.BINARY

    def dump(self, obj: Binary) -> Binary:
        """Give what was written."""
        return obj


def append_within(connection: Connection[DictRow], statements: AppendStatements, keys: HeardKeys, rows: Sequence[AppendRow]) -> Stored:
    """Append events in the caller's transaction, by psycopg's own ways."""
    parameters = group_parameters(rows, statements.row_type_in(connection), keys)
    with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        cursor.adapters.register_dumper(Binary, BinaryDumper)
        ((place, late),) = cursor.execute(statements.shared, [Binary(one) for one in parameters], prepare=True).fetchall()
    return place, late
