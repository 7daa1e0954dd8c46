"""Bars of one stock up to a day, as far back as every trading day has a bar, or the stock was suspended on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.evidence import Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from sqlalchemy import RowMapping

    from stock_assistant_pipelines.research.collect.company import Company
    from stock_assistant_pipelines.research.collect.ground import Ground


@dataclass(frozen=True)
class Bars:
    """Bars without a gap, oldest first; the last one is that of the day."""

    ts_code: str
    rows: Sequence[RowMapping]
    since: date
    """The first trading day of the stretch without a gap."""
    listed: date | None

    def at(self, day: date) -> RowMapping | None:
        """The last bar up to a day; None where the stretch does not reach back to the day, or there was none since."""
        if day < self.since:
            return None
        return next((row for row in reversed(self.rows) if row["trade_date"] <= day), None)

    def short(self, needed: int, unit: str = "trading days") -> str:
        """Why there are not enough bars."""
        if self.listed and self.listed >= self.since:
            return f"listed on {self.listed}: {len(self.rows)} bars, fewer than the {needed} {unit} needed"
        return f"bars without a gap, each with its factor, since {self.since} only: {len(self.rows)}, {needed} {unit} needed"

    def origin(self, row: RowMapping, column: str) -> Origin:
        """Where a figure of a bar is from."""
        return bar_origin(self.ts_code, row["trade_date"], column)

    def factors(self, row: RowMapping) -> tuple[Origin, ...]:
        """What a bar was adjusted by: the factor of its day, and that of the day that it is seen on."""
        days = dict.fromkeys((row["trade_date"], self.rows[-1]["trade_date"]))
        return tuple(bar_origin(self.ts_code, day, "adj_factor", "adj_factor") for day in days)

    def span(self, rows: Sequence[RowMapping], column: str) -> tuple[Origin, ...]:
        """The first and the last of some bars, and what they were adjusted by."""
        days = dict.fromkeys((rows[0]["trade_date"], rows[-1]["trade_date"]))
        return (*(bar_origin(self.ts_code, day, column) for day in days), *self.factors(rows[0]))


def bar_origin(ts_code: str, day: date, column: str, dataset: str = "daily") -> Origin:
    """A row of a trading day."""
    return Origin(dataset, {"trade_date": day.isoformat(), "ts_code": ts_code}, column)


def unbroken(company: Company, ground: Ground, rows: Sequence[RowMapping], suspended: Collection[date]) -> Bars | None:
    """The stretch of bars without a gap that ends on the day; None where the day has no adjusted bar."""
    by_day = {row["trade_date"]: row for row in rows if row["close"] is not None}
    if ground.day not in by_day:
        return None
    since = ground.day
    for session in reversed(ground.sessions):
        if company.list_date and session < company.list_date:
            break
        if session not in by_day and session not in suspended:
            break
        since = session
    kept = [row for day, row in sorted(by_day.items()) if day >= since]
    return Bars(company.ts_code, kept, since, company.list_date)
