"""Group append: requests that arrive together share one transaction, so that one wait for the disk serves them all."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

R = TypeVar("R")
A = TypeVar("A")

MOST_REQUESTS: Final = 64


@dataclass(slots=True, eq=False)
class _Asked(Generic[R, A]):
    """A request that waits: for its answer, or for its turn to carry out what has come meanwhile."""

    request: R
    answered: bool = False
    answer: "A | BaseException | None" = None
    woken: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class GroupAppend(Generic[R, A]):
    """Whoever has the turn carries out what all have asked for meanwhile; nobody waits for a timer, nor for those who only take an answer.

    `carry_out` takes the requests in order and gives each its answer, an exception where it failed alone. What it raises
    itself fails every request of the group.
    """

    carry_out: "Callable[[Sequence[R]], Sequence[A | BaseException]]"
    _gate: threading.Lock = field(default_factory=threading.Lock)
    _asked: "list[_Asked[R, A]]" = field(default_factory=list)
    _taken: bool = False

    def ask(self, request: R) -> A:
        """Have one request carried out, alone or with others; raises what it or its group met."""
        mine: _Asked[R, A] = _Asked(request)
        mine.woken.acquire()
        with self._gate:
            self._asked.append(mine)
            waits, self._taken = self._taken, True
        if waits:
            mine.woken.acquire()  # until somebody has answered, or gives the turn on
        if not mine.answered:
            self._lead()
        if isinstance(mine.answer, BaseException):
            raise mine.answer
        return mine.answer  # type: ignore[return-value]  # answered, and no exception

    def _lead(self) -> None:
        """Carry out one group, its first request being the leader's own, and give the turn on."""
        with self._gate:
            group, self._asked = self._asked[:MOST_REQUESTS], self._asked[MOST_REQUESTS:]
        answers: Sequence[A | BaseException] = [RuntimeError("the group's append was interrupted")] * len(group)
        try:
            answers = self.carry_out([one.request for one in group])
        except Exception as error:  # noqa: BLE001 - each of those who asked raises it where it waits
            answers = [error] * len(group)
        finally:
            with self._gate:
                self._taken = bool(self._asked)
                following = self._asked[:1]
            for one, answer in zip(group, answers, strict=True):
                one.answer, one.answered = answer, True
            for one in (*following, *group[1:]):
                one.woken.release()
