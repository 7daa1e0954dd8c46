"""Days as Tushare compares them: as eight digits, of which some are no day."""

from __future__ import annotations

from datetime import date, timedelta

ONE = timedelta(days=1)


def at_or_after(digits: str) -> date:
    """The first day that is not before these digits: `20240230` is 1 March, `20241301` the first day of 2025."""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    if year == 0:
        return date.min
    if month > 12:
        return date(year + 1, 1, 1) if year < date.max.year else date.max
    try:
        return date(year, max(month, 1), max(day, 1) if month else 1)
    except ValueError:
        return at_or_after(f"{year:04}{month + 1:02}01")


def at_or_before(digits: str) -> date:
    """The last day that is not after these digits."""
    after = at_or_after(digits)
    return after if _digits(after) <= digits or after == date.min else after - ONE


def exactly(digits: str) -> date | None:
    """The day that these digits name; None where there is none."""
    if len(digits) != 8 or not digits.isdecimal():
        return None
    day = at_or_after(digits)
    return day if _digits(day) == digits else None


def _digits(day: date) -> str:
    return day.isoformat().replace("-", "")
