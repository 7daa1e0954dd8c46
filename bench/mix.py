"""The mix of questions that are asked in the soak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bench.asking import Question

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

API = "/api/v1"

STEPS = (3, 20, 60)
"""After how many days that landed a market day is asked for that was not there."""


@dataclass(frozen=True)
class Place:
    """What is asked about."""

    code: str
    """A stock whose last bar is corrected again and again, and whose days land."""
    other: str
    """One that stays."""
    base: Sequence[date]
    """Days that stay."""
    since: date
    """The first day that may land; what is older stays."""

    @property
    def past(self) -> date:
        """The last day of what is older."""
        return self.since - timedelta(days=1)


def questions(place: Place, days: Sequence[date]) -> list[Question]:
    """All of them. `days` land meanwhile, in this order."""
    return [*_stable(place), *_register(place), *_prefix(place, days), *_steps(days), *_pages(place)]


def steps(days: Sequence[date]) -> dict[str, int]:
    """After how many days each market day is there, by the names of the questions."""
    return {question.name: count for count in _taken(days) for question in _steps_of(count, days)}


def _stable(place: Place) -> list[Question]:
    """Whose answer stays the same."""
    first, day, last = place.base[0], place.base[-3], place.base[-2]
    stock, rows = f"{API}/stocks/{place.other}", f"{API}/datasets/daily/rows"
    old, year = f"{stock}/daily?end={place.past}", f"{stock}/daily?start={first}&end={last}"
    market = f"{API}/daily?trade_date={day}"
    reports = f"{stock}/statements/income?as_of={last}"
    posted = {"api_name": "daily", "token": "any", "params": {"trade_date": f"{day:%Y%m%d}"}, "fields": ""}
    income = {"api_name": "income", "token": "any", "params": {"ts_code": place.other}, "fields": ""}
    return [
        Question("history", old),
        Question("history, gzip", old, coding="gzip"),
        Question("year", year, weight=8),
        Question("year, qfq", f"{year}&adjust=qfq"),
        Question("year, hfq, columns", f"{year}&adjust=hfq&format=columns"),
        Question("market day", market),
        Question("market day, rows", f"{market}&format=rows"),
        Question("market day, Parquet", f"{market}&format=parquet", form="parquet", weight=2),
        Question("statements", reports),
        Question("statements, ttm", f"{reports}&basis=ttm&periods=8"),
        Question("stocks", f"{API}/stocks?limit=200"),
        Question("calendar", f"{API}/calendar?start={first}&end={last}"),
        Question("coverage", f"{API}/datasets/daily/coverage?start={first}&end={last}"),
        Question("rows, CSV", f"{rows}?trade_date={day}&format=csv"),
        Question("rows, Arrow", f"{rows}?ts_code={place.other}&start={first}&end={last}&format=arrow", form="arrow"),
        Question("rows, streamed", f"{rows}?start={first}&end={last}&limit=1000000", weight=1, streamed=True),
        Question("/tushare market day", "/tushare", call=posted),
        Question("/tushare income", "/tushare/income", call=income),
    ]


def _register(place: Place) -> list[Question]:
    """Whose answer holds a figure that is corrected again and again."""
    last = place.base[-1]
    params = {"ts_code": place.code, "trade_date": f"{last:%Y%m%d}"}
    call = {"api_name": "daily", "token": "any", "params": params, "fields": ""}
    rows = f"{API}/datasets/daily/rows?ts_code={place.code}&trade_date={last}"
    return [
        Question("latest", f"{API}/stocks/{place.code}/daily?start={last}", "register", weight=8),
        Question("latest, CSV", f"{rows}&format=csv", "register"),
        Question("/tushare latest", "/tushare", "register", call=call),
    ]


def _prefix(place: Place, days: Sequence[date]) -> list[Question]:
    """Whose answer grows by each day that lands."""
    span = f"start={days[-1]}&end={days[0]}"
    rows = f"{API}/datasets/daily/rows?ts_code={place.code}&{span}&format=csv"
    return [
        Question("what lands", f"{API}/stocks/{place.code}/daily?{span}", "prefix", weight=8),
        Question("what lands, CSV", rows, "prefix", form="csv"),
    ]


def _steps(days: Sequence[date]) -> list[Question]:
    """Whose answer is a problem until a day has landed."""
    return [question for count in _taken(days) for question in _steps_of(count, days)]


def _taken(days: Sequence[date]) -> tuple[int, ...]:
    return tuple(count for count in STEPS if count <= len(days))


def _steps_of(count: int, days: Sequence[date]) -> list[Question]:
    day = days[count - 1]
    call = {"api_name": "daily", "token": "any", "params": {"trade_date": f"{day:%Y%m%d}"}, "fields": ""}
    return [
        Question(f"day {count} that lands", f"{API}/daily?trade_date={day}", "step", weight=2),
        Question(f"/tushare day {count} that lands", "/tushare", "step", weight=2, call=call),
    ]


def _pages(place: Place) -> list[Question]:
    """Pages for people."""
    paths = {"overview": "/", "dataset": "/datasets/daily", "stock": f"/stocks/{place.other}", "search": "/stocks?q=00"}
    return [Question(f"page, {name}", path, "page", weight=1) for name, path in paths.items()]
