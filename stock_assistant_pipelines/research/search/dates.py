"""When a page was published: as it was told, read strictly, and as its address tells it."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit

from stock_assistant_pipelines.research.collect.draft import end_of
from stock_assistant_pipelines.settings import SHANGHAI

YEARS = range(1990, 2101)
"""Years in which a page may have been published; others are what a program writes that knows no date."""

_TOLD = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?P<offset>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_MONTH, _DAY = r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_IN_ADDRESS = (
    re.compile(rf"(?<!\d)(20[0-4]\d){_MONTH}{_DAY}(?=\D|$|\d{{6}})", re.ASCII),  # 20240722, 202407223136519384
    re.compile(rf"(?<!\d)(20[0-4]\d)[-/_.]?{_MONTH}[-/_.]?{_DAY}(?!\d)", re.ASCII),  # 2024/07/22, 2024-07/22, 2024/0722
)


def known_since(told: str | None) -> datetime | None:
    """Since when a page counts as known, in Shanghai; None: it is undated.

    A day without a time counts from its end; so does midnight, which stands for a day whose time nobody knew. `Z` is
    taken at its word although local time was seen under it: the later of the two, so that nothing is known too early.
    """
    found = _TOLD.fullmatch((told or "").strip())
    if found is None:
        return None
    try:
        day = date.fromisoformat(found["day"])
        clock = time.fromisoformat(found["time"] or "00:00")
        moment = datetime.fromisoformat(f"{day}T{clock}{found['offset'] or ''}")
    except ValueError:
        return None
    if day.year not in YEARS:
        return None
    if clock == time():
        return end_of(day)
    local = moment.astimezone(SHANGHAI) if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
    return end_of(local.date()) if local.time() == time() else local


def day_of(known: datetime) -> date:
    """The day in Shanghai on which a page was published that is known since then."""
    return (known.astimezone(SHANGHAI) - timedelta(microseconds=1)).date()


def day_in_address(url: str) -> date | None:
    """The last day that an address names, as those of news mostly do (`/20240722/`, `/2024-07/22/`); None: it names none."""
    parts = urlsplit(url)
    named = f"{parts.path}?{parts.query}"
    days = (_day(*found.groups()) for pattern in _IN_ADDRESS for found in pattern.finditer(named))
    return max((day for day in days if day), default=None)


def _day(*numbers: str) -> date | None:
    try:
        return date(*map(int, numbers))
    except ValueError:  # the 31st of a short month: a number, and no day
        return None
