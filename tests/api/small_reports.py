"""What two companies of the small market report, added as the pipelines add it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from small_market import connected, covered
from sqlalchemy import text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse import landing, versions
from stock_assistant_pipelines.warehouse.tables import COVERAGE

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAOTAI, PINGAN = "600519.SH", "000001.SZ"
READ = datetime(2024, 7, 1, 12, 0, tzinfo=UTC)
"""When all of it was read, but for the correction."""
CORRECTED = datetime(2024, 9, 1, 12, 0, tzinfo=UTC)

Row = dict[str, Any]


def statement(code: str, period: str, announced: str, kind: str = "1", flag: str = "1", **figures: Any) -> Row:
    """A statement that was announced on a day."""
    row = {"ts_code": code, "end_date": period, "report_type": kind, "update_flag": flag, "comp_type": "1"}
    return {**row, "ann_date": announced, "f_ann_date": announced, **figures}


INCOME = [
    statement(MAOTAI, "20220331", "20220427", revenue=330),
    statement(MAOTAI, "20220630", "20220803", revenue=600),
    statement(MAOTAI, "20221231", "20230331", revenue=1240, n_income=600, flag="0"),
    statement(MAOTAI, "20221231", "20230331", revenue=1241, n_income=600),
    statement(MAOTAI, "20221231", "20240403", revenue=1250, n_income=610, kind="4"),
    statement(MAOTAI, "20230331", "20230426", revenue=390),
    statement(MAOTAI, "20230630", "20230803", revenue=710),
    statement(MAOTAI, "20231231", "20240403", revenue=1500),
    statement(MAOTAI, "20240331", "20240427", revenue=465),
    statement(PINGAN, "20231231", "20240315", revenue=1647),
    statement(PINGAN, "20240331", "20240120", revenue=9),  # before the period was over
]
CORRECTION = statement(MAOTAI, "20231231", "20240403", revenue=1505) | {"f_ann_date": "20240820"}
"""In the place of the annual report of 2023."""

INDICATORS = [
    {"ts_code": MAOTAI, "end_date": "20231231", "ann_date": "20240403", "update_flag": "0", "eps": 20},
    {"ts_code": MAOTAI, "end_date": "20231231", "ann_date": "20240403", "update_flag": "1", "eps": 59.49},
]

PLAN = {"ts_code": MAOTAI, "end_date": "20231231", "ann_date": "20240403", "cash_div_tax": 30.876, "cash_div": 0}
PAID = {"imp_ann_date": "20240614", "record_date": "20240618", "ex_date": "20240619", "cash_div": 30.876}
DIVIDENDS = [
    {**PLAN, "div_proc": "预案"},
    {**PLAN, **PAID, "div_proc": "实施"},
    # a second plan, of another period, that is paid on the same day
    {
        **PLAN,
        **PAID,
        "div_proc": "实施",
        "end_date": "20230930",
        "ann_date": "20231121",
        "cash_div_tax": 1.2,
        "stk_div": 0.5,
    },
]

FORECASTS = [
    {
        "ts_code": MAOTAI,
        "end_date": "20231231",
        "ann_date": "20231215",
        "type": "预增",
        "p_change_min": 10,
        "update_flag": "0",
    },
    {
        "ts_code": MAOTAI,
        "end_date": "20231231",
        "ann_date": "20240110",
        "type": "预增",
        "p_change_min": 17,
        "update_flag": "0",
    },
]

PLANNED = {"ts_code": MAOTAI, "end_date": "20231231", "ann_date": "20231229", "pre_date": "20240330"}
DISCLOSURES = [PLANNED, {**PLANNED, "actual_date": "20240403"}]
"""The plan, and after it what the source overwrote it with."""


def tell(connection: Connection, api: str, *rows: Row, at: datetime = READ) -> None:
    """Add one answer. Columns that are not given are null."""
    dataset = CATALOG[api]
    landing.stage(connection, dataset, [tuple(row.get(name) for name in dataset.fields) for row in rows])
    versions.append(connection, dataset, at=at, run_id=None)
    connection.execute(text(f"TRUNCATE {landing.stage_name(dataset)}"))  # as the end of a transaction does


def fill(url: str) -> None:
    """Add the reports."""
    periods = [date(2023, 12, 31), date(2024, 3, 31)]
    whole = [covered("income", period.isoformat(), landed=2, expected=2) for period in periods]
    lacking = {
        "landed": 0,
        "expected": 2,
        "missing": 2,
        "missing_keys": [PINGAN, MAOTAI],
        "reason": "2 of 2 are missing",
    }
    with connected(url) as engine, engine.begin() as connection:
        connection.execute(COVERAGE.insert(), [*whole, covered("income", "2023-09-30", "failed", reason="HTTP 502")])
        connection.execute(COVERAGE.insert(), [covered("balancesheet", "2023-12-31", "empty", **lacking)])
        tell(connection, "income", *INCOME)
        tell(connection, "income", CORRECTION, at=CORRECTED)
        tell(connection, "fina_indicator", *INDICATORS)
        tell(connection, "dividend", *DIVIDENDS)
        tell(connection, "forecast", *FORECASTS)
        for at, row in zip((READ.replace(month=1), READ), DISCLOSURES, strict=True):
            tell(connection, "disclosure_date", row, at=at)
