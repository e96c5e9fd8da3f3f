"""The codes that a form or a notice may choose from, on a day: lists, so that no typed word stands in the clear."""

from datetime import date
from functools import cache
from importlib.resources import files

import yaml

from contracts.law.book import LawValue, NoLawInForce


class Codes(LawValue):
    """One set of lists, from `in_force` until the next one."""

    in_force: date
    attachment_kinds: tuple[str, ...]
    delivery_methods: tuple[str, ...]
    payment_methods: tuple[str, ...]


@cache
def codes_on(day: date) -> Codes:
    """Give the lists in force on `day`; raises NoLawInForce before the first one."""
    document = yaml.safe_load(files("contracts.law").joinpath("codes.yaml").read_text("utf-8"))
    applying = [codes for codes in map(Codes.model_validate, document["codes"]) if codes.in_force <= day]
    if not applying:
        message = f"no codes are recorded for {day}"
        raise NoLawInForce(message)
    return max(applying, key=lambda codes: codes.in_force)
