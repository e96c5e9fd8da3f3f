"""Intake's desk and routes without servers."""

from datetime import date

import pytest

from services.intake.announce import announce
from services.intake.api import router
from services.intake.views import VIEWS
from tests.memory_desk import caller, clock_on, memory_desk


@pytest.fixture
def clock():
    return clock_on(date(2026, 6, 25))


@pytest.fixture
def desk(clock):
    return memory_desk("intake", announce, VIEWS, clock, seals=True)


@pytest.fixture
def http(desk):
    return caller("intake", router(desk))
