"""Raw rows: what the tables hold of one stock, read by plain queries; and which version of a filing stood on a day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from bench.recomputed.printed import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from sqlalchemy import Connection

    Row = Mapping[str, Any]

SHANGHAI = timezone(timedelta(hours=8))
INDEX = "000300.SH"
OF_STOCK = {
    "daily": "trade_date", "adj_factor": "trade_date", "daily_basic": "trade_date", "suspend_d": "trade_date",
    "income": "end_date", "cashflow": "end_date", "balancesheet": "end_date", "fina_indicator": "end_date",
    "forecast": "end_date", "express": "end_date", "dividend": "end_date", "namechange": "start_date",
    "stock_basic": "ts_code",
}  # fmt: skip
"""The tables that are read whole for a stock, and by what they are ordered."""


@dataclass(frozen=True)
class Bar:
    """A bar adjusted to the newest factor of the day, to four decimals."""

    day: date
    high: Fraction
    low: Fraction
    close: Fraction
    volume: Fraction | None


@dataclass
class Raw:
    """One stock on one day."""

    connection: Connection
    ts_code: str
    day: date

    @cached_property
    def end(self) -> datetime:
        """The end of the day in Shanghai."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=SHANGHAI) + timedelta(days=1)

    @cached_property
    def tables(self) -> Mapping[str, Sequence[Row]]:
        """All rows of the stock."""
        found = {}
        for name, order in OF_STOCK.items():
            query = text(f"select * from {name} where ts_code = :code order by {order}")
            found[name] = list(self.connection.execute(query, {"code": self.ts_code}).mappings())
        return found

    def of_day(self, table: str) -> Row:
        """The row of the day. Raises `LookupError`."""
        for row in self.tables[table]:
            if row["trade_date"] == self.day:
                return row
        raise LookupError(f"{table} has no row of the day")

    @cached_property
    def sessions(self) -> list[date]:
        """All trading days up to the day."""
        query = "select cal_date from trade_cal where is_open = 1 and exchange = 'SSE' and cal_date <= :day order by 1"
        return list(self.connection.execute(text(query), {"day": self.day}).scalars())

    def session(self, before: int) -> date:
        """The trading day so many trading days before."""
        return self.sessions[-1 - before]

    @cached_property
    def halted(self) -> set[date]:
        """The days that the stock was suspended for as a whole."""
        rows = self.tables["suspend_d"]
        return {row["trade_date"] for row in rows if row["suspend_type"] == "S" and row["suspend_timing"] is None}

    @cached_property
    def bars(self) -> list[Bar]:
        """Adjusted bars back to the first trading day with neither a bar nor a suspension; two years at the most."""
        factors = {row["trade_date"]: row["adj_factor"] for row in self.tables["adj_factor"]}
        newest = next(factors[day] for day in sorted(factors, reverse=True) if day <= self.day)
        bars = {}
        for row in self.tables["daily"]:
            if row["trade_date"] <= self.day and row["trade_date"] in factors:
                by = Fraction(factors[row["trade_date"]]) / Fraction(newest)
                high, low, close = (nearest(Fraction(row[name]) * by, 4) for name in ("high", "low", "close"))
                bars[row["trade_date"]] = Bar(row["trade_date"], high, low, close, exact(row["vol"]))
        kept: list[Bar] = []
        for day in reversed(self.sessions[-500:]):
            if day in bars:
                kept.append(bars[day])
            elif day not in self.halted:
                break
        return kept[::-1]

    def index(self, day: date) -> Fraction:
        """The close of the index. Raises `LookupError` where there is none."""
        query = text("select close from index_daily where ts_code = :code and trade_date = :day")
        found = self.connection.execute(query, {"code": INDEX, "day": day}).scalar()
        if found is None:
            raise LookupError(f"no index of {day}")
        return Fraction(found)

    @cached_property
    def peers(self) -> list[str]:
        """The stocks of its industry."""
        query = (
            "select ts_code from stock_basic where industry = (select industry from stock_basic where ts_code = :code)"
        )
        return list(self.connection.execute(text(query), {"code": self.ts_code}).scalars())

    def statement(self, table: str, period: date, *, kinds: str = "15") -> Row | None:
        """The statement of a period that stood at the end of the day: the company's own, or what it was before."""
        valid = self._valid(table, period, kinds)
        return max(valid, key=_rank, default=None)

    def told(self, table: str, period: date, figure: str) -> list[Fraction]:
        """What a figure was told to be by the day, restated reports taken along, in the order of becoming known."""
        rows = sorted(self._valid(table, period, "154"), key=_rank)
        return [Fraction(row[figure]) for row in rows if row[figure] is not None]

    def newest(self, table: str, period: date) -> Row | None:
        """Of a table without report types: the version of a period that was known last."""
        return max(self.known(table, period), key=_rank, default=None)

    def known(self, table: str, period: date) -> list[Row]:
        """The versions of a period that were known at the end of the day and had not been taken back."""
        return [
            row
            for row in self.tables[table]
            if row["end_date"] == period
            and row["known_at"] is not None
            and row["known_at"] <= self.end
            and (row["known_until"] is None or row["known_until"] > self.end)
        ]

    def _valid(self, table: str, period: date, kinds: str) -> list[Row]:
        """Type 5 is what type 1 was before. Where type 1 bears no later day, it counts only since it was read."""
        known = [row for row in self.known(table, period) if row["report_type"] in kinds]
        by_kind: defaultdict[str, list[Row]] = defaultdict(list)
        for row in known:
            by_kind[row["report_type"]].append(row)

        def gives_way(row: Row) -> bool:
            if row["report_type"] == "1":
                unread = row["ingested_at"] > self.end
                return unread and any(first["known_at"] >= row["known_at"] for first in by_kind["5"])
            if row["report_type"] == "5":
                return any(
                    own["known_at"] <= row["known_at"] and own["ingested_at"] <= self.end for own in by_kind["1"]
                )
            return False

        return [row for row in known if not gives_way(row)]


def _rank(row: Row) -> tuple[Any, ...]:
    """By which of the versions the last one is known: day, kind, flag, when it was read, how much it says."""
    kind = {"1": 0, "5": 1, "4": 2}.get(row.get("report_type", "1"), 0)
    return row["known_at"], kind, row.get("update_flag") or "", row["ingested_at"], row["filled"]


def exact(value: Decimal | None) -> Fraction | None:
    """A figure of a row, exactly."""
    return None if value is None else Fraction(value)


def median(values: Iterable[Fraction]) -> Fraction:
    """The one in the middle, or the mean of the two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
