"""Calls: V06 window, V07 beforehand, V08 flagged files of one body; opened and closed by dates."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.events import Refused
from services.intake.call import CALL, Call, CalledFile, CloseCall, NoticeCall, OpenCall, call_subject, close_window, notice, open_window
from services.intake.due import CLOSES, DUE, OPENS
from services.intake.events import CallClosed, CallNoticed, CallOpened

FILE_ID = UUID(int=1)
STARTS = date(2026, 7, 1)
ENDS = date(2026, 8, 31)


FLAGGED = (CalledFile(file=FILE_ID, body="mayor", flagged=True),)


def noticing(starts=STARTS, ends=ENDS, noticed=date(2026, 6, 25), files=FLAGGED):
    return NoticeCall(number="R8-01", body="mayor", noticed=noticed, starts=starts, ends=ends, files=tuple(files), min_days=30)


def noticed() -> Call:
    return CALL.fold(notice(CALL.initial, noticing()))


@pytest.mark.parametrize(("days", "allowed"), [(1, False), (29, False), (30, True), (31, True), (62, True)])
def test_the_window_has_thirty_days_both_ends_included(days, allowed):
    command = noticing(ends=STARTS + timedelta(days=days - 1))
    if allowed:
        assert [type(event) for event in notice(CALL.initial, command)] == [CallNoticed]
    else:
        with pytest.raises(Refused) as refused:
            list(notice(CALL.initial, command))
        assert (refused.value.rule, refused.value.field) == ("V06", "ends")


@pytest.mark.parametrize(("noticed_on", "allowed"), [(date(2026, 6, 30), True), (STARTS, True), (date(2026, 7, 2), False)])
def test_a_call_is_noticed_no_later_than_its_first_day(noticed_on, allowed):
    if allowed:
        assert len(list(notice(CALL.initial, noticing(noticed=noticed_on)))) == 1
    else:
        with pytest.raises(Refused) as refused:
            list(notice(CALL.initial, noticing(noticed=noticed_on)))
        assert (refused.value.rule, refused.value.field) == ("V07", "starts")


@pytest.mark.parametrize(
    "called", [CalledFile(file=FILE_ID, body="mayor", flagged=False), CalledFile(file=FILE_ID, body="water", flagged=True)]
)
def test_a_call_lists_only_flagged_files_of_its_body(called):
    with pytest.raises(Refused) as refused:
        list(notice(CALL.initial, noticing(files=(called,))))
    assert (refused.value.rule, refused.value.field) == ("V08", "files")


def test_a_call_lists_a_file():
    with pytest.raises(Refused) as refused:
        list(notice(CALL.initial, noticing(files=())))
    assert (refused.value.rule, refused.value.field) == ("111", "files")


def test_noticing_the_same_again_days_later_says_nothing_and_another_window_is_refused():
    assert list(notice(noticed(), noticing(noticed=date(2026, 7, 3)))) == []
    with pytest.raises(Refused) as refused:
        list(notice(noticed(), noticing(ends=date(2026, 9, 30))))
    assert (refused.value.rule, refused.value.field) == ("111", "number")


def test_one_tenant_has_one_call_of_a_number():
    assert call_subject("minatono", "R8-01") == call_subject("minatono", "R8-01")
    assert len({call_subject(tenant, number) for tenant in ("a", "b") for number in ("R8-01", "R8-02")}) == 4


@given(st.lists(st.tuples(st.sampled_from(["open", "close"]), st.integers(-3, 70)), max_size=8))
def test_whatever_dates_come_in_whatever_order_a_window_opens_once_and_then_closes_once(ticks):
    call, events = noticed(), []
    for what, offset in ticks:
        today = STARTS + timedelta(days=offset)
        try:
            new = list(open_window(call, OpenCall(today=today)) if what == "open" else close_window(call, CloseCall(today=today)))
        except Refused:
            assert today < STARTS or (what == "close" and today <= ENDS)
            continue
        events += new
        call = CALL.fold(new, call)
    assert events in ([], [CallOpened(starts=STARTS)], [CallOpened(starts=STARTS), CallClosed(ends=ENDS)])
    late = any(what == "close" and STARTS + timedelta(days=offset) > ENDS for what, offset in ticks)
    assert (call.status == "closed") == late


def test_a_call_nobody_noticed_neither_opens_nor_closes():
    for decided in (open_window(Call(), OpenCall(today=ENDS)), close_window(Call(), CloseCall(today=ENDS))):
        with pytest.raises(Refused):
            list(decided)


def test_a_notice_wakes_intake_on_the_first_day_and_after_the_last():
    (event,) = notice(CALL.initial, noticing())
    subject = call_subject("minatono", "R8-01")
    dates = {due.kind: due for due in DUE.set_by(event, subject)}
    assert {kind: due.on for kind, due in dates.items()} == {OPENS: STARTS, CLOSES: ENDS + timedelta(days=1)}
    opening, closing = (DUE.steps[kind](due, due.on) for kind, due in dates.items())
    opened = list(opening.decide(noticed(), opening.command))
    assert opened == [CallOpened(starts=STARTS)]
    assert list(closing.decide(CALL.fold(opened, noticed()), closing.command)) == [CallClosed(ends=ENDS)]


def test_window_events_took_effect_on_the_window_s_days():
    assert CallOpened(starts=STARTS).effective_on() == STARTS
    assert CallClosed(ends=ENDS).effective_on() == date(2026, 9, 1)
