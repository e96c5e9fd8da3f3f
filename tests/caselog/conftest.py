"""Voices of the four owners, who write records as their relays would, and the case log that reads them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import psycopg
import pytest

from contracts.catalog import BY_MODEL
from contracts.envelope import Envelope, to_headers
from contracts.topics import OWNERS, owner_topic, partition_of
from services.caselog.history import Histories
from services.caselog.listener import CaseLogListener
from services.caselog.missing import MissingList
from services.caselog.service import STORE
from services.chassis.dead_letters import Letter
from services.chassis.inbox import Inbox
from services.chassis.received import RawRecord, Received
from services.chassis.recorder import Datastore

NAMESPACE = UUID("018f0000-0000-7000-8000-000000000000")
BEGIN = datetime(2026, 11, 1, 3, tzinfo=UTC)


@dataclass
class Owner:
    """One service's side of the story."""

    name: str
    position: int = 0
    last: dict[int, int] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    said: dict[int, list[Received]] = field(default_factory=dict)


class Story:
    """A causally valid history over four stores, told one event at a time."""

    def __init__(self) -> None:
        self.owners = {name: Owner(name) for name in OWNERS}
        self.told: list[Received] = []
        self.numbers = itertools.count(1)

    def hear(self, listener: str, owner: str, partition: int, upto: int | None = None) -> None:
        """Let one owner take in what another said on a partition."""
        said = self.owners[owner].said.get(partition, [])
        if said:
            self.owners[listener].heard[f"{owner}/{partition}"] = upto or said[-1].envelope.position

    def say(self, owner, subject, *, event=None, kind="jp.anken.test.noted.v1", value=b'{"n":1}', partition=None, cause=None, **attributes):
        """Let an owner say something about a subject; `event` is a contract event, or give `kind` and `value`."""
        teller = self.owners[owner]
        number = next(self.numbers)
        if event is not None:
            kind, value = BY_MODEL[owner, type(event)].type, event.model_dump_json().encode()
        partition = partition_of(str(subject)) if partition is None else partition
        teller.position += 1 + number % 3
        known = sorted((source.split("/")[0], at) for source, at in teller.heard.items() if source.endswith(f"/{partition}"))
        given = {
            "id": uuid5(NAMESPACE, f"{owner} {number}"),
            "source": f"/anken/{owner}",
            "type": kind,
            "subject": str(subject),
            "time": BEGIN + timedelta(hours=number),
            "recordedtime": BEGIN + timedelta(hours=number, seconds=1),
            "dataschema": f"urn:anken:schema:{owner}:test:v1",
            "tenantid": "city",
            "correlationid": uuid5(NAMESPACE, str(subject)),
            "causationid": cause,
            "after": " ".join(f"{name}={at}" for name, at in known),
            "actor": "s-1",
            "actorrole": "coordinator",
            "lawrevision": "rev-1",
            "position": teller.position,
            "previousposition": teller.last.get(partition),
        }
        envelope = Envelope.model_validate(given | attributes)
        raw = RawRecord(owner_topic(owner), partition, number, envelope.subject.encode(), value, to_headers(envelope))
        received = Received(envelope, value, raw)
        teller.last[partition] = teller.position
        teller.said.setdefault(partition, []).append(received)
        self.told.append(received)
        return received


@pytest.fixture
def story():
    return Story()


@pytest.fixture(scope="session")
def new_story():
    """Make a story where hypothesis needs a fresh one per example."""
    return Story


class Graveyard:
    """Dead letters as the tests read them."""

    def __init__(self) -> None:
        self.buried: list[tuple[str, int, str]] = []

    def tell(self, letters: Sequence[Letter]) -> None:
        """Remember where the records came from, and the reasons."""
        self.buried += [(letter.raw.source, letter.raw.offset, letter.reason) for letter in letters]


class Log:
    """The case log over a database of its own, reading through its real inbox."""

    def __init__(self, database) -> None:
        self.database = database
        self.datastore = Datastore(database.url(), STORE.schema, STORE.role)
        self.graveyard = Graveyard()
        self.listener = CaseLogListener(self.datastore, self.graveyard)
        self.inbox = Inbox(self.listener)
        self.histories = Histories(self.datastore)
        self.missing = MissingList(self.datastore)

    def read(self, *received: Received) -> None:
        """Read records as one batch off the topics."""
        self.inbox.handle([one.raw for one in received])

    def query(self, statement: str, *given: object) -> list[tuple]:
        """Ask the database as its owner."""
        with psycopg.connect(self.database.url(), autocommit=True) as connection:
            return connection.execute(statement, given).fetchall()


@pytest.fixture
def log(database):
    reading = Log(database)
    yield reading
    reading.datastore.close()
