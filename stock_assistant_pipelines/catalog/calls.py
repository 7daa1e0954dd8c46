"""How a dataset is asked for: what one call holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class PerDay:
    """One call holds one day, the whole market; or, where `code` is taken, some codes over a range of days."""

    day: str = "trade_date"
    code: str | None = None
    """The parameter that takes codes; None where the interface takes none."""
    several: int = 1
    """How many codes it takes at once, separated by commas."""
    start: str = "start_date"
    end: str = "end_date"


@dataclass(frozen=True, slots=True)
class PerRange:
    """One call holds several days. `rows_per_day` bounds how many, so that an answer stays under the row cap."""

    rows_per_day: int
    start: str = "start_date"
    end: str = "end_date"


@dataclass(frozen=True, slots=True)
class PerCode:
    """One call holds one code over a range of days."""

    codes: tuple[str, ...]
    code: str = "ts_code"
    start: str = "start_date"
    end: str = "end_date"


@dataclass(frozen=True, slots=True)
class Whole:
    """A snapshot: the union of these calls is the dataset. `may_be_empty` are positions of calls that can lack rows."""

    variants: tuple[Mapping[str, str], ...] = ({},)
    may_be_empty: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PerPeriod:
    """One call holds one report period of the whole market, given the points; otherwise one stock over all its periods."""

    period: str | None = "period"
    """The parameter that takes the period of the whole market; None where the interface answers by stock only."""
    whole: str | None = None
    """The interface that answers for the whole market; None where it is the dataset's own. `row_cap` is not about it."""
    whole_points: int = 5000
    """Tushare points from which on the whole market is answered."""
    code: str = "ts_code"
    variants: tuple[Mapping[str, str], ...] = ({},)
    """The dataset is the union of these: each is a call of its own."""
    rows: tuple[float, ...] = (1.0,)
    """About how many rows a company has in a period, variant by variant; the last holds for those that follow.

    By them it is told beforehand how many answers the whole market takes.
    """
    periods_per_call: int | None = None
    """How many periods of one stock fit in an answer, where they are asked for by range; None where all of them fit."""
    start: str = "start_date"
    end: str = "end_date"
    """The range, where there is one. It must mean report periods: with some interfaces it means days of announcement."""
    announced: tuple[str, ...] = ()
    """The days of a row by which the interface also answers for the whole market, each a parameter of the same name.

    Such an answer is of whichever companies and periods announce something on a day, and whole for none of them.
    """
    restated: frozenset[int] = frozenset()
    """Positions in `variants` of what a company tells of a period with its report of the year after."""


Calls = PerDay | PerRange | PerCode | Whole | PerPeriod


def contradictions(calls: Calls, row_cap: int | None, days: Collection[str]) -> Iterator[str]:
    """What is impossible in the words that calls are declared in. `days` are columns: when a version became known."""
    match calls:
        case PerDay(code=code, several=several) if several < 1 or (several > 1 and code is None):
            yield "`several` is above zero, and goes with `code`"
        case PerRange(rows_per_day=rows) if not 1 <= rows <= (row_cap or rows):
            yield "`rows_per_day` is above zero, and a day fits under the row cap"
        case PerCode(codes=codes) if not codes or len(set(codes)) != len(codes):
            yield "`codes` names at least one code, and none twice"
        case Whole(variants=variants, may_be_empty=empty) if not empty <= set(range(len(variants))):
            yield "`may_be_empty` holds positions in `variants`"
        case PerPeriod(period=None, whole=str()):
            yield "`whole` goes with `period`: the whole market is asked for by period"
        case PerPeriod(variants=variants) if not variants or any(variants.count(each) > 1 for each in variants):
            yield "`variants` holds at least one call, and none twice"
        case PerPeriod(rows=rows) if not rows or min(rows) <= 0:
            yield "`rows` is above zero"
        case PerPeriod(periods_per_call=int(periods)) if not 1 <= periods <= (row_cap or periods):
            yield "`periods_per_call` is above zero, and so many fit under the row cap"
    if isinstance(calls, PerPeriod):
        yield from _tidings(calls, days)


def _tidings(calls: PerPeriod, days: Collection[str]) -> Iterator[str]:
    """What is impossible in the words by which report periods are also asked for out of season."""
    yield from (f"`{name}` in `announced` is no day of `versions`" for name in calls.announced if name not in days)
    if calls.announced and len(calls.variants) > 1:
        yield "`announced` goes with one variant"
    if not calls.restated <= {*range(len(calls.variants))}:
        yield "`restated` holds positions in `variants`"
