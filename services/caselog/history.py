"""A case's history: its own chain, joined with the call and file entries it cites, as of any moment."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.catalog import BY_TYPE, owned
from contracts.intake import ProposalSubmitted
from contracts.law.anchors import articles_of
from services.caselog.entry import read_payload, split
from services.chassis.reading import NotFound
from services.chassis.recorder import Datastore

OPENS_A_CASE: Final = owned("intake", ProposalSubmitted).type
KEBAB: Final = re.compile(r"\.([a-z0-9]+(?:-[a-z0-9]+)*)\.v[0-9]+$", re.ASCII)


class Told(BaseModel):
    """One entry of a history as it is told; times stand as their author wrote them, sealed text stays sealed."""

    model_config = ConfigDict(frozen=True)

    index: int
    seq: int
    id: UUID
    type: str
    name: str
    owner: str
    subject: UUID
    time: str
    recordedtime: str
    correlationid: UUID
    causationid: UUID | None
    actor: str
    actorrole: str
    lawrevision: str
    articles: tuple[str, ...]
    flag: str | None
    data: JsonValue
    hash: str
    cited: bool


class History(BaseModel):
    """One case as it is told."""

    model_config = ConfigDict(frozen=True)

    case: UUID
    entries: list[Told]


class Case(BaseModel):
    """One case of the list: how many entries its chain has, and the log index of the first and the last."""

    model_config = ConfigDict(frozen=True)

    case: UUID
    events: int
    first: int
    last: int


class Histories:
    """Reads the log, one tenant's at a time."""

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        named = Identifier(datastore.schema)
        select = SQL("SELECT idx, seq, subject, source, flag, leaf, line FROM {}.entry WHERE tenant = %(tenant)s").format(named)
        within = SQL(
            " AND (%(as_of)s::timestamptz IS NULL OR effective <= %(as_of)s)"
            " AND (%(known_at)s::timestamptz IS NULL OR recorded <= %(known_at)s) ORDER BY idx"
        )
        self.select_chain = select + SQL(" AND subject = %(subject)s") + within
        self.select_cited = select + SQL(" AND event_id = ANY(%(ids)s)") + within
        self.select_any = SQL("SELECT 1 FROM {}.entry WHERE tenant = %s AND subject = %s LIMIT 1").format(named)
        self.select_cases = SQL(
            'SELECT f.subject AS "case", l.seq AS events, f.idx AS first, l.idx AS last FROM {0}.entry f CROSS JOIN LATERAL'
            " (SELECT seq, idx FROM {0}.entry l WHERE l.tenant = f.tenant AND l.subject = f.subject ORDER BY seq DESC LIMIT 1) l"
            " WHERE f.tenant = %s AND f.seq = 1 AND f.type = %s ORDER BY f.idx"
        ).format(named)

    def history(self, subject: UUID, tenant: str, as_of: datetime | None = None, known_at: datetime | None = None) -> History:
        """Tell what took effect by `as_of` and was recorded by `known_at`, in log order; raises NotFound for no such chain.

        What the case cites comes before it: it was there when the case began, whichever partition the log read first.
        """
        asked: dict[str, object] = {"tenant": tenant, "subject": subject, "as_of": as_of, "known_at": known_at}
        with self.datastore.get_connection() as connection:
            chain = [tell(row, cited=False) for row in connection.execute(self.select_chain, asked).fetchall()]
            if not chain and connection.execute(self.select_any, (tenant, subject)).fetchone() is None:
                raise NotFound("case", subject)
            asked["ids"] = [cited for one in chain for cited in citations(one)]
            cited = connection.execute(self.select_cited, asked).fetchall() if asked["ids"] else []
        return History(case=subject, entries=[*(tell(row, cited=True) for row in cited), *chain])

    def cases(self, tenant: str) -> list[Case]:
        """List the cases of a tenant in the order in which they began."""
        with self.datastore.get_connection() as connection:
            return [Case(**row) for row in connection.execute(self.select_cases, (tenant, OPENS_A_CASE)).fetchall()]


def tell(row: Mapping[str, Any], *, cited: bool) -> Told:
    """Read one row from its line, which alone is hashed."""
    line = bytes(row["line"])
    head, data = split(line)
    kind, time = str(head["type"]), str(head["time"])
    return Told(
        index=row["idx"],
        seq=row["seq"],
        id=UUID(str(head["id"])),
        type=kind,
        name=name_of(kind),
        owner=row["source"],
        subject=row["subject"],
        time=time,
        recordedtime=str(head["recordedtime"]),
        correlationid=UUID(str(head["correlationid"])),
        causationid=UUID(str(head["causationid"])) if "causationid" in head else None,
        actor=str(head["actor"]),
        actorrole=str(head["actorrole"]),
        lawrevision=str(head["lawrevision"]),
        articles=articles_of(kind, datetime.fromisoformat(time).date()),
        flag=row["flag"],
        data=read_payload(data),
        hash=bytes(row["leaf"]).hex(),
        cited=cited,
    )


def citations(told: Told) -> tuple[UUID, ...]:
    """Give the ids of the call and file events that a proposal rests on."""
    if told.type != OPENS_A_CASE or told.flag is not None or not isinstance(told.data, dict):
        return ()
    return UUID(str(told.data["call_event"])), UUID(str(told.data["file_event"]))


def name_of(kind: str) -> str:
    """Give the event's name, e.g. `FeePaid`; of an unknown type what its author would call it, else the type as it is."""
    entry = BY_TYPE.get(kind)
    if entry is not None:
        return entry.model.__name__
    found = KEBAB.search(kind)
    return "".join(part.capitalize() for part in found[1].split("-")) if found else kind
