"""The business clock that several processes share through a file."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from services.chassis.clock import JST, BusinessClock, clock_of
from services.chassis.events import Refused
from services.chassis.settings import settings_for

THEN = datetime(2026, 4, 1, 10, tzinfo=JST)
SOON = timedelta(seconds=30)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "clock"


def test_a_clock_set_by_one_process_is_every_others(file):
    mine, yours = BusinessClock(settable=True, file=file), BusinessClock(settable=True, file=file)
    assert abs(yours.now() - datetime.now(JST)) < SOON
    for moment in (THEN, THEN + timedelta(days=90), THEN - timedelta(days=1)):
        mine.set(moment)
        assert timedelta() <= yours.now() - moment < SOON


def test_the_clock_outlives_who_set_it(file):
    BusinessClock(settable=True, file=file).set(THEN)
    assert timedelta() <= BusinessClock(settable=True, file=file).now() - THEN < SOON
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_without_a_file_each_clock_is_its_own(file):
    BusinessClock(settable=True, file=file).set(THEN)
    assert abs(BusinessClock(settable=True).now() - datetime.now(JST)) < SOON


def test_outside_development_no_file_moves_the_clock(file):
    BusinessClock(settable=True, file=file).set(THEN)
    real = clock_of(settings_for("intake", clock_file=file))
    assert abs(real.now() - datetime.now(JST)) < SOON
    with pytest.raises(Refused):
        real.set(THEN)
    shared = clock_of(settings_for("intake", clock_file=file, development=True))
    assert timedelta() <= shared.now() - THEN < SOON
    with pytest.raises(ValueError, match="development"):
        BusinessClock(file=file)
