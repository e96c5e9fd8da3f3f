"""Billing's desk and routes without servers."""

from datetime import date

import pytest

from services.billing.announce import announce
from services.billing.api import router
from services.billing.views import VIEWS
from tests.memory_desk import caller, clock_on, memory_desk


@pytest.fixture
def desk():
    return memory_desk("billing", announce, VIEWS, clock_on(date(2026, 11, 1)), seals=True)


@pytest.fixture
def http(desk):
    return caller("billing", router(desk))
