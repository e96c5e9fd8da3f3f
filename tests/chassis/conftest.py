"""A desk over a real database, for the chassis's own room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.chassis.actor import Acting
from services.chassis.clock import BusinessClock
from services.chassis.desk import Desk
from services.chassis.keyring import make_key_file
from services.chassis.room import make_desk
from services.chassis.settings import Settings, settings_for
from tests.chassis.rooms import ROOM
from tests.conftest import Database

CASHIER = Acting("cashier-1", "finance", "minatono")


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    key_file = tmp_path / "keyring.key"
    make_key_file(key_file)
    return settings_for("intake", database_url=database.url("anken_intake"), key_file=key_file)


@pytest.fixture
def make(settings: Settings) -> Iterator[Callable[[], Desk]]:
    """Makes desks over the same store, as several replicas would."""
    closing = []

    def one() -> Desk:
        desk, _, close = make_desk(ROOM, settings, BusinessClock())
        closing.append(close)
        return desk

    yield one
    for close in closing:
        close()


@pytest.fixture
def desk(make: Callable[[], Desk]) -> Desk:
    return make()
