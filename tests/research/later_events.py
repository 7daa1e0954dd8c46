"""What may happen after the day of the made market, told as a source tells it then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from evidence_market import (
    DAY,
    HALTED,
    INDEX,
    MAIN,
    PEERS,
    QUARTERS,
    SESSIONS,
    book,
    change,
    company,
    file_period,
    make_bars,
    put,
    statement,
    tell,
)

if TYPE_CHECKING:
    from random import Random

    from sqlalchemy import Connection

LATER = [day for day in SESSIONS if day > DAY]


@dataclass
class Later:
    """What may happen on a later day, told as a source tells it then: one method per event."""

    connection: Connection
    day: date
    random: Random

    def __post_init__(self) -> None:
        self.code = self.random.choice([*PEERS, HALTED])
        self.compact = self.day.strftime("%Y%m%d")
        self.at = datetime(self.day.year, self.day.month, self.day.day, 13, tzinfo=UTC)
        self.number = Decimal(self.random.randint(1, 10_000)) / 100

    def put(self, api: str, **values: Any) -> None:
        put(self.connection, api, {"ts_code": self.code, "trade_date": self.day, **values})

    def tell(self, api: str, **values: Any) -> None:
        row = {"ts_code": MAIN, "end_date": "20241231", "ann_date": self.compact, **values}
        tell(self.connection, api, row, at=self.at)

    def bar(self) -> None:
        put(self.connection, "daily", *make_bars(self.code, [self.day], self.random))

    def factor(self) -> None:
        self.put("adj_factor", adj_factor=self.number)

    def valuation(self) -> None:
        self.put("daily_basic", pe_ttm=self.number, pb=self.number, total_mv=self.number)

    def suspension(self) -> None:
        self.put("suspend_d", suspend_type="S")

    def index(self) -> None:
        self.put("index_daily", ts_code=INDEX, close=self.number)

    def name(self) -> None:
        put(self.connection, "namechange", {"ts_code": MAIN, "name": "ST茅台", "start_date": self.day})

    def delisting(self) -> None:
        statement = "UPDATE stock_basic SET delist_date = :later WHERE ts_code = :main"
        change(self.connection, statement, later=self.day)

    def period(self) -> None:
        file_period(self.connection, QUARTERS[-1], self.compact, self.at, more=int(self.number))

    def restatement(self) -> None:
        kind, period = self.random.choice("145"), self.random.choice(QUARTERS[5:-1])
        row = statement(period, self.compact, kind, revenue=self.number, n_income_attr_p=self.number)
        tell(self.connection, "income", row, at=self.at)

    def forecast(self) -> None:
        self.tell("forecast", type="预减", p_change_min=self.number)

    def express(self) -> None:
        self.tell("express", revenue=self.number, update_flag="1")

    def dividend(self) -> None:
        paid = {"imp_ann_date": self.compact, "ex_date": self.compact, "cash_div_tax": self.number}
        self.tell("dividend", end_date="20231231", ann_date="20240401", div_proc="实施", **paid)

    def listing(self) -> None:
        put(
            self.connection,
            "stock_basic",
            {**company(f"301{self.day:%j}.SZ"), "name": "云海控股", "list_date": self.day},
        )

    def booking(self) -> None:
        for api in ("daily", "forecast"):
            book(self.connection, api, self.day.isoformat(), "partial")


EVENTS = tuple(name for name in vars(Later) if not name.startswith("_") and name not in {"put", "tell"})

OF_A_STOCK = ("bar", "factor", "valuation", "suspension")
"""Those that may happen to each stock; the others happen to the main one, or to none."""
