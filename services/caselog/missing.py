"""What waits for what: the waiting records of a tenant, each with the places and events it is missing."""

from typing import Final
from uuid import UUID

from psycopg.sql import SQL, Identifier
from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.caselog.admission import lacking
from services.caselog.history import name_of
from services.caselog.ledger import Ledger
from services.caselog.waiting import WaitingRoom, arrival_of
from services.chassis.recorder import Datastore

LONGEST_LIST: Final = 500


class Missing(BaseModel):
    """One waiting record: where it came from, what it is, since when it waits, and for what."""

    model_config = ConfigDict(frozen=True)

    source: str
    position: int
    id: UUID
    name: str
    subject: str
    since: AwareDatetime
    waits_for: tuple[str, ...]


class MissingList:
    """Reads the waiting room, one tenant's records at a time."""

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        self.ledger = Ledger(datastore.schema)
        self.room = WaitingRoom(datastore.schema)
        self.select = SQL(
            "SELECT source, attributes, flag, rest, since FROM {}.waiting WHERE tenant = %s ORDER BY source, position LIMIT %s"
        ).format(Identifier(datastore.schema))

    def of(self, tenant: str) -> list[Missing]:
        """List the first waiting records of a tenant by source and position."""
        with self.datastore.transaction() as cursor:
            rows = cursor.execute(self.select, (tenant, LONGEST_LIST)).fetchall()
            arrivals = [(arrival_of(row), row["since"]) for row in rows]
            places = self.room.places(cursor)
            known = self.ledger.known(cursor, {one.envelope.causationid for one, _ in arrivals if one.envelope.causationid is not None})
        return [
            Missing(
                source=arrival.source,
                position=arrival.position,
                id=arrival.envelope.id,
                name=name_of(arrival.envelope.type),
                subject=arrival.envelope.subject,
                since=since,
                waits_for=tuple(lacking(arrival, places, known)),
            )
            for arrival, since in arrivals
        ]
