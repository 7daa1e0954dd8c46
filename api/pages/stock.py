"""One stock: who it is, its chart, its latest reports, and where all of it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from api.pages import candles, html, reading
from api.pages.asking import ask
from api.statements import STATEMENTS
from api.stocks import well_formed
from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from fastapi import Request, Response

    from api.database import Database
    from api.pages.asking import Told
    from api.pages.parameters import Chart, Reach
    from stock_assistant_pipelines.catalog.columns import Column
    from stock_assistant_pipelines.catalog.dataset import Dataset

REACH: Mapping[Reach, timedelta | None] = {
    "3m": timedelta(days=92),
    "1y": timedelta(days=365),
    "5y": timedelta(days=5 * 365 + 1),
    "all": None,
}
"""How far back a chart goes from the newest bar."""
PERIODS = 5
"""Report periods beside each other."""
FILINGS = 10
"""Dividends and forecasts, the newest."""
REPORTS = 5
"""Research reports, the newest."""
HEADS = frozenset(
    {"ts_code", "end_date", "ann_date", "f_ann_date", "report_type", "comp_type", "end_type", "update_flag"}
)
"""Columns that tell which report it is, and not what it says."""

PAID = ("end_date", "div_proc", "cash_div_tax", "stk_div", "record_date", "ex_date", "pay_date")
FORESEEN = ("end_date", "type", "p_change_min", "p_change_max", "net_profit_min", "net_profit_max", "ann_date")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A statement: its newest periods beside each other, the newest first."""

    name: str
    reports: list[dict[str, Any]]
    items: list[Column]
    """The columns that say something in one of them."""
    places: int
    """Decimals at the most."""


@dataclass(frozen=True, slots=True)
class Filings:
    """What a company announced of one kind, the newest first."""

    name: str
    columns: list[Column]
    rows: list[dict[str, Any]]
    places: Mapping[str, int]
    """Decimals at the most, by column."""


async def show(request: Request, database: Database, ts_code: str, asked: Chart) -> Response:
    """A stock's page."""
    code = well_formed(ts_code)
    who = await ask(request, f"/stocks/{code}")
    async with database.read() as connection:
        last = await reading.last_bar(connection, code)
    bars = await _bars(request, code, asked, last)
    told = {name: await ask(request, f"/stocks/{code}/statements/{name}", periods=PERIODS) for name in STATEMENTS}
    dividends, forecasts = [await ask(request, f"/stocks/{code}/{name}") for name in ("dividends", "forecasts")]
    reports = await ask(request, "/reports", ts_code=code, limit=REPORTS)
    drawn = candles.bars(bars.rows, asked.range)
    everything = {"stocks": who, "chart": bars, **told, "dividends": dividends, "forecasts": forecasts}
    return html.page(
        request,
        "stock.html",
        [one.source for one in everything.values()],
        stock=who.document["stock"],
        asked=asked,
        bars=bars,
        drawing=candles.draw(drawn),
        sheets=[_sheet(name, one) for name, one in told.items()],
        filings=[
            _filings("dividends", CATALOG["dividend"], PAID, dividends),
            _filings("forecasts", CATALOG["forecast"], FORESEEN, forecasts),
        ],
        reports=reports.document["items"],
        provenance=everything,
    )


async def _bars(request: Request, code: str, asked: Chart, last: date | None) -> Told:
    """The bars of the range, as the API adjusts them."""
    back = REACH[asked.range]
    start = (last - back).isoformat() if last and back else None
    return await ask(request, f"/stocks/{code}/daily", adjust=asked.adjust, start=start)


def _sheet(name: str, told: Told) -> Sheet:
    reports = told.rows[::-1]
    lines = [column for column in STATEMENTS[name].columns if column.name not in HEADS]
    said = [line for line in lines if any(one[line.name] is not None for one in reports)]
    places = (html.places(one[line.name]) for line in said for one in reports)
    return Sheet(name, reports, said, max(places, default=0))


def _filings(name: str, dataset: Dataset, columns: tuple[str, ...], told: Told) -> Filings:
    rows = told.rows[: -FILINGS - 1 : -1]
    places = {column: max((html.places(row[column]) for row in rows), default=0) for column in columns}
    return Filings(name, [dataset.by_name[column] for column in columns], rows, places)
