"""The fewest calls for report periods: a period of the whole market at a time, or a stock over all its periods.

Which of the two a token may ask is a question of its points. By stock one call covers whatever periods are wanted: a
history takes as many calls as there are stocks, and not as many for each quarter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.tushare.plan import DEFAULT_CAP, Call, Estimate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from stock_assistant_pipelines.catalog.dataset import Dataset

WHOLE_ROWS = 6000
"""Rows to count on in one answer of an interface for the whole market: Tushare does not say, and users report as many."""

GRID = calendar.periods(FIRST_PERIOD, FIRST_PERIOD.replace(year=FIRST_PERIOD.year + 200))
"""The periods that ranges are cut from: always at the same places, so that who is interrupted knows what was asked."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one call tells of a stock: a variant of the dataset, over a range of periods where not all fit in an answer.

    Of the whole market it is a variant of one period.
    """

    variant: int
    """Its position in `PerPeriod.variants`."""
    params: tuple[tuple[str, str], ...] = ()
    first: date | None = None
    last: date | None = None

    @property
    def name(self) -> str:
        """By which it is booked."""
        span = [str(self.first)] if self.first == self.last else [f"{self.first}…{self.last}"]
        return " ".join([*(f"{name}={value}" for name, value in self.params), *(span if self.first else [])])


@dataclass(frozen=True, slots=True)
class Announced:
    """What one call tells of a day: all that the market announced on it, by one of the days that rows bear."""

    column: str
    day: date

    @property
    def name(self) -> str:
        """By which it is booked."""
        return f"{self.column}={self.day}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of the whole market, period by period, and what of single stocks."""

    periods: tuple[date, ...]
    stocks: Mapping[str, tuple[Part, ...]]
    """The parts that are asked for, by code, in the order in which they are asked."""

    @property
    def stock_calls(self) -> int:
        """How many calls the stocks take, when each answer is one page."""
        return sum(map(len, self.stocks.values()))


def calls_of(dataset: Dataset) -> PerPeriod:
    """How a dataset by report period is asked for."""
    assert isinstance(dataset.calls, PerPeriod)
    return dataset.calls


def answers_whole(dataset: Dataset, points: int | None) -> bool:
    """Whether a token of so many points is answered for the whole market. With points that nobody knows: perhaps."""
    calls = calls_of(dataset)
    return calls.period is not None and (points is None or points >= calls.whole_points)


@lru_cache(maxsize=4096)
def parts(dataset: Dataset, period: date) -> tuple[Part, ...]:
    """The parts of a stock that tell of this period, one for each variant."""
    calls = calls_of(dataset)
    if calls.periods_per_call is None:
        return _variants(dataset)
    at = GRID.index(period) // calls.periods_per_call * calls.periods_per_call
    return _variants(dataset, GRID[at], GRID[at + calls.periods_per_call - 1])


@lru_cache(maxsize=4096)
def whole_parts(dataset: Dataset, period: date) -> tuple[Part, ...]:
    """The parts of a period of the whole market, one for each variant."""
    return _variants(dataset, period, period)


def restated_parts(dataset: Dataset, period: date) -> tuple[Part, ...]:
    """The parts of a period of the whole market that companies tell with the report of the year after."""
    return tuple(part for part in whole_parts(dataset, period) if part.variant in calls_of(dataset).restated)


def _variants(dataset: Dataset, first: date | None = None, last: date | None = None) -> tuple[Part, ...]:
    return tuple(part_of(dataset, at, first, last) for at in range(len(calls_of(dataset).variants)))


def part_of(dataset: Dataset, variant: int, first: date | None, last: date | None) -> Part:
    """The part of a variant over a range of periods."""
    return Part(variant, tuple(sorted(calls_of(dataset).variants[variant].items())), first, last)


def whole_call(dataset: Dataset, part: Part) -> Call:
    """The call for a variant of a period of the whole market."""
    calls = calls_of(dataset)
    assert calls.period is not None
    assert part.first is not None
    return Call(calls.whole or dataset.api, ((calls.period, compact(part.first)), *part.params), (part.first,))


