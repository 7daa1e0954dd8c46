"""Faults of the machine: a worker is killed in the middle of a write, the code server is restarted, the database is gone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import dagster as dg
import psutil
from sqlalchemy import text

from bench.ground import stop_postgres
from drill.finding import Finding
from drill.waiting import Stuck, until
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import embedded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.stage import Stage
    from stock_assistant_pipelines.defs.backfills import Backfill

DAILY = CATALOG["daily"]

BEFORE = date(2023, 9, 28)
"""A day that lands before a fault, so that calendar and stocks are known."""

OUTAGE = 60.0
"""Seconds without a database."""

AWAY = 35.0
"""Seconds without a code server: Dagster looks at backfills every 30 seconds, so that it finds none at least once."""

SLOW = "timeout:api=daily:seconds=0.5"
"""Every answer takes half a second: a backfill is still under way when it is broken, and some answers with it."""

WAITING = "select count(*) from pg_locks where not granted and relation = 'daily'::regclass"
WRITING = "select count(*) from pg_locks where relation = 'daily'::regclass and mode = 'RowExclusiveLock'"
LEFT = "select count(*) from daily where trade_date between :first and :last"
LANDED = """
select count(*) from coverage
where dataset = 'daily' and status = 'complete' and landed_at < :until
    and partition between :first and :last
