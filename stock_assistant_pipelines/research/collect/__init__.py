"""Collectors: what was known of a stock on a trading day becomes a sheet. One module per topic.

All queries are as of the day; a batch of stocks takes as many as one stock does. What is not there is told with its reason.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.research.collect import company, expectations, prices, statements, valuation
from stock_assistant_pipelines.research.collect.company import Company, UnknownStock, read_companies
from stock_assistant_pipelines.research.collect.draft import Draft, LookAhead
from stock_assistant_pipelines.research.collect.ground import Ground, NoTradingDay, read_ground
from stock_assistant_pipelines.research.collect.rows import by_stock, read
from stock_assistant_pipelines.research.evidence import Found, Sheet, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection, RowMapping

    from stock_assistant_pipelines.research.collect.rows import ByStock

__all__ = ["LookAhead", "NoTradingDay", "UnknownStock", "build", "build_many"]

FILED = (
    "income",
    "income_quarter",
    "income_ttm",
    "cashflow",
    "cashflow_quarter",
    "cashflow_ttm",
    "balancesheet",
    "fina_indicator",
)
HISTORY = timedelta(days=4 * 366)
"""How far back report periods are read: eight quarters, and what twelve months to the first of them are made of."""
DIVIDENDS = timedelta(days=3 * 366)
BATCH = 100
"""How many stocks are read at once: their bars and valuations are in memory together."""


@dataclass(frozen=True)
class _Read:
    """What was read of a batch."""

    bars: ByStock
    suspended: Mapping[str, frozenset[date]]
    valuations: ByStock
    filed: Mapping[str, statements.Filed]
    forecasts: ByStock
    express: ByStock
    dividends: ByStock


def build(connection: Connection, ts_code: str, day: date, news: Found | None = None) -> Sheet:
    """The sheet of one stock on a trading day. Raises `UnknownStock`, `NoTradingDay`."""
    for sheet in build_many(connection, [ts_code], day, {ts_code: news} if news else None):
        return sheet
    raise UnknownStock(f"stock_basic has no {ts_code}: land it, or name a stock that there is.")


def build_many(
    connection: Connection, codes: Sequence[str], day: date, news: Mapping[str, Found] | None = None
) -> Iterator[Sheet]:
    """The sheets of many stocks on a trading day, by code, one batch after the other; a code that no stock bears has none.

    `news` is what a search found of each; without it a sheet says nothing of news. Raises `NoTradingDay`.
    """
    companies = read_companies(connection, codes, day)
    ground = read_ground(connection, day, (each.industry for each in companies.values() if each.industry))
    known = sorted(companies)
    for batch in (known[at : at + BATCH] for at in range(0, len(known), BATCH)):
        found = _read(connection, batch, ground)
        for code in batch:
            yield _sheet(companies[code], ground, found, (news or {}).get(code, Found()))


def _sheet(about: Company, ground: Ground, found: _Read, news: Found) -> Sheet:
    draft, code = Draft(about.ts_code, ground.day), about.ts_code
    company.collect(draft.part(Topic.COMPANY), about, ground)
    traded = prices.Traded(found.bars[code], found.suspended.get(code, frozenset()))
    prices.collect(draft.part(Topic.PRICES), about, ground, traded)
    valuation.collect(draft.part(Topic.VALUATION), about, ground, found.valuations[code])
    filed = found.filed[code]
    statements.collect(draft.part(Topic.STATEMENTS), ground, filed)
    expectations.collect(
        draft.part(Topic.EXPECTATIONS),
        ground,
        max(filed.periods, default=None),
        found.forecasts[code],
        found.express[code],
        found.dividends[code],
    )
    for item in news.items:
        draft.add(item)
    if news.missing:
        draft.part(Topic.NEWS).lacks("news", news.missing)
    return draft.sheet(about.name)


def _read(connection: Connection, codes: list[str], ground: Ground) -> _Read:
    span: dict[str, Any] = {"codes": codes, "first": ground.sessions[0], "day": ground.day}
    suspended: defaultdict[str, set[date]] = defaultdict(set)
    for row in read(connection, "suspensions", **span):
        suspended[row["ts_code"]].add(row["trade_date"])
    known = {"codes": codes, "day": ground.day, "first": ground.day - HISTORY}
    return _Read(
        bars=by_stock(read(connection, "bars", **span)),
        suspended={code: frozenset(days) for code, days in suspended.items()},
        valuations=by_stock(read(connection, "valuations", **{**span, "first": valuation.begin_of(ground.day)})),
        filed=_read_filed(connection, codes, ground, known),
        forecasts=by_stock(read(connection, "forecast", **known)),
        express=by_stock(read(connection, "express", **known)),
        dividends=by_stock(read(connection, "dividends", **{**known, "first": ground.day - DIVIDENDS})),
    )


def _read_filed(
    connection: Connection, codes: list[str], ground: Ground, known: dict[str, Any]
) -> dict[str, statements.Filed]:
    rows: dict[str, dict[str, dict[date, RowMapping]]] = {code: {name: {} for name in FILED} for code in codes}
    for name in FILED:
        for row in read(connection, name, **known):
            rows[row["ts_code"]][name][row["end_date"]] = row
    told = by_stock(read(connection, "restatements", **known, end=ground.end))
    return {code: statements.Filed(rows[code], told[code]) for code in codes}
