"""Group append: requests that arrive together share one transaction, so that one wait for the disk serves them all."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import Final, Generic, TypeVar

R = TypeVar("R")
A = TypeVar("A")

MOST_REQUESTS: Final = 64
MOMENT: Final = 0.00001  # seconds; a kernel makes some 60 µs of it, a fraction of the disk's wait


@dataclass(slots=True, eq=False)
class _Asked(Generic[R, A]):
    request: R
    waiting: threading.Lock = field(default_factory=threading.Lock)  # held until there is an answer, or the lead is handed over
    answered: bool = False
    answer: "A | BaseException | None" = None


@dataclass(slots=True)
class GroupAppend(Generic[R, A]):
    """Whoever leads carries out what all have asked for meanwhile and hands the lead on.

    Those of a group are answered together and may be back together. Whoever is first would go alone and the others wait for it, so
    that every second transaction had one request: after a group of several the lead waits while they keep coming. Who was alone
    the last time waits for nobody.

    `carry_out` takes the requests in order and gives each its answer, an exception where it failed alone. What it raises
    itself fails every request of the group.
    """

    carry_out: "Callable[[Sequence[R]], Sequence[A | BaseException]]"
    _gate: threading.Lock = field(default_factory=threading.Lock)
    _asked: "list[_Asked[R, A]]" = field(default_factory=list)
    _led: bool = False
    _latest: int = 1  # how many were in the group before

    def ask(self, request: R) -> A:
        """Have one request carried out, alone or with others; raises what it or its group met."""
        mine: _Asked[R, A] = _Asked(request)
        with self._gate:
            self._asked.append(mine)
            waits, self._led = self._led, True
            if waits:
                mine.waiting.acquire()
        if waits:
            mine.waiting.acquire()
        if not mine.answered:
            self._lead()
        if isinstance(mine.answer, BaseException):
            raise mine.answer
        return mine.answer  # type: ignore[return-value]  # answered, and no exception

    def _lead(self) -> None:
        self._let_come()
        with self._gate:
            group, self._asked = self._asked[:MOST_REQUESTS], self._asked[MOST_REQUESTS:]
            self._latest = len(group)
        try:
            self._answer(group)
        finally:
            with self._gate:
                following = self._asked[0] if self._asked else None
                self._led = following is not None
            # The next group first: the database is not to wait until all who were answered have had their turn in this process.
            if following is not None:
                following.waiting.release()
            for one in group[1:]:
                one.waiting.release()

    def _let_come(self) -> None:
        """Wait until as many have asked as last time, or a moment has passed in which nobody did."""
        before = 0
        while before < len(self._asked) < self._latest:
            before = len(self._asked)
            sleep(MOMENT)

    def _answer(self, group: "Sequence[_Asked[R, A]]") -> None:
        answers: Sequence[A | BaseException] = [RuntimeError("the group's append was interrupted")] * len(group)
        try:
            answers = self.carry_out([one.request for one in group])
        except Exception as error:  # noqa: BLE001 - each of those who asked raises it where it waits
            answers = [error] * len(group)
        finally:
            for one, answer in zip(group, answers, strict=True):
                one.answer, one.answered = answer, True
