"""A later version is deployed: its migrations run while this one answers under load and lands a backfill."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy import text

from drill.crashes import BEFORE, landed
from drill.expansion import LATER, later
from drill.finding import Finding
from drill.load import Load, anew
from drill.waiting import Stuck, until
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.warehouse import migrator
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from drill.stage import Stage

DAYS, READERS = 60, 4
HOLD = 10.0
"""Seconds for which somebody reads `daily` in one transaction, as a large query does: a migration cannot have its lock."""

SLOW = "timeout:api=daily:seconds=2"
"""Every answer takes two seconds: the backfill outlasts the migrations."""

PATHS = (
    "/stocks/{code}/daily?adjust=qfq&start={start}",
    "/datasets/daily/coverage?limit={turn}",
    "/datasets/daily/rows?trade_date={day}&limit={turn}",
    "/stocks?limit={turn}",
    "/health/ready",
)
"""What is asked, from another day on or with another limit each time, so that the answer is not one that is kept."""


def beside(stage: Stage) -> Finding:
    """20. A later version's migrations run beside the API under load and a backfill that lands."""
    days = stage.days(date(2023, 10, 9), DAYS)
    stage.learn(days)
    stage.know(BEFORE)
    stage.sandbox.inject(SLOW)
    backfill = stage.backfill(days)
    until(lambda: landed(stage, days, now()) > 3, "some days have landed")
    before = landed(stage, days, now())
    config, took = later(Database(stage.engine.url)), {}
    with Load(_questions(stage, BEFORE), [anew] * READERS) as load:
        with _read_at_length(stage):
            for revision in LATER:
                began = time.monotonic()
                migrator.upgrade(config, revision)
                took[revision] = time.monotonic() - began
        between = landed(stage, days, now())
        during = len(load.outcomes)
        time.sleep(2)
    if took[LATER[0]] < HOLD / 2:
        raise Stuck(f"the fault did not bite: the first migration had its lock after {took[LATER[0]]:.1f} s")
    if between == before or between == len(days) or not during:
        raise Stuck(f"the fault did not bite: {before} days had landed before, {between} after, of {len(days)}")
    stage.sandbox.heal()
    until(lambda: backfill.over, "the backfill ends")
    migrator.upgrade(later(Database(stage.truth.url)))  # so that rows have the same columns
    failed = [run.run_id for run in backfill.runs if run.status is not dg.DagsterRunStatus.SUCCESS]
    seen = [
        f"{len(LATER)} migrations: two columns, a table, an index, a function; "
        + ", ".join(f"{revision} after {seconds:.1f} s" for revision, seconds in took.items()),
        f"{len(load.outcomes)} requests, {during} of them while migrations ran: {len(load.failures)} failed; the slowest took "
        f"{max(each.seconds for each in load.outcomes):.1f} s",
        f"{between - before} days of `daily` landed while they ran, {len(days)} in all; runs that failed: {len(failed)}",
        f"API: {stage.get('/health')['migrations']}",
    ]
    lost = [*stage.lost(days), *load.failures[:3], *(f"run {run} failed" for run in failed)]
    injected = f"{len(LATER)} migrations of a later version, while a transaction has `daily` open for {HOLD:.0f} s"
    return Finding("20", injected, seen, "nothing had to be mended", lost)


def _questions(stage: Stage, day: date) -> Callable[[int], str]:
    """What is asked for at each turn."""
    with stage.engine.connect() as connection:
        codes = connection.execute(text("select ts_code from daily where trade_date = :day"), {"day": day})
        stocks: Sequence[str] = codes.scalars().all()

    def question(turn: int) -> str:
        words = {"code": stocks[turn % len(stocks)], "day": day, "turn": turn % 500 + 1}
        return stage.api + PATHS[turn % len(PATHS)].format(start=MARKET_OPENED + timedelta(turn), **words)

    return question


@contextmanager
def _read_at_length(stage: Stage) -> Iterator[None]:
    """Hold `daily` open for a while, as a query that takes long."""
    with stage.engine.connect() as connection:
        connection.execute(text("select count(*) from daily"))
        end = threading.Timer(HOLD, connection.rollback)
        end.start()
        try:
            yield
        finally:
            end.join()
