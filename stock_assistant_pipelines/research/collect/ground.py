"""The ground of a day, which all its sheets share: trading days, what has landed, the index, stocks of the same industries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.research.collect.draft import end_of
from stock_assistant_pipelines.research.collect.rows import read
from stock_assistant_pipelines.research.evidence import DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import Connection

INDEX, INDEX_NAME = "000300.SH", "沪深300"
"""What every stock is measured against."""
SPANS = (5, 20, 60, 250)
"""Over how many trading days returns are told."""
SESSIONS = 500
"""Over how many trading days bars are read: two years, which all indicators fit in."""
PEERS = 5
"""How many stocks of an industry it takes to speak of it."""
MULTIPLES = ("pe_ttm", "pb", "ps_ttm", "dv_ttm")
"""The columns of `daily_basic` that are compared."""


class NoTradingDay(ValueError):
    """A day of which there can be no sheet: the calendar calls it closed, or does not know it."""


@dataclass(frozen=True)
class Peers:
    """The other side of a comparison: the stocks of one industry on the day."""

    returns: Mapping[int, Decimal]
    """By span: the median return in percent, of the stocks that traded on both days."""
    traded: Mapping[int, int]
    """By span: how many did."""
    multiples: Mapping[str, Sequence[Decimal]]
    """By column of `daily_basic`: the values of the day, nulls left out."""


@dataclass(frozen=True)
class Ground:
    """What all sheets of a day share."""

    day: date
    sessions: Sequence[date]
    """The trading days up to the day, the last `SESSIONS`, oldest first."""
    status: Mapping[str, str | None]
    """What is booked of the day, by dataset of `DATASETS` that has a booking at all."""
    landed: frozenset[str]
    """Datasets of which something landed, of a day or period up to the day."""
    index: Mapping[date, Decimal]
    """Closes of the index on the day and on the days that spans begin on."""
    peers: Mapping[str, Peers]
    """By industry."""

    @property
    def end(self) -> datetime:
        """The end of the day in Shanghai."""
        return end_of(self.day)

    def begins(self, span: int) -> date | None:
        """The trading day so many trading days before the day; None where the calendar does not reach."""
        return self.sessions[-1 - span] if span < len(self.sessions) else None

    def published(self, dataset: str, day: date | None = None) -> datetime:
        """Since when the rows of a trading day are known: the hour, in Shanghai, at which the source publishes them."""
        told = CATALOG[dataset].published_at(day or self.day)
        assert told is not None, f"{dataset} has no hour of publication"
        return told

    def absence(self, dataset: str) -> str:
        """Why a stock has no row of a dataset on the day, as far as what is booked of it says."""
        status = self.status.get(dataset)
        if status is None:
            return f"{dataset} of {self.day} has not landed"
        if status == "complete":
            return f"{dataset} of {self.day} is complete and has no row of this stock"
        return f"{dataset} of {self.day} is {status}, and has no row of this stock"


def read_ground(connection: Connection, day: date, industries: Iterable[str]) -> Ground:
    """Read the ground of a day for sheets of these industries. Raises `NoTradingDay`."""
    sessions = [row["cal_date"] for row in read(connection, "sessions", first=day - timedelta(days=800), day=day)]
    if not sessions or sessions[-1] != day:
        raise NoTradingDay(f"{day} is no trading day of the calendar: land trade_cal, or name a day that is one.")
    sessions = sessions[-SESSIONS:]
    days = [day, *(sessions[-1 - span] for span in SPANS if span < len(sessions))]
    booked = read(connection, "coverage", partition=day.isoformat(), datasets=list(DATASETS))
    closes = read(connection, "index_bars", index=INDEX, days=days)
    return Ground(
        day=day,
        sessions=sessions,
        status={row["dataset"]: row["status"] for row in booked},
        landed=frozenset(row["dataset"] for row in booked if row["landed"]),
        index={row["trade_date"]: row["close"] for row in closes if row["close"] is not None},
        peers=_peers(connection, days, sorted(set(industries))),
    )


def _peers(connection: Connection, days: Sequence[date], industries: list[str]) -> dict[str, Peers]:
    prices = read_peer_prices(connection, days, industries)
    multiples: defaultdict[str, defaultdict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for row in read(connection, "peer_valuations", industries=industries, day=days[0]):
        for name in MULTIPLES:
            if row[name] is not None:
                multiples[row["industry"]][name].append(row[name])
    found = {}
    for industry in industries:
        returns = {
            span: returns_of(prices[industry][begin], prices[industry][days[0]])
            for span, begin in zip(SPANS, days[1:], strict=False)
        }
        found[industry] = Peers(
            returns={span: median(each) for span, each in returns.items() if len(each) >= PEERS},
            traded={span: len(each) for span, each in returns.items()},
            multiples={name: sorted(values) for name, values in multiples[industry].items()},
        )
    return found


def read_peer_prices(
    connection: Connection, days: Sequence[date], industries: Sequence[str]
) -> Mapping[str, Mapping[date, Mapping[str, Decimal]]]:
    """Read the adjusted closes of the stocks of industries on some days; what is not there is an empty mapping."""
    prices: defaultdict[str, defaultdict[date, dict[str, Decimal]]] = defaultdict(lambda: defaultdict(dict))
    for row in read(connection, "peer_prices", industries=list(industries), days=list(days)):
        if row["price"] is not None:
            prices[row["industry"]][row["trade_date"]][row["ts_code"]] = row["price"]
    return prices


def returns_of(before: Mapping[str, Decimal], now: Mapping[str, Decimal]) -> list[Decimal]:
    """Returns in percent of the stocks that have a price at both ends."""
    return [(price / before[code] - 1) * 100 for code, price in now.items() if before.get(code)]
