"""Review's desk and routes without servers."""

from datetime import date

import pytest

from services.review.announce import announce
from services.review.api import router
from services.review.views import VIEWS
from tests.memory_desk import caller, clock_on, memory_desk


@pytest.fixture
def clock():
    return clock_on(date(2026, 9, 1))


@pytest.fixture
def desk(clock):
    return memory_desk("review", announce, VIEWS, clock, seals=True)


@pytest.fixture
def http(desk):
    return caller("review", router(desk))
