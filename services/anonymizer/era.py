"""Dates as offices write them: western or of the Japanese eras, with the eras' first and last days enforced."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Outcome = Literal["accepted", "overrun", "impossible"]
FULL_WIDTH: Final = str.maketrans("\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff0e\uff0f\uff0d\u2212", "0123456789./--")


@dataclass(frozen=True, slots=True)
class Era:
    """An era with its first and last day; the reigning one has no last day."""

    first: date
    last: date | None


# Days of accession and death or abdication: 明治45年7月30日 and 大正元年7月30日 are the same day, likewise 25 December 1926.
ERAS: Final[dict[str, Era]] = {
    "明治": Era(date(1868, 1, 25), date(1912, 7, 30)),
    "大正": Era(date(1912, 7, 30), date(1926, 12, 25)),
    "昭和": Era(date(1926, 12, 25), date(1989, 1, 7)),
    "平成": Era(date(1989, 1, 8), date(2019, 4, 30)),
    "令和": Era(date(2019, 5, 1), None),
}
NAMES: Final[dict[str, str]] = {
    **{name: name for name in ERAS},
    **dict(zip("明大昭平令", ERAS, strict=True)),
    **dict(zip("MTSHR", ERAS, strict=True)),
}
WESTERN_YEARS: Final = range(1868, 2101)
SEPARATED: Final = r"(?:[./-](?P<month>\d{1,2})(?:[./-](?P<day>\d{1,2}))?)?"
KANJI: Final = r"年(?:(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})日)?)?"
ERA_NAME: Final = rf"(?P<era>{'|'.join(NAMES)})"
FORMS: Final = tuple(
    re.compile(form)
    for form in (
        rf"{ERA_NAME}(?P<year>\d{{1,3}}|元){KANJI}",
        rf"{ERA_NAME}(?P<year>\d{{1,3}}|元){SEPARATED}",
        r"(?P<era>[MTSHR])(?P<year>\d{2})(?P<month>\d{2})(?P<day>\d{2})",
        rf"(?P<year>\d{{4}}){KANJI}",
        rf"(?P<year>\d{{4}}){SEPARATED}",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})?",
    )
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a written date means; month and day are None where they were not written, all are None when it is impossible."""

    outcome: Outcome
    year: int | None = None
    month: int | None = None
    day: int | None = None


IMPOSSIBLE: Final = Reading("impossible")


def read_date(written: str) -> Reading:
    """Read one written date; accepts 元年, full-width digits, S64.1.7, 令和7年4月, 2025-04-01, 20250401.

    A day past its era's end (昭和64年1月8日) is an overrun: it names one western day, and old systems count on. A day before its
    era's beginning, or one that no calendar has, is impossible.
    """
    text = written.translate(FULL_WIDTH).strip().replace(" ", "")
    for form in FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        parts = match.groupdict()
        year = 1 if parts["year"] == "元" else int(parts["year"])
        month = int(parts["month"]) if parts["month"] else None
        day = int(parts["day"]) if parts["day"] else None
        if parts.get("era") is None:
            return reading_of(year, month, day) if year in WESTERN_YEARS else IMPOSSIBLE
        return reading_in(ERAS[NAMES[parts["era"]]], year, month, day)
    return IMPOSSIBLE


def reading_of(year: int, month: int | None, day: int | None) -> Reading:
    """Give the reading of a western date that may lack day or month."""
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        return IMPOSSIBLE
    return Reading("accepted", year, month, day)


def reading_in(era: Era, year_of_era: int, month: int | None, day: int | None) -> Reading:
    """Give the reading of an era's date: inside, past the end (overrun) or outside it."""
    reading = reading_of(era.first.year + year_of_era - 1, month, day)
    if reading.year is None or year_of_era < 1 or reading.year not in WESTERN_YEARS:
        return IMPOSSIBLE
    written = tuple(part for part in (reading.year, month, day) if part is not None)
    if written < day_parts(era.first)[: len(written)]:
        return IMPOSSIBLE
    if era.last is not None and written > day_parts(era.last)[: len(written)]:
        return Reading("overrun", reading.year, month, day)
    return reading


def day_parts(day: date) -> tuple[int, int, int]:
    """Give year, month and day for comparison with a date that may lack the last ones."""
    return (day.year, day.month, day.day)