"""


def killed(stage: Stage) -> Finding:
    """5. The worker of a run is killed while it has staged a day and not yet merged it."""
    days = _known(stage, date(2023, 10, 9), 20)
    with stage.engine.connect() as holder:
        holder.execute(text("lock table daily in share mode"))  # the next merge waits here
        backfill = stage.backfill(days)
        until(lambda: _count(stage, WAITING), "a merge waits")
        kill(stage.run_processes())
        moment, began = now(), time.monotonic()
        waited = _count(stage, WAITING)
        holder.rollback()
    until(lambda: not _count(stage, WRITING), "the server notices")
    if left := _count(stage, LEFT, first=days[0], last=days[-1]):
        raise Stuck(f"{left} rows of daily were left behind by a transaction that never ended")
    cut = _cut(stage, days, moment)
    until(lambda: backfill.over and stage.whole(days), "the run is taken up")
    seconds = time.monotonic() - began
    seen = [
        f"the run's process was killed while {waited} merges of `daily` waited; rows left behind: 0",
        *died(stage, backfill),
        *cut.told(stage, days),
    ]
    healed = "by itself: run_retries starts the run once more, which asks for what is not complete"
    injected = "kill -9 of a run's process between staging and merging a day"
    return Finding("5", injected, seen, healed, stage.lost(days), seconds)


def restarted(stage: Stage) -> Finding:
    """6. The code server and the run under it are killed in a backfill of 50 partitions; the server is away for a while."""
    days = _known(stage, date(2024, 1, 2), 50)
    stage.sandbox.inject(SLOW)
    backfill = stage.backfill(days)
    until(lambda: landed(stage, days, now()) > 10, "ten days have landed")
    assert stage.code.process is not None
    kill([*stage.run_processes(), psutil.Process(stage.code.process.pid)], at_least=2)
    moment = now()
    stage.code.stop()
    cut = _cut(stage, days, moment)
    time.sleep(AWAY)
    began = time.monotonic()
    stage.code.start(stage.machine.environment)
    stage.code.wait()
    stage.sandbox.heal()
    until(lambda: backfill.over and stage.whole(days), "the backfill goes on")
    seconds = time.monotonic() - began
    seen = [
        f"{cut.landed} of {len(days)} days of `daily` were complete",
        *died(stage, backfill),
        *cut.told(stage, days),
    ]
    healed = (
        "by itself: the sensor lost_runs finds that nobody holds the run's lock, and run_retries starts it once more"
    )
    injected = f"the code server is killed, with the run under it, in a backfill of 50 partitions, and is away for {AWAY:.0f} s"
    return Finding("6", injected, seen, healed, stage.lost(days), seconds)


def database_gone(stage: Stage) -> Finding:
    """7. PostgreSQL is stopped at once in the middle of a backfill, and started again after a minute."""
    days = _known(stage, date(2024, 5, 6), 40)
    stage.sandbox.inject(SLOW)
    backfill = stage.backfill(days)
    until(lambda: landed(stage, days, now()) > 5, "some days have landed")
    before = landed(stage, days, now())
    stage.engine.dispose()
    stage.truth.dispose()
    moment = now()
    stop_postgres(stage.server, "immediate")
    try:
        answer = stage.get("/health/ready")
        if answer.get("status") != 503:
            raise Stuck(f"the fault did not bite: the API says it is ready: {answer}")
        time.sleep(OUTAGE)
    finally:
        stage.held.enter_context(embedded.running(stage.server))
    back = time.monotonic()
    cut = _cut(stage, days, moment)
    if cut.landed < before:
        raise Stuck(f"{before} days of daily were complete, and after the crash {cut.landed} are")
    stage.sandbox.heal()
    seen = [
        f"{cut.landed} of {len(days)} days of `daily` were complete, and still are after the crash",
        f"API, while it is gone: {answer['status']}: {answer.get('detail') or answer.get('title')}",
        *supervised(stage),
    ]
    until(lambda: stage.whole(days), "the backfill goes on")
    seconds = time.monotonic() - back
    until(lambda: backfill.over, "Dagster has closed it")
    seen += [*stage.failures(backfill), *cut.told(stage, days)]
    healed = "by itself: what failed is asked for again"
    injected = f"PostgreSQL is gone for {OUTAGE:.0f} s, in the middle of a backfill"
    return Finding("7", injected, seen, healed, stage.lost(days), seconds)


@dataclass(frozen=True, slots=True)
class Cut:
    """How far a backfill was when it was cut off, in `daily`, one day a call."""

    asked: int
    landed: int

    def told(self, stage: Stage, days: Sequence[date]) -> list[str]:
        """How many calls the days took, now that all is over.

        A day is asked for twice only where its answer was on its way, or waited for its merge. Raises `Stuck` when more
        was thrown away, or when a day that had landed was asked for again.
        """
        thrown = self.asked - self.landed
        again = len(stage.asked(DAILY, days)) - self.asked
        under_way = 2 * Settings(_env_file=None).tushare_concurrency
        if not 0 <= thrown <= under_way:
            raise Stuck(f"{thrown} answers were thrown away: at most {under_way} were under way")
        if again != len(days) - self.landed:
            raise Stuck(f"{again} calls for the {len(days) - self.landed} days that had not landed")
        return [
            f"Tushare was asked {self.asked + again} times for {len(days)} days of `daily`: {thrown} answers were under way, "
            "and nothing that had landed was asked for again"
        ]


def _cut(stage: Stage, days: Sequence[date], moment: datetime) -> Cut:
    """Count what was asked for and what had landed when a backfill was cut off. Raises `Stuck` when it was over by then."""
    time.sleep(1)  # the sandbox counts a call when it has answered
    cut = Cut(len(stage.asked(DAILY, days)), landed(stage, days, moment))
    if cut.landed == len(days):
        raise Stuck("the fault did not bite: every day had landed before")
    return cut


def _known(stage: Stage, first: date, count: int) -> list[date]:
    """The days of a fault, landed undisturbed beside; the installation knows calendar and stocks."""
    days = stage.days(first, count)
    stage.learn(days)
    stage.know(BEFORE)
    return days


def kill(victims: Sequence[psutil.Process], at_least: int = 1) -> None:
    """Kill processes, and see them dead. Raises `Stuck` when there are too few."""
    if len(victims) < at_least:
        raise Stuck(f"the fault did not bite: {len(victims)} processes to kill, not {at_least}")
    for victim in victims:
        victim.kill()
    until(lambda: all(map(_dead, victims)), "what was killed is dead", seconds=10)


def _dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def died(stage: Stage, backfill: Backfill) -> list[str]:
    """How its runs ended. Raises `Stuck` when none of them failed: another's process was killed."""
    if not any(run.status is dg.DagsterRunStatus.FAILURE for run in backfill.runs):
        raise Stuck("the fault did not bite: no run of the backfill failed")
    return stage.failures(backfill)


def _count(stage: Stage, query: str, **values: object) -> int:
    with stage.engine.connect() as connection:
        return int(connection.execute(text(query), values).scalar_one())


def landed(stage: Stage, days: Sequence[date], until: datetime) -> int:
    """How many of these days of `daily` had landed by then."""
    return _count(stage, LANDED, first=days[0].isoformat(), last=days[-1].isoformat(), until=until)


def supervised(stage: Stage) -> list[str]:
    """Start again what has ended, as compose and systemd do; say what had."""
    said = []
    for service in [*stage.machine.first, stage.machine.daemon]:
        if service.process is not None and service.process.poll() is not None:
            said.append(f"{service.name} had ended with code {service.process.returncode}, and was started again")
            service.stop()
            service.start(stage.machine.environment)
            service.wait()
    return said or ["no service had ended"]
