"""Research: the reports of a day or of a stock, and what came of all that were expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, true, union_all

from api.pages import html
from api.pages.asking import ask
from stock_assistant_pipelines.warehouse.tables import RESEARCH_REPORT, RESEARCH_WATCH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from fastapi import Request, Response
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.database import Database
    from api.pages.parameters import Research

LISTED = 100
"""Reports on one page."""
STATUSES = ("published", "degraded", "abstained", "failed")
WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Day:
    """A day's reports, counted; and the days beside it."""

    day: date
    before: date | None
    after: date | None
    counts: Mapping[str, int]
    """Stocks by the status of their newest report; those that wait too."""

    @property
    def expected(self) -> int:
        """How many stocks a report is expected of."""
        return sum(self.counts.values())


async def show(request: Request, database: Database, asked: Research) -> Response:
    """The reports of a day, by default the newest; or those of a stock, on all days."""
    counted = None
    if asked.day or not asked.ts_code:
        async with database.read() as connection:
            counted = await _day(connection, asked.day)
    day = counted and counted.day.isoformat()
    told = await ask(
        request, "/reports", ts_code=asked.ts_code or None, trade_date=day, limit=LISTED, cursor=asked.cursor
    )
    return html.page(request, "research.html", [told.source], told=told.document, asked=asked, counted=counted)


async def _day(connection: AsyncConnection, day: date | None) -> Day | None:
    """A day, by default the newest; None where nothing was ever expected."""
    days = union_all(select(RESEARCH_WATCH.c.trade_date), select(RESEARCH_REPORT.c.trade_date)).subquery().c.trade_date
    day = day or await connection.scalar(select(func.max(days)))
    if day is None:
        return None
    before = await connection.scalar(select(func.max(days)).where(days < day))
    after = await connection.scalar(select(func.min(days)).where(days > day))
    report, watch = RESEARCH_REPORT.c, RESEARCH_WATCH.c
    newest = (
        select(report.status)
        .where(report.trade_date == watch.trade_date, report.ts_code == watch.ts_code)
        .order_by(report.made_at.desc(), report.id)
        .limit(1)
        .correlate(RESEARCH_WATCH)
        .lateral()
    )
    query = select(newest.c.status, func.count()).select_from(RESEARCH_WATCH.outerjoin(newest, true()))
    rows = await connection.execute(query.where(watch.trade_date == day).group_by(newest.c.status))
    found = {status or WAITING: count for status, count in rows}
    return Day(day, before, after, {name: found.get(name, 0) for name in (*STATUSES, WAITING)})
