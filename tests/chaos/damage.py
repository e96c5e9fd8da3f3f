"""What a comparison finds: events that are gone, events that are there twice, events out of their order, and all else that differs."""

from dataclasses import dataclass, field
from typing import Final

QUOTED: Final = 12


@dataclass(slots=True)
class Damage:
    """Counts with a line for each finding, of which the first few are shown."""

    lost: int = 0
    doubled: int = 0
    misordered: int = 0
    differing: int = 0
    lines: list[str] = field(default_factory=list)

    def lose(self, what: str, count: int = 1) -> None:
        """Note events that ought to be there."""
        self.lost += count
        self.lines.append(f"lost: {what}")

    def double(self, what: str, count: int = 1) -> None:
        """Note events that are there more often than they happened."""
        self.doubled += count
        self.lines.append(f"doubled: {what}")

    def misorder(self, what: str, count: int = 1) -> None:
        """Note events that stand in another order than they happened in."""
        self.misordered += count
        self.lines.append(f"misordered: {what}")

    def differ(self, what: str, count: int = 1) -> None:
        """Note anything else that is not as it must be: a byte, a hash, a row, a dead letter."""
        self.differing += count
        self.lines.append(f"differs: {what}")

    @property
    def any(self) -> bool:
        """Tell whether anything was found."""
        return bool(self.lost or self.doubled or self.misordered or self.differing)

    def shown(self) -> str:
        """Give the first findings, a line each."""
        more = [f"and {len(self.lines) - QUOTED} more"] if len(self.lines) > QUOTED else []
        return "\n".join([*self.lines[:QUOTED], *more])
