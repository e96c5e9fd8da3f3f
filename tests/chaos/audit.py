"""The audit after a round: reads what is new everywhere and compares it with the driver's ledger."""

import importlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.sql import SQL, Identifier

from anken.client import TENANT
from contracts.topics import OWNERS, dead_letter_topic
from services.chassis.recorded import RecordedMapper
from services.chassis.recorder import Datastore
from services.chassis.rows import Rows
from services.chassis.views import Row, Seen, View
from tests.chaos.comparison import LogBook, StoreBook, TopicBook, compare_effects, compare_history
from tests.chaos.damage import Damage
from tests.chaos.effects import AT_WILL, EFFECTS, HISTORIES
from tests.chaos.house import House
from tests.chaos.ledger import Ledger
from tests.chaos.reading import Stored, Topics, read_log, read_store

REFUSED_REACTION: Final = "chassis.ReactionRefused"
FILE_REGISTERED: Final = "intake.FileRegistered"
FILE_NOTED: Final = "anonymizer.FileNoted"
CALL_OPENED: Final = "call-opened"
CONSUMERS: Final = (*OWNERS, "caselog")
LEFT: Final = ("caselog.waiting", "caselog.left_out", *(f"{consumer}.dead_letter" for consumer in CONSUMERS))


class Views:
    """A fresh fold of one service's views over what its store holds."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.views: tuple[View, ...] = importlib.import_module(f"services.{owner}.service").ROOM.views
        self.mapper = RecordedMapper()
        self.rows: dict[str, dict[UUID, Row]] = {view.name: {} for view in self.views}

    def fold(self, stored: list[Stored]) -> None:
        """Go on with the next rows of the store."""
        for one in stored:
            recorded = self.mapper.to_domain_event(StoredEvent(one.stream, one.version, one.topic, bytes(one.state)))
            seen = Seen(recorded.event, recorded.subject, recorded.about.tenant, one.position)
            for view in self.views:
                row = view.fold(self.rows[view.name].get(one.subject, {}), seen)
                if row is not None:
                    self.rows[view.name][one.subject] = row

    def compare(self, rows: Rows, damage: Damage) -> None:
        """Compare with the rows that the service serves, which stand in the order of their subjects."""
        for view in self.views:
            served = rows.of(view.name, TENANT)
            folded = [self.rows[view.name][subject] for subject in sorted(self.rows[view.name])]
            if served != folded:
                wrong = sum(one != other for one, other in zip(served, folded, strict=False)) + abs(len(served) - len(folded))
                damage.differ(f"{self.owner}: {wrong} rows of the view {view.name} are not what the store's events fold to", wrong)


class Audit:
    """Goes on from round to round; a fresh one made at the end reads everything from the beginning.

    `firsts` says of a topic that was trimmed from which position on it was sent again.
    """

    def __init__(self, house: House, ledger: Ledger, firsts: Mapping[str, int] | None = None) -> None:
        self.house = house
        self.firsts = firsts or {}
        self.ledger = ledger
        self.stores = {owner: StoreBook(owner) for owner in OWNERS}
        self.topics = {owner: TopicBook(owner) for owner in OWNERS}
        self.views = {owner: Views(owner) for owner in OWNERS}
        self.effects: Mapping[UUID, Counter[str]] = defaultdict(Counter)
        self.log = LogBook()
        self.reader = Topics(house.kafka.bootstrap)
        self.registered: list[UUID] = []
        self.confirmed = 0
        self.judged = 0

    @property
    def events(self) -> int:
        """Events in all four stores."""
        return sum(store.last for store in self.stores.values())

    def compare(self, damage: Damage, *, trimmed: frozenset[str] = frozenset()) -> None:
        """Compare everything that is new; `trimmed` names the owners whose topics have been cut off meanwhile."""
        told = self.ledger.since(self.confirmed)
        self.confirmed += len(told)
        with psycopg.connect(self.house.database_url()) as connection:
            for owner, store in self.stores.items():
                rows = read_store(connection, owner, store.last)
                store.compare(rows, damage)
                store.confirm([one for one in told if one.service == owner], damage)
                self.views[owner].fold(rows)
                for row in rows:
                    self.effects[row.subject][row.topic] += 1
                    if row.topic == FILE_REGISTERED:
                        self.registered.append(row.subject)
                    if row.topic == REFUSED_REACTION:
                        damage.differ(f"{owner} {row.position}: a reaction was refused")
            self.log.compare(self.stores, read_log(connection, self.log.size - 1), damage)
            self._nothing_left(connection, damage)
        for owner, first in self.firsts.items():
            self.topics[owner].begin(self.stores[owner], first)
        for owner, topic in self.topics.items():
            topic.compare(self.stores[owner], self.reader.read(owner), damage, trimmed=owner in trimmed)
        self._cases(damage)
        self._files(damage)
        self._views(damage)
        letters = self.reader.count([dead_letter_topic(consumer) for consumer in CONSUMERS])
        if letters:
            damage.differ(f"{letters} dead letters", letters)

    def _nothing_left(self, connection: psycopg.Connection[Any], damage: Damage) -> None:
        for table in LEFT:
            (count,) = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(*table.split(".")))).fetchone() or (0,)
            if count:
                damage.differ(f"{count} rows in {table}", count)

    def _cases(self, damage: Damage) -> None:
        for played in self.ledger.played[self.judged :]:
            compare_history(played.case, self.log.histories.get(played.case, []), HISTORIES[played.kind], damage)
            compare_effects(played.case, self.effects[played.case], EFFECTS[played.kind], AT_WILL, damage)
            opened = self.log.histories.get(played.call, []).count(CALL_OPENED)
            if opened != 1:
                damage.differ(f"case {played.case}: its call was opened {opened} times")
        self.judged = len(self.ledger.played)

    def _files(self, damage: Damage) -> None:
        for file in self.registered:
            noted = self.effects[file][FILE_NOTED]
            if noted == 0:
                damage.lose(f"file {file}: the anonymizer has not noted it")
            elif noted > 1:
                damage.double(f"file {file}: the anonymizer has noted it {noted} times", noted - 1)
        self.registered.clear()

    def _views(self, damage: Damage) -> None:
        for owner, views in self.views.items():
            datastore = Datastore(self.house.database_url(f"anken_{owner}"), owner, f"anken_{owner}")
            try:
                views.compare(Rows(datastore), damage)
            finally:
                datastore.close()
