"""Periods in calendar months and years, counted as the Civil Code counts them."""

from calendar import monthrange
from datetime import date
from typing import Final

MONTHS: Final = 12


def months_before(day: date, months: int) -> date:
    """Give the corresponding day `months` earlier, or that month's last day: 31 August less 6 is the end of February."""
    year, month = divmod(day.year * MONTHS + day.month - 1 - months, MONTHS)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def years_after(day: date, years: int) -> date:
    """Give the birthday `years` later; who was born on 29 February has it on 1 March of a common year."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
