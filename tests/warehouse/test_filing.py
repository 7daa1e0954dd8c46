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
from stock_assistant_pipelines.warehouse import coverage, filing, rules
from stock_assistant_pipelines.warehouse.audit import audit
from stock_assistant_pipelines.warehouse.filing import Work
from stock_assistant_pipelines.warehouse.holes import GONE, GONE_UNTOLD
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status
from stock_assistant_pipelines.warehouse.verdicts import judge_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    from stock_assistant_pipelines.tushare.decode import Row
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


def land(engine: Engine, days: int, rows: Sequence[Row] = ROWS) -> Coverage:
    """Land what the whole market tells."""
    told = dict.fromkeys(whole_parts(INDICATORS, PERIOD), rows)
    return filing.land_period(engine, INDICATORS, PERIOD, told, work(days))


@pytest.fixture
def landed(engine: Engine) -> Engine:
    """A period that is complete."""
    stocks = [{"ts_code": code, "list_date": date(2000, 1, 1)} for code in CODES]
    with engine.begin() as connection:
        connection.execute(insert(METADATA.tables["stock_basic"]), stocks)
        coverage.book(connection, [coverage.Coverage("stock_basic", "all", Status.COMPLETE, AT)])
        coverage.book(connection, [coverage.Coverage("disclosure_date", PERIOD.isoformat(), Status.EMPTY, AT)])
    assert land(engine, 0).status is Status.COMPLETE
    return engine


def rob(engine: Engine) -> None:
    table = METADATA.tables["fina_indicator"]
    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c.ts_code == CODES[0]))


@pytest.fixture
def robbed(landed: Engine) -> Engine:
    """A period that was complete, and then lost a row, as a run has found."""
    rob(landed)
    assert filing.judge(landed, INDICATORS, PERIOD, work(1)).reason == GONE
    return landed


def found_by_check(engine: Engine) -> bool:
    """Whether the check C14 of a run that has judged the period finds that rows are gone."""
    (check,) = (check for check in rules.of(INDICATORS) if check.id == "C14")
    with engine.connect() as connection:
        return not judge_rows(connection, INDICATORS, check, [PERIOD]).holds


def plan_lands(engine: Engine) -> None:
    with engine.begin() as connection:
        coverage.reassess_dependents(connection, CATALOG["disclosure_date"], PERIOD, AT + timedelta(days=1))


def stocks_land(engine: Engine) -> None:
    with engine.begin() as connection:
        coverage.reassess(connection, INDICATORS, PERIOD, AT + timedelta(days=1))


def counted_on_the_way(engine: Engine) -> None:
    filing.recount(engine, INDICATORS, [PERIOD], AT + timedelta(days=1))


def audited(engine: Engine) -> None:
    (hole,) = audit(engine, INDICATORS, PERIOD, PERIOD, today=AT.date() + timedelta(days=1))
    assert hole.reason == GONE


def judged_under_way(engine: Engine) -> None:
    judged = filing.judge(engine, INDICATORS, PERIOD, replace(work(2), under_way=True))
    assert judged.reason == GONE_UNTOLD


@pytest.mark.parametrize("notice", [plan_lands, stocks_land, counted_on_the_way, audited, judged_under_way])
def test_a_check_tells_that_rows_are_gone_before_a_whole_answer_settles_it(
    landed: Engine, notice: Callable[[Engine], None]
) -> None:
    rob(landed)
    assert not found_by_check(landed)
    notice(landed)
    assert found_by_check(landed)
    left = ROWS[1:]
    told = land(landed, 2, left)
    assert (told.status, told.reason, told.landed) == (Status.PARTIAL, GONE, 2)
    assert found_by_check(landed), "the run that lands it whole tells it"
    filing.judge(landed, INDICATORS, PERIOD, replace(work(3), under_way=True))
    settled = land(landed, 3, left)
    assert (settled.status, settled.landed) == (Status.COMPLETE, 1)
    assert not found_by_check(landed)


def test_an_audit_finds_them_gone_where_nobody_can_tell_who_is_missing(landed: Engine) -> None:
    rob(landed)
    with landed.begin() as connection:
        connection.execute(delete(COVERAGE).where(COVERAGE.c.dataset == "disclosure_date"))
    audit(landed, INDICATORS, PERIOD, PERIOD, today=AT.date() + timedelta(days=1))
    assert found_by_check(landed)


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
