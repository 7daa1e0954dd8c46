"""A ground for the laws: a few stocks on a row of trading days, whole and lawful until a test spoils it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from stock_assistant_pipelines.warehouse import laws, verdicts
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.warehouse.verdicts import Verdict

FIRST = date(2025, 2, 3)
"""A Monday."""
SESSIONS = [FIRST + timedelta(weeks=week, days=day) for week in range(14) for day in range(5)]
CODES = tuple(f"{600000 + n}.SH" for n in range(40))
PARTITIONED = ("daily", "adj_factor", "stk_limit", "suspend_d")
LAWS = {law.name: law for law in laws.LAWS if law.name != "nulls"}


@dataclass
class Ground:
    """The tables of one test, in a transaction that is rolled back."""

    connection: Connection

    def lay(self, days: int = 3) -> list[date]:
        """Lay these last days: every stock trades at 10.00, and all is complete. Returns the days."""
        chosen = SESSIONS[-days:]
        span = (chosen[-1] - date(2025, 1, 1)).days + 1
        calendar = [date(2025, 1, 1) + timedelta(days=n) for n in range(span)]
        self.put(
            "trade_cal",
            *({"exchange": "SSE", "cal_date": day, "is_open": int(day.weekday() < 5)} for day in calendar),
        )
        self.put("stock_basic", *({"ts_code": code, "name": code, "list_date": date(2010, 1, 4)} for code in CODES))
        self.book("stock_basic", "all")
        for day in chosen:
            self.put("daily", *(bar(code, day) for code in CODES))
            self.put("adj_factor", *({"ts_code": code, "trade_date": day, "adj_factor": 1} for code in CODES))
            limits = {"trade_date": day, "up_limit": 11, "down_limit": 9}
            self.put("stk_limit", *({"ts_code": code, **limits} for code in CODES))
            for api in PARTITIONED:
                self.book(api, day.isoformat())
        return chosen

    def put(self, api: str, *rows: dict[str, Any]) -> None:
        self.connection.execute(insert(METADATA.tables[api]), list(rows))

    def book(self, api: str, partition: str, status: str = "complete") -> None:
        counts = dict.fromkeys(("landed", "calls", "inserted", "updated", "deleted"), 1)
        row = {
            "dataset": api,
            "partition": partition,
            "status": status,
            "landed_at": "2025-05-12T20:00+08:00",
            **counts,
        }
        self.connection.execute(delete(COVERAGE).where(COVERAGE.c.dataset == api, COVERAGE.c.partition == partition))
        self.connection.execute(insert(COVERAGE), row)

    def change(self, api: str, code: str, day: date, **values: Any) -> None:
        """Give one row other values."""
        self.connection.execute(update(METADATA.tables[api]).where(*_one(api, code, day)).values(values))

    def remove(self, api: str, code: str, day: date) -> None:
        self.connection.execute(delete(METADATA.tables[api]).where(*_one(api, code, day)))

    def relabel(self, api: str, day: date, other: date) -> None:
        """Have a day hold the rows of another."""
        table = METADATA.tables[api]
        rows = [
            dict(row) for row in self.connection.execute(select(table).where(table.c.trade_date == other)).mappings()
        ]
        self.connection.execute(delete(table).where(table.c.trade_date == day))
        self.put(api, *({**row, "trade_date": day} for row in rows))

    def judge(self, name: str, *days: date) -> Verdict:
        return verdicts.judge_law(self.connection, LAWS[name], days)

    def nulls(self, api: str, *days: date) -> Verdict:
        law = next(law for law in laws.LAWS if law.name == "nulls" and law.reads == (api,))
        return verdicts.judge_law(self.connection, law, days)


def bar(code: str, day: date, close: Any = 10, pre_close: Any = 10, **columns: Any) -> dict[str, Any]:
    close, pre_close = Decimal(close), Decimal(pre_close)
    flat = dict.fromkeys(("open", "high", "low", "close"), close)
    change = {"pre_close": pre_close, "change": close - pre_close, "pct_chg": 0}
    return {"ts_code": code, "trade_date": day, **flat, **change, "vol": 100, "amount": 1000, **columns}


def _one(api: str, code: str, day: date) -> list[Any]:
    table = METADATA.tables[api]
    return [table.c.ts_code == code, table.c.trade_date == day]
