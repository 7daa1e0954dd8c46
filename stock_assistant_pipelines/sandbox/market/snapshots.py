"""Tushare's rows without a time axis, as they read on one day: calendar, stocks, names, indices."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.sandbox.market.companies import companies
from stock_assistant_pipelines.sandbox.market.indices import INDICES
from stock_assistant_pipelines.sandbox.market.invention import invent
from stock_assistant_pipelines.sandbox.market.listing import BOARDS
from stock_assistant_pipelines.sandbox.market.noise import Stream, uniform
from stock_assistant_pipelines.sandbox.table import Table, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.market.days import Days

CONNECT = {"SSE": "H", "SZSE": "S"}
EXCHANGES = ("SSE", "SZSE")


class Snapshots:
    """What the interfaces without a time axis say, on any day. Days are `YYYYMMDD`, both included."""

    def __init__(self, days: Days) -> None:
        self._days = days
        self._companies = companies(days.seed, days.stocks)
        self._makers = {
            "trade_cal": self.trade_cal,
            "stock_basic": self.stock_basic,
            "namechange": self.namechange,
            "index_basic": self.index_basic,
        }

    def table(self, dataset: Dataset, today: str) -> Table:
        """All rows of a dataset as they read on this day; made up from its columns when nothing better is known."""
        maker = self._makers.get(dataset.api)
        return maker(today) if maker else self._made_up(dataset, today)

    def trade_cal(self, today: str) -> Table:
        """Every calendar day of two exchanges since 1990-12-19, to the end of this year, newest first."""
        sessions = self._days.sessions
        end = date(int(today[:4]) + 1, 1, 1)
        calendar = (
            np.arange(MARKET_OPENED.isoformat(), end.isoformat(), dtype="datetime64[D]")[::-1].astype(str).tolist()
        )
        days = [day.replace("-", "") for day in calendar]
        numbers = np.array(days, dtype=np.int64)
        before = np.searchsorted(sessions.numbers, numbers)
        is_open = np.isin(numbers, sessions.numbers).astype(np.int64)
        previous = texts([sessions.days[n - 1] if n else None for n in before.tolist()])
        count = len(EXCHANGES)
        return Table(
            {
                "exchange": np.tile(texts(EXCHANGES), len(days)),
                "cal_date": np.repeat(texts(days), count),
                "is_open": np.repeat(is_open, count),
                "pretrade_date": np.repeat(previous, count),
            }
        )

    def stock_basic(self, today: str) -> Table:
        """Every stock listed until this day, whatever became of it."""
        stocks, sessions = self._days.stocks, self._days.sessions
        now = sessions.at_or_before(today)
        rows = []
        for stock in np.flatnonzero(stocks.first <= now).tolist():
            board, company = BOARDS[int(stocks.board[stock])], self._companies[stock]
            gone = int(stocks.last[stock]) <= now
            name = company.name_on(now)
            rows.append(
                {
                    "ts_code": stocks.codes[stock],
                    "symbol": stocks.codes[stock][:6],
                    "name": name,
                    "area": None if gone else company.area,
                    "industry": None if gone else company.industry,
                    "fullname": company.full_name,
                    "enname": company.english,
                    "cnspell": "*st" + company.spelling[:2] if name.startswith("*ST") else company.spelling,
                    "market": board.name,
                    "exchange": board.exchange,
                    "curr_type": "CNY",
                    "list_status": "D" if gone else "P" if int(stocks.paused[stock]) <= now else "L",
                    "list_date": sessions.days[int(stocks.first[stock])],
                    "delist_date": sessions.days[int(stocks.last[stock])] if gone else None,
                    "is_hs": CONNECT.get(board.exchange, "N") if company.connected and not gone else "N",
                    "act_name": company.owner,
                    "act_ent_type": company.owner_kind,
                }
            )
        return _by_column(rows)

    def namechange(self, today: str) -> Table:
        """Every name borne until this day, by stock and newest first; `ann_date` is unknown for three in ten."""
        stocks, sessions = self._days.stocks, self._days.sessions
        now = sessions.at_or_before(today)
        silent = uniform(self._days.seed, Stream.ANNOUNCED, stocks.ids) < 0.3
        rows = [
            {
                "ts_code": code,
                "name": name.name,
                "start_date": sessions.days[name.start],
                "end_date": _eve(sessions.days[name.end]) if name.end <= now else None,
                "ann_date": None if silent[stock] else sessions.days[max(name.start - 1, 0)],
                "change_reason": name.reason,
            }
            for stock, code in enumerate(stocks.codes)
            for name in reversed(self._companies[stock].names)
            if name.start <= now
        ]
        return _by_column(rows)

    def index_basic(self, today: str) -> Table:
        """Every index published until this day."""
        return _by_column(
            {
                "ts_code": index.ts_code,
                "name": index.name,
                "fullname": index.name + "指数" if not index.name.endswith("指数") else index.name,
                "market": index.market,
                "publisher": index.publisher,
                "index_type": None,
                "category": index.category,
                "base_date": index.base_date,
                "base_point": index.base_point,
                "list_date": index.list_date,
                "weight_rule": "派许加权",
                "desc": None,
                "exp_date": index.exp_date if (index.exp_date or today) < today else None,
            }
            for index in INDICES
            if index.list_date <= today
        )

    def _made_up(self, dataset: Dataset, today: str) -> Table:
        """One row per stock listed until this day, or five rows where there is no `ts_code`."""
        stocks, now = self._days.stocks, self._days.sessions.at_or_before(today)
        members = np.flatnonzero(stocks.first <= now) if "ts_code" in dataset.by_name else np.arange(5)
        fixed = {"ts_code": texts(stocks.codes)[members]} if "ts_code" in dataset.by_name else {}
        return Table(invent(self._days.seed, dataset, members, np.zeros(len(members), np.int64), fixed))


def _eve(day: str) -> str:
    """The calendar day before."""
    return (datetime.strptime(day, "%Y%m%d") - timedelta(days=1)).strftime("%Y%m%d")  # noqa: DTZ007 - a day, no moment


def _by_column(rows: Iterable[Mapping[str, str | float | None]]) -> Table:
    listed = list(rows)
    return Table({name: texts([row[name] for row in listed]) for name in (listed[0] if listed else ())})  # type: ignore[misc]
