"""Requests that come together are carried out together: all of them, each once, in the order they came."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.chassis.group_append import MOST_REQUESTS, GroupAppend

PATIENCE_SECONDS = 20


class Store:
    """Notes the groups it is given; the first one takes until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.let_go = threading.Event()

    def carry_out(self, requests: Sequence[int]) -> list[int | BaseException]:
        self.groups.append(list(requests))
        if len(self.groups) == 1:
            assert self.let_go.wait(PATIENCE_SECONDS)
        if 13 in requests:
            raise ConnectionError("the store went away")
        return [ValueError(one) if one < 0 else one * 10 for one in requests]


def asked_together(group: GroupAppend[int, int], store: Store, requests: list[int]) -> list[int | BaseException]:
    """Ask for 0 and, while that is carried out, for the others in order; give their answers."""

    def answer(request: int) -> int | BaseException:
        try:
            return group.ask(request)
        except Exception as error:  # noqa: BLE001 - the answer is looked at
            return error

    with ThreadPoolExecutor(len(requests) + 1) as pool:
        first = pool.submit(answer, 0)
        asking = []
        for number, request in enumerate(requests):
            wait_for(lambda number=number: len(store.groups) == 1 and len(group._asked) == number)
            asking.append(pool.submit(answer, request))
        wait_for(lambda: len(group._asked) == len(requests))
        store.let_go.set()
        assert first.result() == 0
        return [one.result() for one in asking]


def wait_for(true) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_comes_while_a_group_is_carried_out_is_the_next_group():
    store = Store()
    assert asked_together(GroupAppend(store.carry_out), store, [1, 2, 3]) == [10, 20, 30]
    assert store.groups == [[0], [1, 2, 3]]


def test_one_that_fails_alone_fails_alone():
    store = Store()
    good, bad, other = asked_together(GroupAppend(store.carry_out), store, [1, -2, 3])
    assert (good, other) == (10, 30)
    assert isinstance(bad, ValueError)


def test_what_a_group_meets_is_raised_by_all_of_it_and_not_by_the_next():
    store = Store()
    group: GroupAppend[int, int] = GroupAppend(store.carry_out)
    assert {type(one) for one in asked_together(group, store, [1, 13, 3])} == {ConnectionError}
    assert group.ask(4) == 40


def test_a_group_has_a_largest_size_and_the_rest_is_the_group_after():
    store = Store()
    many = list(range(1, MOST_REQUESTS + 6))
    many.remove(13)
    assert asked_together(GroupAppend(store.carry_out), store, many) == [one * 10 for one in many]
    assert [len(one) for one in store.groups] == [1, MOST_REQUESTS, len(many) - MOST_REQUESTS]
    assert [one for group in store.groups for one in group] == [0, *many]


@pytest.mark.parametrize("writers", [2, 8])
def test_of_many_writers_everybody_is_answered_and_nothing_is_done_twice(writers: int):
    done: list[int] = []

    def carry_out(requests: Sequence[int]) -> list[int | BaseException]:
        done.extend(requests)
        return list(requests)

    group: GroupAppend[int, int] = GroupAppend(carry_out)
    with ThreadPoolExecutor(writers) as pool:
        asking = [pool.submit(lambda number=number: [group.ask(number * 1000 + turn) for turn in range(500)]) for number in range(writers)]
        for number, one in enumerate(asking):
            assert one.result(PATIENCE_SECONDS) == [number * 1000 + turn for turn in range(500)]
    assert len(done) == len(set(done)) == writers * 500


def test_after_a_group_of_several_the_lead_lets_those_come_who_were_answered_with_it(monkeypatch: pytest.MonkeyPatch):
    store = Store()
    group: GroupAppend[int, int] = GroupAppend(store.carry_out)
    coming = [4, 5, 6]
    with ThreadPoolExecutor(4) as pool:
        answers = []

        def another_comes(_: float) -> None:
            if coming:
                there = len(group._asked)
                answers.append(pool.submit(group.ask, coming.pop(0)))
                wait_for(lambda: len(group._asked) == there + 1)

        monkeypatch.setattr("services.chassis.group_append.sleep", another_comes)
        asked_together(group, store, [1, 2, 3])
        assert (group.ask(7), coming) == (70, [6]), "as many as before have come: enough"
        assert [one.result() for one in answers] == [40, 50]
        assert group.ask(8) == 80
        assert [one.result() for one in answers] == [40, 50, 60]
    assert store.groups == [[0], [1, 2, 3], [7, 4, 5], [8, 6]]
    assert group.ask(9) == 90
    assert group.ask(10) == 100
    assert store.groups[4:] == [[9], [10]]
