"""The draw by which an extract never holds more people than were decided: which of the source's records are taken (Art. 112(2)(iii))."""

import hashlib
import hmac
from typing import Final

import duckdb

from services.anonymizer import ordering
from services.anonymizer.specification import Specification

PURPOSE: Final = b"anken: drawing of records"
# What a record holds and its number among equal records: the draw depends on neither its line nor its neighbours, and people
# whose records are equal are still drawn one by one.
LOT: Final = ordering.keyed("content || ' ' || occurrence")


def drawing_key(key: bytes) -> bytes:
    """Derive the key of the draw from the case's, so that being drawn tells nothing about the place in the extract."""
    return hmac.new(key, PURPOSE, hashlib.sha256).digest()


def draw_people(connection: duckdb.DuckDBPyConnection, specification: Specification, key: bytes, *, accepted: int, people: int) -> None:
    """Leave exactly `people` of the `accepted` records in the table `source`, or all of them if there are fewer.

    They are a simple random sample by the case's key; equal records in any order and an equal key give an equal sample.
    """
    if accepted <= people:
        return
    cells = ", ".join(f"c{place}" for place in range(len(specification.header)))
    connection.execute(
        "DELETE FROM source WHERE record IN (SELECT record FROM ("  # noqa: S608 - names of ours
        "SELECT record, content, row_number() OVER (PARTITION BY content ORDER BY record) AS occurrence "
        f"FROM (SELECT record, sha256(CAST(to_json([{cells}]) AS VARCHAR)) AS content FROM source)) "
        f"ORDER BY {LOT}, record OFFSET $people)",
        {**ordering.order_parameters(drawing_key(key)), "people": people},
    )
