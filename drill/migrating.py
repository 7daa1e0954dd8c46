"""A later version is deployed: its migrations run while this one answers under load and lands a backfill."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy import text

from drill.crashes import BEFORE, landed
from drill.expansion import LATER, later
from drill.finding import Finding
from drill.stage import Stuck, until
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog.dataset import MARKET_OPENED
from stock_assistant_pipelines.warehouse import migrator
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drill.stage import Stage

DAYS, READERS = 80, 4
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


@dataclass
class Asked:
    """What the readers were answered."""

    taken: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


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
    with _asking(stage, BEFORE) as asked:
        with _read_at_length(stage):
            for revision in LATER:
                began = time.monotonic()
                migrator.upgrade(config, revision)
                took[revision] = time.monotonic() - began
        between = landed(stage, days, now())
        during = len(asked.taken)
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
        f"{len(asked.taken)} requests, {during} of them while migrations ran: {len(asked.failed)} failed; the slowest took "
        f"{max(asked.taken):.1f} s",
        f"{between - before} days of `daily` landed while they ran, {len(days)} in all; runs that failed: {len(failed)}",
        f"API: {stage.get('/health')['migrations']}",
    ]
    lost = [*stage.lost(days), *asked.failed[:3], *(f"run {run} failed" for run in failed)]
    injected = f"{len(LATER)} migrations of a later version, while a transaction has `daily` open for {HOLD:.0f} s"
    return Finding("20", injected, seen, "nothing had to be mended", lost)


@contextmanager
def _asking(stage: Stage, day: date) -> Iterator[Asked]:
    """Ask the API without a pause, from several threads."""
    asked, over = Asked(), threading.Event()
    with stage.engine.connect() as connection:
        codes = connection.execute(text("select ts_code from daily where trade_date = :day"), {"day": day})
        stocks: Sequence[str] = codes.scalars().all()

    def ask() -> None:
        for turn in count(1):
            if over.is_set():
                return
            asking = {"code": stocks[turn % len(stocks)], "day": day, "turn": turn % 500 + 1}
            path = PATHS[turn % len(PATHS)].format(start=MARKET_OPENED + timedelta(turn), **asking)
            began = time.monotonic()
            try:
                with urllib.request.urlopen(stage.api + path, timeout=60) as response:
                    response.read()
            except urllib.error.HTTPError as problem:
                asked.failed.append(f"{path}: {problem.read().decode()}")
            except OSError as error:
                asked.failed.append(f"{path}: {error}")
            asked.taken.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def _read_at_length(stage: Stage) -> Iterator[None]:
    """Hold `daily` open for a while, as a query that takes long."""

    def read() -> None:
        with stage.engine.connect() as connection:
            connection.execute(text("select count(*) from daily"))
            begun.set()
            time.sleep(HOLD)

    begun, thread = threading.Event(), threading.Thread(target=read)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        thread.join()
