"""The driver's own ledger: what it was told, and by whom, while the faults struck. Nothing in it is read from the house's stores."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

Kind = Literal["conforming", "refused"]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One answer of a service that it has stored events: the last one's position and the names of all."""

    service: str
    subject: UUID
    position: int
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """One case that was played to its end, and the call it answers."""

    case: UUID
    call: UUID
    kind: Kind
    round: int


@dataclass(slots=True)
class Ledger:
    """Filled by the threads that play; `lost_answers` counts commands whose answer never came, `tries` all requests."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    played: list[Played] = field(default_factory=list)
    files: set[UUID] = field(default_factory=set)
    lost_answers: int = 0
    tries: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self, service: str, answer: Mapping[str, Any]) -> None:
        """Enter an answer; one without events says that the step had been taken before, by a request whose answer was lost."""
        if answer.get("position") is None:
            return
        entry = Acknowledged(service, UUID(answer["subject"]), int(answer["position"]), tuple(answer["events"]))
        with self._lock:
            self.acknowledged.append(entry)

    def finished(self, played: Played) -> None:
        """Enter a case whose last step was acknowledged."""
        with self._lock:
            self.played.append(played)

    def tried(self) -> None:
        """Count a request."""
        with self._lock:
            self.tries += 1

    def unanswered(self) -> None:
        """Count a command whose answer never came: it may have been carried out or not."""
        with self._lock:
            self.lost_answers += 1

    def problem(self, name: str) -> None:
        """Count a problem that a service answered with, by its kind."""
        with self._lock:
            self.problems[name] += 1

    def since(self, mark: int) -> Sequence[Acknowledged]:
        """Give the acknowledged steps from an earlier count of them on."""
        with self._lock:
            return self.acknowledged[mark:]
