"""The worked fees of the procedure, and that the formula holds for any estimate."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.law import NoLawInForce, schedule_on
from services.billing.schedule import fee_parts, started_hours

ORDER = schedule_on(date(2026, 11, 1), "minatono")


@pytest.mark.parametrize(
    ("minutes", "outsourcing", "yen"),
    [
        pytest.param(480, 0, 52_600, id="E1 in-house, exactly 8 h"),
        pytest.param(430, 0, 52_600, id="E2 in-house, 7 h 10 min"),
        pytest.param(420, 0, 48_650, id="E3 in-house, exactly 7 h"),
        pytest.param(30, 0, 24_950, id="E4 30 minutes"),
        pytest.param(300, 297_000, 337_750, id="E5 outsourced and 5 h own work"),
    ],
)
def test_worked_fees(minutes, outsourcing, yen):
    assert sum(part.amount for part in fee_parts(ORDER, minutes, outsourcing)) == yen


def test_the_parts_explain_the_fee():
    base, hours, outsourcing = fee_parts(ORDER, 300, 297_000)
    assert (base.what, base.quantity, base.amount, base.article) == ("base", 1, 21_000, "Order 31(1)")
    assert (hours.what, hours.quantity, hours.amount) == ("creation_hours", 5, 19_750)
    assert (outsourcing.what, outsourcing.quantity, outsourcing.amount) == ("outsourcing", 1, 297_000)


def test_what_does_not_occur_is_not_listed():
    assert [part.what for part in fee_parts(ORDER, 0, 0)] == ["base"]


@given(minutes=st.integers(0, 10**6), outsourcing=st.integers(0, 10**9))
def test_each_started_hour_counts_as_one(minutes, outsourcing):
    hours = started_hours(minutes)
    assert (hours - 1) * 60 < minutes <= hours * 60
    total = sum(part.amount for part in fee_parts(ORDER, minutes, outsourcing))
    assert total == ORDER.base.amount + hours * ORDER.per_started_hour.amount + outsourcing


def test_no_schedule_before_the_first():
    with pytest.raises(NoLawInForce):
        schedule_on(date(2023, 3, 31), "minatono")
