"""The overview: every dataset on one page, a year at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

from api import standing
from api.pages import heat, html, reading
from api.pages.asking import ask
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse import laws, rules
from stock_assistant_pipelines.warehouse.freshness import read_calendar
from stock_assistant_pipelines.warehouse.tables import SETTLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastapi import Request, Response
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.database import Database
    from api.pages.heat import Heat
    from api.pages.reading import Doubt, Quota
    from stock_assistant_pipelines.catalog.dataset import Dataset

CALENDAR = "trade_cal"
STRIP = 5
"""Years of report periods beside one year of trading days."""
WHOLE = frozenset({*SETTLED, heat.AHEAD, heat.UNKNOWN})
"""Cells with nothing to say against them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pages show of some datasets, read in one snapshot."""

    first: int
    last: int
    """Of which years anything is known."""
    year: int
    heats: Mapping[str, Heat]
    doubts: Mapping[str, list[Doubt]]
    quarantined: Mapping[str, int] | None
    quota: Mapping[str, Quota] | None

    @property
    def years(self) -> list[int]:
        """The years to choose from, the newest first; the one that is shown among them."""
        return list(range(max(self.last, self.year), min(self.first, self.year) - 1, -1))

    def holes(self, name: str) -> int:
        """How many of the cells that are shown are not whole."""
        drawn = self.heats.get(name)
        return sum(count for kind, count in drawn.counts.items() if kind not in WHOLE) if drawn else 0


async def see(
    database: Database, datasets: Iterable[Dataset], year: int | None, *, periods: int | None = STRIP
) -> Seen:
    """Read what the pages show of datasets in a year; of report periods so many years up to it, or all."""
    async with database.read() as connection:
        first, last = await reading.years(connection)
        year = year or last
        since = first if periods is None else year - periods + 1
        heats = await _heats(connection, list(datasets), year, since, last if periods is None else year)
        doubts, quarantined = await reading.doubts(connection), await reading.quarantined(connection)
        return Seen(first, last, year, heats, doubts, quarantined, await reading.quota(connection))


async def _heats(
    connection: AsyncConnection, datasets: list[Dataset], year: int, since: int, until: int
) -> dict[str, Heat]:
    now = calendar.now()
    daily = [one.api for one in datasets if one.partitioned]
    reported = [one.api for one in datasets if one.by_period]
    days = await reading.booked(connection, daily, date(year, 1, 1), date(year, 12, 31))
    ends = await reading.booked(connection, reported, date(since, 1, 1), date(until, 12, 31))
    known = await connection.run_sync(read_calendar, CALENDAR, date(year, 1, 1))
    heats = {
        name: heat.of_year(year, known.days, days.get(name, {}), standing.due(CATALOG[name], now)) for name in daily
    }
    over = calendar.over(now)
    return heats | {name: heat.of_periods(since, until, ends.get(name, {}), over) for name in reported}


def checks(dataset: Dataset) -> list[Any]:
    """The checks of a dataset: rules of its rows, laws that it is read by."""
    return [*rules.of(dataset), *laws.of(dataset)]


async def show(request: Request, database: Database, year: int | None) -> Response:
    """Every dataset, by family."""
    told = await ask(request, "/datasets")
    seen = await see(database, CATALOG.values(), year)
    families = [
        (family, [(one, CATALOG[one["dataset"]]) for one in datasets])
        for family, datasets in groupby(told.document, key=lambda one: one["family"])
    ]
    checked = {name: len(checks(dataset)) for name, dataset in CATALOG.items()}
    return html.page(request, "overview.html", [told.source], families=families, seen=seen, checked=checked)