def announced_call(dataset: Dataset, asked: Announced) -> Call:
    """The call for what the whole market announced on a day."""
    return Call(dataset.api, ((asked.column, compact(asked.day)),))


def rows_of(dataset: Dataset) -> tuple[float, ...]:
    """About how many rows a company has in a period, in each variant."""
    calls = calls_of(dataset)
    return (*calls.rows, *[calls.rows[-1]] * len(calls.variants))[: len(calls.variants)]


def whole_answers(dataset: Dataset, companies: int | None) -> int:
    """How many answers hold a period of so many companies; one for each variant where nobody knows how many there are."""
    cap = WHOLE_ROWS if calls_of(dataset).whole else dataset.row_cap or DEFAULT_CAP
    return sum(max(1, ceil(rows * (companies or 0) / cap)) for rows in rows_of(dataset))


def stock_call(dataset: Dataset, code: str, part: Part) -> Call:
    """The call for a part of one stock."""
    calls = calls_of(dataset)
    span = ((calls.start, compact(part.first)), (calls.end, compact(part.last))) if part.first and part.last else ()
    return Call(dataset.api, ((calls.code, code), *part.params, *span), codes=(code,))


def plan_periods(
    dataset: Dataset,
    wanted: Mapping[date, Collection[str]],
    *,
    whole: bool,
    done: Collection[tuple[str, str]] = frozenset(),
    companies: Mapping[date, int] | None = None,
) -> Plan:
    """Plan the calls for the stocks that are wanted of each period.

    With `whole` periods may be asked of the whole market, and are where that is fewer calls; `companies` tells of how
    many a period tells. `done` are parts of stocks that need not be asked again.
    """
    order = sorted(wanted, key=lambda period: (-len(wanted[period]), -period.toordinal()))
    cut = _cut(dataset, order, wanted, done, companies or {}) if whole else 0
    stocks: dict[str, dict[Part, None]] = {}
    for period in sorted(order[cut:], reverse=True):
        told = [(part, part.name) for part in parts(dataset, period)]
        for code in sorted(wanted[period]):
            left = {part: None for part, name in told if (code, name) not in done}
            if left:
                stocks.setdefault(code, {}).update(left)
    return Plan(tuple(sorted(order[:cut], reverse=True)), {code: tuple(each) for code, each in stocks.items()})


def _cut(
    dataset: Dataset,
    order: Sequence[date],
    wanted: Mapping[date, Collection[str]],
    done: Collection[tuple[str, str]],
    companies: Mapping[date, int],
) -> int:
    """Where the order is cut in two: the periods before, which want the most stocks, are asked of the whole market."""
    asked: set[tuple[str, str]] = set()
    by_stock = [0] * (len(order) + 1)
    for at in range(len(order) - 1, -1, -1):
        names = [part.name for part in parts(dataset, order[at])]
        asked.update((code, name) for code in wanted[order[at]] for name in names if (code, name) not in done)
        by_stock[at] = len(asked)
    best, least, before = 0, by_stock[0], 0
    for at, period in enumerate(order, start=1):
        before += whole_answers(dataset, companies.get(period))
        if before + by_stock[at] < least:
            best, least = at, before + by_stock[at]
    return best


def estimate_periods(
    dataset: Dataset,
    plan: Plan,
    wanted: Mapping[date, Collection[str]],
    companies: Mapping[date, int],
    *,
    calls_per_minute: int | None = None,
) -> Estimate:
    """Say what a plan takes, at so many calls a minute of one interface, for the stocks that are wanted of each period."""
    calls = sum(whole_answers(dataset, companies.get(period)) for period in plan.periods) + plan.stock_calls
    told = sum(companies.get(period, 0) for period in plan.periods)
    told += sum(len(stocks) for period, stocks in wanted.items() if period not in plan.periods)
    minutes = calls / calls_per_minute if calls_per_minute else None
    return Estimate(calls, round(told * sum(rows_of(dataset))), minutes)
