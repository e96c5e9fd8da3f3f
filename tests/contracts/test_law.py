"""The law as dated data: nothing before the first revision, and the amounts as the Order and the Rule have them."""

from datetime import date, timedelta

import pytest

from contracts.law import NoLawInForce, law_on, schedule_on
from contracts.law.anchors import articles_of
from contracts.law.codes import codes_on

FIRST = date(2023, 4, 1)
FEE_PAID = "jp.anken.billing.fee-paid.v1"


def test_no_law_before_the_first_revision():
    with pytest.raises(NoLawInForce, match="2023-03-31"):
        law_on(FIRST - timedelta(days=1))


def test_no_fee_schedule_before_the_first_one():
    with pytest.raises(NoLawInForce, match="2023-03-31"):
        schedule_on(FIRST - timedelta(days=1), "mayor")


def test_the_first_revision_applies_from_its_first_day():
    assert law_on(FIRST) == law_on(date(2026, 11, 23))
    assert law_on(FIRST).in_force == FIRST


def test_numbers_come_with_their_article():
    constants = law_on(FIRST).constants
    assert (constants.min_principals_dataset.value, constants.min_principals_dataset.article) == (1000, "Rule 56")
    assert (constants.call_min_days.value, constants.call_min_days.article) == (30, "Rule 53(1)")
    assert (constants.entity_certificate_max_age_months.value, constants.bar_years.value) == (6, 2)


def test_a_new_proposal_is_judged_by_seven_criteria_and_reuse_by_five():
    assert law_on(FIRST).criteria == {"NEW": (1, 2, 3, 4, 5, 6, 7), "REUSE": (1, 4, 5, 6, 7)}


def test_the_orders_fee_for_eight_hours_is_52_600_yen():
    schedule = schedule_on(FIRST, "mayor")
    assert (schedule.base.amount, schedule.per_started_hour.amount, schedule.repeat_same_party.amount) == (21_000, 3_950, 12_600)
    assert schedule.base.amount + 8 * schedule.per_started_hour.amount == 52_600


def test_a_form_chooses_from_lists_that_hold_every_required_paper():
    codes = codes_on(FIRST)
    assert {*law_on(FIRST).attachments} <= {*codes.attachment_kinds}
    assert (codes.delivery_methods, codes.payment_methods) == (("download", "optical_disc"), ("bank_transfer", "payment_notice"))
    with pytest.raises(NoLawInForce, match="2023-03-31"):
        codes_on(FIRST - timedelta(days=1))


def test_articles_depend_on_the_day():
    assert articles_of(FEE_PAID, FIRST) == ("119",)
    assert articles_of(FEE_PAID, FIRST - timedelta(days=1)) == ()


def test_an_unknown_type_rests_on_no_article():
    assert articles_of("jp.anken.billing.fee-forgiven.v1", FIRST) == ()
