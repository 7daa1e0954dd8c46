"""A market made by hand for the collectors: a year of bars of a few stocks, and four years of one company's filings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.research.collect import build
from stock_assistant_pipelines.warehouse import landing, versions
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.evidence import Sheet

DAY = date(2025, 3, 3)
"""A Monday."""
SESSIONS = [day for n in range(-440, 40) if (day := DAY + timedelta(days=n)).weekday() < 5]
PAST = [day for day in SESSIONS if day <= DAY]
MAIN = "600519.SH"
PEERS = (MAIN, "600001.SH", "600002.SH", "600003.SH", "600004.SH", "600005.SH")
NEW, HALTED = "688001.SH", "000002.SZ"
LISTED = PAST[-40]
EX_DAY = PAST[-90]
READ = datetime(2025, 3, 3, 12, tzinfo=UTC)
INDEX = "000300.SH"
MARKET = ("daily", "adj_factor", "daily_basic", "suspend_d", "index_daily")
REPORTS = ("income", "balancesheet", "cashflow", "fina_indicator", "forecast", "express", "dividend")
QUARTERS = [f"{year}{end}" for year in (2021, 2022, 2023, 2024) for end in ("0331", "0630", "0930", "1231")]
"""Report periods of the company; the last one is not disclosed by the day."""


def lay(connection: Connection) -> None:
    """Lay the whole market up to the day, and what is booked of it."""
    put(connection, "trade_cal", *({"exchange": "SSE", "cal_date": day, "is_open": 1} for day in SESSIONS))
    for code in (*PEERS, NEW, HALTED):
        put(connection, "stock_basic", company(code))
    for start, name in ((date(2001, 8, 27), "贵州茅台"), (date(2024, 5, 6), "茅台股份"), (date(2025, 3, 20), "ST茅台")):
        if start <= DAY:
            put(connection, "namechange", {"ts_code": MAIN, "name": name, "start_date": start})
    random = Random(7)
    for code in (*PEERS, NEW, HALTED):
        days = [day for day in PAST if code != NEW or day >= LISTED]
        put(connection, "adj_factor", *(factor(code, day) for day in days))
        bars = make_bars(code, days[:-1] if code == HALTED else days, random)
        put(connection, "daily", *bars)
        put(connection, "daily_basic", *(basic(code, bar, random) for bar in bars[-200:]))
    put(connection, "suspend_d", {"ts_code": HALTED, "trade_date": DAY, "suspend_type": "S"})
    close = Decimal(4000)
    for day in PAST:
        close += Decimal(random.randint(-300, 310)) / 10
        put(connection, "index_daily", {"ts_code": INDEX, "trade_date": day, "close": close})
    for api in MARKET:
        book(connection, api, DAY.isoformat())
    for api in REPORTS:
        book(connection, api, "2024-09-30")
    file_reports(connection)


def company(code: str) -> dict[str, Any]:
    listed = LISTED if code == NEW else date(2001, 8, 27)
    industry = "白酒" if code in PEERS else "软件"
    return {"ts_code": code, "name": f"名{code[:6]}", "industry": industry, "market": "主板", "list_date": listed}


def factor(code: str, day: date) -> dict[str, Any]:
    split = code == MAIN and day >= EX_DAY
    return {"ts_code": code, "trade_date": day, "adj_factor": Decimal("2.5") if split else Decimal(2)}


def make_bars(code: str, days: list[date], random: Random) -> list[dict[str, Any]]:
    """A walk of closes; one quarter more shares from the ex-date on."""
    bars, close = [], Decimal(100)
    for day in days:
        before = close
        if code == MAIN and day == EX_DAY:
            before = (before * 2 / Decimal("2.5")).quantize(Decimal("0.01"))
        close = before + Decimal(random.randint(-150, 156)) / 100
        spread = Decimal(random.randint(0, 120)) / 100
        bars.append(
            {
                "ts_code": code,
                "trade_date": day,
                "open": before,
                "high": max(before, close) + spread,
                "low": min(before, close) - spread,
                "close": close,
                "pre_close": before,
                "change": close - before,
                "pct_chg": ((close / before - 1) * 100).quantize(Decimal("0.0001")),
                "vol": Decimal(random.randint(100, 9000)) + Decimal("0.5"),
                "amount": Decimal(random.randint(1000, 90000)) + Decimal("0.125"),
            }
        )
    return bars


def basic(code: str, bar: dict[str, Any], random: Random) -> dict[str, Any]:
    multiples = {name: Decimal(random.randint(100, 900)) / 10 for name in ("pe_ttm", "pb", "ps_ttm")}
    if code == "600001.SH":
        multiples["pe_ttm"] = None  # type: ignore[assignment]
    shares = {"total_mv": Decimal("12345.6789"), "circ_mv": Decimal("2345.6789"), "turnover_rate": Decimal("0.5")}
    return {"ts_code": code, "trade_date": bar["trade_date"], "close": bar["close"], **multiples, **shares}


def year_to_date(period: str, scale: int) -> int:
    """A figure that counts from the start of the year, and grows from year to year."""
    quarter = int(period[4:6]) // 3
    return scale * quarter * (int(period[:4]) - 2015) + 7 * quarter**2


def file_reports(connection: Connection) -> None:
    """What the company filed: every quarter six weeks after its end, and once more of 2023, restated."""
    for period in QUARTERS[:-1]:
        announced = (datetime.strptime(period, "%Y%m%d") + timedelta(days=42)).strftime("%Y%m%d")  # noqa: DTZ007
        file_period(connection, period, announced)
    tell(
        connection,
        "income",
        statement("20231231", "20240901", kind="1", **income("20231231") | {"revenue": 8_888, "n_income_attr_p": 888}),
        statement("20231231", "20240211", kind="5", **income("20231231")),
    )
    tell(
        connection,
        "forecast",
        {
            "ts_code": MAIN,
            "end_date": "20241231",
            "ann_date": "20250120",
            "type": "预增",
            "p_change_min": 10,
            "p_change_max": 20.5,
            "net_profit_min": 80.25,
            "net_profit_max": 90,
        },
    )
    tell(
        connection,
        "express",
        {
            "ts_code": MAIN,
            "end_date": "20241231",
            "ann_date": "20250225",
            "revenue": 41_000,
            "n_income": 8_000,
            "diluted_eps": 1.5,
            "diluted_roe": 12.5,
        },
    )
    paid = {"ts_code": MAIN, "end_date": "20231231", "ann_date": "20240401", "cash_div_tax": 3.07, "stk_div": 0}
    tell(
        connection,
        "dividend",
        {**paid, "div_proc": "预案"},
        {**paid, "div_proc": "实施", "imp_ann_date": "20240610", "ex_date": "20240618", "record_date": "20240617"},
    )


def income(period: str) -> dict[str, int]:
    scales = {"revenue": 1000, "oper_cost": 600, "operate_profit": 300, "n_income": 220, "n_income_attr_p": 200}
    return {name: year_to_date(period, scale) for name, scale in scales.items()}


def file_period(connection: Connection, period: str, announced: str, at: datetime = READ, more: int = 0) -> None:
    """File all four of a period."""
    told = {"at": at}
    figures = {name: value + more for name, value in income(period).items()}
    tell(connection, "income", statement(period, announced, comp_type="1", **figures), **told)
    cash = year_to_date(period, 250) + more
    tell(connection, "cashflow", statement(period, announced, n_cashflow_act=cash), **told)
    sheet = {"money_cap": 500, "total_assets": 9_000, "total_liab": 3_000, "total_hldr_eqy_exc_min_int": 6_000}
    grown = {name: value * (int(period[:4]) - 2020) + more for name, value in sheet.items()}
    tell(connection, "balancesheet", statement(period, announced, **grown), **told)
    ratios = {"roe": 10 + int(period[3]) + more, "grossprofit_margin": 40, "interestdebt": 700, "current_ratio": 1.5}
    row = {"ts_code": MAIN, "end_date": period, "ann_date": announced, "update_flag": "1", **ratios}
    tell(connection, "fina_indicator", row, **told)


def statement(period: str, announced: str, kind: str = "1", **figures: Any) -> dict[str, Any]:
    row = {"ts_code": MAIN, "end_date": period, "report_type": kind, "update_flag": "1"}
    return {**row, "ann_date": announced, "f_ann_date": announced, **figures}


def tell(connection: Connection, api: str, *rows: dict[str, Any], at: datetime = READ) -> None:
    """Add one answer, as the pipelines do."""
    dataset = CATALOG[api]
    landing.stage(connection, dataset, [tuple(row.get(name) for name in dataset.fields) for row in rows])
    versions.append(connection, dataset, at=at, run_id=None)
    connection.execute(text(f"TRUNCATE {landing.stage_name(dataset)}"))  # as the end of a transaction does


def put(connection: Connection, api: str, *rows: dict[str, Any]) -> None:
    connection.execute(insert(METADATA.tables[api]), list(rows))


def book(connection: Connection, api: str, partition: str, status: str = "complete") -> None:
    counts = dict.fromkeys(("landed", "calls", "inserted", "updated", "deleted"), 1)
    row = {"dataset": api, "partition": partition, "status": status, "landed_at": "2025-03-03T20:00+08:00"}
    connection.execute(text("DELETE FROM coverage WHERE dataset = :d AND partition = :p"), {"d": api, "p": partition})
    connection.execute(insert(COVERAGE), {**row, **counts})


def change(connection: Connection, statement: str, **values: Any) -> None:
    """Change rows by hand. `:main` and `:day` are filled in."""
    connection.execute(text(statement), {"main": MAIN, "day": DAY, **values})


def sheet(connection: Connection, code: str = MAIN, day: date = DAY) -> Sheet:
    return build(connection, code, day)


def values(sheet: Sheet) -> dict[str, Any]:
    """The figures, or texts, by id."""
    return {item.id: item.text if item.value is None else item.value for item in sheet.items}


def query(connection: Connection, statement: str, **words: Any) -> list[Any]:
    """Rows of a query that the test asks itself; bare values where it is one column."""
    rows = [tuple(row) for row in connection.execute(text(statement), {"main": MAIN, "day": DAY, **words})]
    return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows
