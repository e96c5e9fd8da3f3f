"""Who takes in a round of `hop`, as a process: billing's inbox, recording or deciding, or a bare consumer that inserts the same rows."""

import asyncio
import time
from collections.abc import Collection, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import psycopg
from aiokafka import AIOKafkaConsumer

from services.billing.service import ROOM
from services.chassis.clock import BusinessClock
from services.chassis.consumer import MAX_RECORDS, Consumer
from services.chassis.dead_letters import KafkaDeadLetters, Letter
from services.chassis.inbox import Inbox, Listener, Portion
from services.chassis.inbox_store import InboxStore, Move
from services.chassis.listener import ReactingListener
from services.chassis.process import settle
from services.chassis.recorder import Datastore, Recorder
from services.chassis.room import make_desk
from services.chassis.settings import settings_for
from tests.bench.measure import quiet
from tests.bench.track import Track

LOOK_SECONDS: Final = 0.01
INSERT: Final = "INSERT INTO billing.recorded VALUES (%s, %s)"
INSERT_BARE: Final = "INSERT INTO billing.bare VALUES (%s, %s)"


class RecordingListener:
    """The simplest listener: keeps each record's id and value, in one transaction with the places read."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.store = InboxStore(recorder)

    def places(self, sources: Collection[str]) -> dict[str, int]:
        """Give the position taken last from each source."""
        return self.store.places_of(sources)

    def take(self, portions: Sequence[Portion]) -> None:
        """Keep all records of a batch."""
        rows = [(one.envelope.id, one.value) for portion in portions for one in portion.records]
        moves = {portion.source: Move(portion.since, portion.records[-1].envelope.position) for portion in portions}
        with self.recorder.datastore.get_connection() as connection, connection.transaction():
            self.store.places.move(connection, moves)
            connection.cursor().executemany(INSERT, rows)

    def bury(self, letters: Sequence[Letter]) -> None:
        """Fail: every record of the backlog can be read."""
        raise AssertionError([letter.reason for letter in letters])


class Counting:
    """Lets a listener work and tells when it has taken so many records."""

    def __init__(self, listener: Listener, wanted: int, told: Connection) -> None:
        self.listener = listener
        self.wanted = wanted
        self.told = told
        self.places = listener.places
        self.bury = listener.bury

    def take(self, portions: Sequence[Portion]) -> None:
        """Hand on and count."""
        self.listener.take(portions)
        self.wanted -= sum(len(portion.records) for portion in portions)
        if self.wanted == 0:
            self.told.send(time.monotonic())


def run_recording(track: Track, told: Connection) -> None:
    """Record what the inbox hears."""
    quiet()
    recorder = Recorder(Datastore(track.urls["billing"], "billing", "anken_billing"))
    asyncio.run(consume(track, RecordingListener(recorder), told))
    recorder.store.close()


def run_deciding(track: Track, told: Connection) -> None:
    """Let billing react: each cost estimate leads to a fee estimate, decided, announced and appended."""
    quiet()
    settings = settings_for("billing", database_url=track.urls["billing"], key_file=Path(track.key_file))
    desk, _, close = make_desk(ROOM, settings, BusinessClock())
    letters = KafkaDeadLetters(ROOM.name, track.bootstrap, track.prefix)
    asyncio.run(consume(track, ReactingListener(desk, ROOM.reactions, letters), told))
    close()


async def consume(track: Track, listener: Listener, told: Connection) -> None:
    """Run the service's own consumer until told to stop."""
    counting = Counting(listener, track.events, told)
    consumer = Consumer(Inbox(counting), group=f"{track.prefix}.billing", topics=[track.topic], bootstrap=track.bootstrap)
    settle()
    await consumer.start()
    while not consumer.assigned:  # noqa: ASYNC110 - a plain attribute, set by the rebalance
        await asyncio.sleep(LOOK_SECONDS)
    told.send("ready")
    await asyncio.to_thread(told.recv)
    await consumer.stop()


def run_bare(track: Track, told: Connection) -> None:
    """Consume with aiokafka alone and insert each batch by executemany."""
    quiet()
    asyncio.run(consume_bare(track, told))


async def consume_bare(track: Track, told: Connection) -> None:
    """Take batches as large as the inbox's, insert, commit the offsets."""
    connection = psycopg.connect(track.urls["billing"], autocommit=True)
    consumer = AIOKafkaConsumer(
        track.topic, bootstrap_servers=track.bootstrap, group_id=f"{track.prefix}.bare", enable_auto_commit=False,
        auto_offset_reset="earliest",
    )  # fmt: skip
    settle()
    await consumer.start()
    while not consumer.assignment():  # noqa: ASYNC110 - as above
        await asyncio.sleep(LOOK_SECONDS)
    told.send("ready")

    def insert(rows: list[tuple[str, bytes]]) -> None:
        with connection.transaction():
            connection.cursor().executemany(INSERT_BARE, rows)

    left = track.events
    while left:
        batch = await consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)
        records = [record for records in batch.values() for record in records]
        if records:
            await asyncio.to_thread(insert, [(dict(record.headers)["ce_id"].decode(), record.value) for record in records])
            await consumer.commit()
            left -= len(records)
    told.send(time.monotonic())
    await asyncio.to_thread(told.recv)
    await consumer.stop()
    connection.close()
