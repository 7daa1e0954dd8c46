"""Report periods that hold fewer versions than before are not believed until all is asked for again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, insert

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.periods import parts, whole_parts
from stock_assistant_pipelines.warehouse import coverage, filing
from stock_assistant_pipelines.warehouse.filing import Work
from stock_assistant_pipelines.warehouse.holes import GONE
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.coverage import Coverage

INDICATORS = CATALOG["fina_indicator"]
PERIOD = date(2025, 9, 30)
AT = datetime(2025, 11, 20, 21, 0, tzinfo=SHANGHAI)
CODES = ("000002.SZ", "600519.SH")
ROWS = [
    tuple({"ts_code": code, "end_date": "20250930", "ann_date": "20251028"}.get(name) for name in INDICATORS.fields)
    for code in CODES
]


def work(days: int) -> Work:
    """What a run brings that begins so many days later."""
    at = AT + timedelta(days=days)
    return Work(at, at, source="tushare")


def land(engine: Engine, days: int) -> Coverage:
    """Land what the whole market tells."""
    told = dict.fromkeys(whole_parts(INDICATORS, PERIOD), ROWS)
    return filing.land_period(engine, INDICATORS, PERIOD, told, work(days))


@pytest.fixture
def robbed(engine: Engine) -> Engine:
    """A period that was complete, and then lost a row."""
    stocks = [{"ts_code": code, "list_date": date(2000, 1, 1)} for code in CODES]
    with engine.begin() as connection:
        connection.execute(insert(METADATA.tables["stock_basic"]), stocks)
        coverage.book(connection, [coverage.Coverage("stock_basic", "all", Status.COMPLETE, AT)])
        coverage.book(connection, [coverage.Coverage("disclosure_date", PERIOD.isoformat(), Status.EMPTY, AT)])
    assert land(engine, 0).status is Status.COMPLETE
    table = METADATA.tables["fina_indicator"]
    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c.ts_code == CODES[0]))
    assert filing.judge(engine, INDICATORS, PERIOD, work(1)).reason == GONE
    return engine


def test_rows_that_are_gone_are_not_forgotten_when_the_period_is_judged_again(robbed: Engine) -> None:
    again = filing.judge(robbed, INDICATORS, PERIOD, work(2))
    assert (again.status, again.reason) == (Status.PARTIAL, GONE)
    filing.recount(robbed, INDICATORS, [PERIOD], AT + timedelta(days=3))
    assert filing.judge(robbed, INDICATORS, PERIOD, work(3)).reason == GONE


def test_rows_that_are_gone_are_noticed_where_a_period_is_counted_on_the_way(robbed: Engine) -> None:
    assert land(robbed, 2).status is Status.COMPLETE
    table = METADATA.tables["fina_indicator"]
    with robbed.begin() as connection:
        connection.execute(delete(table).where(table.c.ts_code == CODES[0]))
    filing.recount(robbed, INDICATORS, [PERIOD], AT + timedelta(days=3))
    assert filing.judge(robbed, INDICATORS, PERIOD, work(4)).reason == GONE


def test_a_period_is_believed_again_when_the_whole_market_was_answered_for(robbed: Engine) -> None:
    told = land(robbed, 2)
    assert (told.status, told.landed) == (Status.COMPLETE, 2)


def test_a_period_is_believed_again_when_every_stock_was_answered_for(robbed: Engine) -> None:
    run = work(2)
    assert filing.judge(robbed, INDICATORS, PERIOD, run).reason == GONE
    for code, row in zip(CODES, ROWS, strict=True):
        booked = [filing.answered(INDICATORS, code, part, 1, run) for part in parts(INDICATORS, PERIOD)]
        filing.land_stock(robbed, INDICATORS, [row], booked, run)
    assert filing.judge(robbed, INDICATORS, PERIOD, replace(run, whole=True)).status is Status.COMPLETE
