"""Reading the dated law: which revision and which fee schedule are in force on a day."""

from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict


class NoLawInForce(LookupError):
    """No revision or schedule of ours covers the day asked for."""


class LawValue(BaseModel):
    """Dated data as it stands in the YAML files."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Constant(LawValue):
    """One statutory number and the article it comes from."""

    value: int
    article: str


class Constants(LawValue):
    """The numbers decisions need (procedure, validations V01-V18)."""

    min_principals_dataset: Constant
    min_principals_register: Constant
    call_min_days: Constant
    entity_certificate_max_age_months: Constant
    bar_years: Constant


class Law(LawValue):
    """One revision of the statute, from `in_force` until the next one."""

    revision: str
    in_force: date
    constants: Constants
    criteria: dict[str, tuple[int, ...]]
    attachments: tuple[str, ...]


class Amount(LawValue):
    """A fixed amount in yen under an article."""

    amount: int
    article: str


class PassedThrough(LawValue):
    """An amount that is handed on as it was paid."""

    article: str


class FeeSchedule(LawValue):
    """A fee schedule of one body, or the Order's standard where `body` is absent (Art. 119(3), Order Art. 31)."""

    schedule: str
    body: str | None
    in_force: date
    until: date | None
    base: Amount
    per_started_hour: Amount
    outsourcing: PassedThrough
    repeat_same_party: Amount


@cache
def _read(name: str) -> Any:  # noqa: ANN401 - YAML is validated by the models right after
    return yaml.safe_load(files("contracts.law").joinpath(name).read_text("utf-8"))


@cache
def law_on(day: date) -> Law:
    """Give the revision in force on `day`; raises NoLawInForce before the first one."""
    revisions = [Law.model_validate(row) for row in _read("statute.yaml")["revisions"]]
    applying = [law for law in revisions if law.in_force <= day]
    if not applying:
        message = f"no revision of the Act is recorded for {day}"
        raise NoLawInForce(message)
    return max(applying, key=lambda law: law.in_force)


@cache
def schedule_on(day: date, body: str) -> FeeSchedule:
    """Give the body's own schedule in force on `day`, else the Order's standard; raises NoLawInForce if neither is."""
    schedules = [FeeSchedule.model_validate(row) for row in _read("fees.yaml")["schedules"]]
    applying = [s for s in schedules if s.in_force <= day and (s.until is None or day <= s.until) and s.body in {None, body}]
    if not applying:
        message = f"no fee schedule is recorded for {day}"
        raise NoLawInForce(message)
    return max(applying, key=lambda s: (s.body is not None, s.in_force))
