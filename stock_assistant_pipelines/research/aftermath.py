"""The aftermath of a day: what stocks, the index and industries did from its close to the closes of later days."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import text

from stock_assistant_pipelines.research.collect.ground import INDEX, PEERS, read_peer_prices, returns_of
from stock_assistant_pipelines.research.collect.rows import read
from stock_assistant_pipelines.research.queries import query

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection

EXACT = Decimal("0.000001")
"""To how many places returns are kept, in percent."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Whose aftermath it is."""

    ts_code: str
    industry: str | None
    delisted: date | None


@dataclass(frozen=True, slots=True)
class Told:
    """A return in percent; None where it cannot be told. Why not, or how else than by the closes of both days it was told."""

    value: Decimal | None
    lacks: str | None = None


@dataclass(frozen=True)
class Aftermath:
    """What was read of a day and the days after it."""

    day: date
    lacking: Sequence[str]
    """What of the day itself has not landed whole: a stock without a close on it may have traded."""
    closes: Mapping[tuple[str, date], tuple[date, Decimal]]
    """By stock and day: the last adjusted close up to it, and of which day it is."""
    suspended: frozenset[tuple[str, date]]
    index: Mapping[date, Told]
    """By last day: the return of CSI 300."""
    industries: Mapping[tuple[str | None, date], Told]
    """By industry, as it is known now, and last day: the median return of its stocks that traded on both days."""

    def of_stock(self, stock: Stock, end: date) -> Told:
        """The adjusted return of a stock. One that does not trade on a day has its last close."""
        begun, ended = self.closes.get((stock.ts_code, self.day)), self.closes.get((stock.ts_code, end))
        if begun is None or ended is None:
            return Told(None, f"it has no adjusted close up to {self.day}")
        if begun[0] < self.day and self.lacking:
            return Told(
                None, f"it has no adjusted close of {self.day}, which is not complete in {', '.join(self.lacking)}"
            )
        if begun[0] == ended[0]:
            return Told(None, f"it has no adjusted close after {begun[0]} and up to {end}")
        remarks = (self._remark(stock, self.day, begun[0]), self._remark(stock, end, ended[0]))
        return Told(_change(begun[1], ended[1]), "; ".join(filter(None, remarks)) or None)

    def _remark(self, stock: Stock, day: date, last: date) -> str | None:
        """Why the close of another day stands for that of this one."""
        if last == day:
            return None
        if stock.delisted and stock.delisted <= day:
            return f"delisted on {stock.delisted}: its last close, of {last}, is taken"
        why = "suspended on" if (stock.ts_code, day) in self.suspended else "it has no adjusted close of"
        return f"{why} {day}: the close of {last} is taken"


def read_aftermath(
    connection: Connection, stocks: Sequence[Stock], day: date, ends: Sequence[date], lacking: Sequence[str]
) -> Aftermath:
    """Read what these stocks, the index and their industries did from a day's close to those of later days."""
    codes = sorted({stock.ts_code for stock in stocks})
    closes = connection.execute(text(query("last_closes")), {"codes": codes, "days": [day, *ends]})
    suspended = read(connection, "suspensions", codes=codes, first=day, day=max(ends))
    return Aftermath(
        day=day,
        lacking=lacking,
        closes={(row.ts_code, row.day): (row.trade_date, row.price) for row in closes},
        suspended=frozenset((row["ts_code"], row["trade_date"]) for row in suspended),
        index=_read_index(connection, day, ends),
        industries=_read_industries(connection, {stock.industry for stock in stocks if stock.industry}, day, ends),
    )


def _read_index(connection: Connection, day: date, ends: Sequence[date]) -> dict[date, Told]:
    rows = read(connection, "index_bars", index=INDEX, days=[day, *ends])
    closes = {row["trade_date"]: row["close"] for row in rows if row["close"]}
    told = {}
    for end in ends:
        gone = [each.isoformat() for each in (day, end) if each not in closes]
        lacks = f"index_daily has no {INDEX} of {', '.join(gone)}"
        told[end] = Told(None, lacks) if gone else Told(_change(closes[day], closes[end]))
    return told


def _read_industries(
    connection: Connection, industries: Collection[str], day: date, ends: Sequence[date]
) -> dict[tuple[str | None, date], Told]:
    prices = read_peer_prices(connection, [day, *ends], sorted(industries))
    told: dict[tuple[str | None, date], Told] = {}
    for end in ends:
        told[None, end] = Told(None, "stock_basic tells no industry of it")
        for industry in industries:
            returns = returns_of(prices[industry][day], prices[industry][end])
            lacks = f"{len(returns)} stocks of its industry traded on both days, fewer than {PEERS}"
            enough = len(returns) >= PEERS
            told[industry, end] = Told(median(returns).quantize(EXACT)) if enough else Told(None, lacks)
    return told


def _change(before: Decimal, after: Decimal) -> Decimal:
    return ((after / before - 1) * 100).quantize(EXACT)
