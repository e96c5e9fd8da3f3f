"""Rounds in which a work and its limit take turns, so that both see the same machine; medians of them, and the last line."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

import structlog

Size = Literal["full", "small"]
Bench = Callable[[int, Size], str]  # rounds and size in; prints its table, gives its last line


@dataclass(frozen=True, slots=True)
class Measure:
    """One column of the table: `run` does a round of work and gives its rate (events or commands a second)."""

    name: str
    run: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A column's rates, one for each round."""

    name: str
    rates: tuple[float, ...]

    @property
    def median(self) -> float:
        """The rate a round has in the middle."""
        return median(self.rates)


def alternate(rounds: int, *measures: Measure) -> list[Measured]:
    """Run every measure once a round, in turn, after a round that only warms up; prints the table as it grows."""
    print("round   " + "".join(f"{one.name:>22}" for one in measures))
    table: list[list[float]] = []
    for number in range(rounds + 1):
        rates = [one.run() for one in measures]
        print(f"{number or 'warm-up':<8}" + "".join(f"{rate:22,.0f}" for rate in rates), flush=True)
        if number:
            table.append(rates)
    measured = [Measured(one.name, rates) for one, rates in zip(measures, zip(*table, strict=True), strict=True)]
    print("median  " + "".join(f"{one.median:22,.0f}" for one in measured), flush=True)
    return measured


def last_line(name: str, value: float, limit: float, **more: float) -> str:
    """Write the line that is read by machines: `NAME ratio=… value=… limit=…`, then what else was measured."""
    figures = {"ratio": value / limit, "value": value, "limit": limit, **more}
    return " ".join([name, *(f"{key}={rounded(figure)}" for key, figure in figures.items())])


def rounded(figure: float) -> str:
    """Write a figure with three digits or more, and no more after the point than that needs."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.3f}"


def quiet() -> None:
    """Log warnings only, as plain lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for name in ("aiokafka", "faststream", "kafka"):  # a topic that was just made is told of by every partition
        logging.getLogger(name).setLevel(logging.CRITICAL)
