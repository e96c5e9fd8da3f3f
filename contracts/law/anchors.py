"""The legal anchors: which articles an event type rests on, on a day."""

from datetime import date
from functools import cache
from importlib.resources import files

import yaml

from contracts.catalog import BY_TYPE
from contracts.law.book import LawValue


class Anchors(LawValue):
    """One list of anchors, from `in_force` until the next one; keys are `owner.EventName`."""

    in_force: date
    events: dict[str, tuple[str, ...]]


@cache
def anchors() -> tuple[Anchors, ...]:
    """Read the lists, oldest first."""
    document = yaml.safe_load(files("contracts.law").joinpath("anchors.yaml").read_text("utf-8"))
    return tuple(sorted((Anchors.model_validate(row) for row in document["anchors"]), key=lambda one: one.in_force))


def articles_of(kind: str, day: date) -> tuple[str, ...]:
    """Give the articles behind an event of CloudEvents type `kind` on `day`; none for a type or a day without an anchor."""
    entry = BY_TYPE.get(kind)
    applying = [one for one in anchors() if one.in_force <= day]
    if entry is None or not applying:
        return ()
    return applying[-1].events.get(f"{entry.owner}.{entry.model.__name__}", ())
