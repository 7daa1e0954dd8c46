"""Trading days and report periods, in Asia/Shanghai. Pure questions about days; where they are stored is not known here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import time


def now() -> datetime:
    """The time, in Shanghai."""
    return datetime.now(SHANGHAI)


@dataclass(frozen=True)
class Calendar:
    """The days that an exchange's calendar knows, and which of them are trading days."""

    days: Mapping[date, bool]
    """True on a trading day."""
    trading_days: list[date] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trading_days", sorted(day for day, is_open in self.days.items() if is_open))

    def knows(self, day: date) -> bool:
        """Whether the calendar says anything of this day."""
        return day in self.days

    def is_open(self, day: date) -> bool:
        """Whether the market trades on this day. An unknown day counts as closed: ask `knows` first."""
        return self.days.get(day, False)

    def between(self, first: date, last: date) -> list[date]:
        """The trading days from `first` to `last`, both included."""
        return self.trading_days[bisect_left(self.trading_days, first) : bisect_right(self.trading_days, last)]

    def count(self, first: date, last: date) -> int:
        """How many trading days lie between `first` and `last`, both included."""
        return max(0, bisect_right(self.trading_days, last) - bisect_left(self.trading_days, first))

    def before(self, day: date) -> date | None:
        """The trading day before `day`."""
        at = bisect_left(self.trading_days, day)
        return self.trading_days[at - 1] if at else None

    def latest(self, moment: datetime, published: time) -> date | None:
        """The newest trading day whose rows are published by `moment`, when they come out at `published` each day."""
        here = moment.astimezone(SHANGHAI)
        last = bisect_right(self.trading_days, here.date())
        if last and self.trading_days[last - 1] == here.date() and here.time() < published:
            last -= 1
        return self.trading_days[last - 1] if last else None

    def last(self, count: int, until: date) -> list[date]:
        """The `count` trading days up to and including `until`."""
        end = bisect_right(self.trading_days, until)
        return self.trading_days[max(0, end - count) : end]


def weekdays(first: date, last: date) -> list[date]:
    """The weekdays from `first` to `last`, both included: the exchange has never met on a weekend."""
    days = (date.fromordinal(at) for at in range(first.toordinal(), last.toordinal() + 1))
    return [day for day in days if day.weekday() < 5]


QUARTERS = ((3, 31), (6, 30), (9, 30), (12, 31))
"""Month and day on which report periods end."""


def periods(first: date, last: date) -> list[date]:
    """The report periods that end from `first` to `last`, both included, oldest first."""
    ends = (date(year, *end) for year in range(first.year, last.year + 1) for end in QUARTERS)
    return [end for end in ends if first <= end <= last]


def is_period(day: date) -> bool:
    """Whether a report period ends on this day."""
    return (day.month, day.day) in QUARTERS


def over(moment: datetime) -> date:
    """The last day that is over at this moment: a report period that ends later has not ended yet."""
    return moment.astimezone(SHANGHAI).date() - timedelta(days=1)
