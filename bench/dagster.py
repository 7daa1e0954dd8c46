"""What does Dagster cost per partition, and how much memory does a run of a year take?

The same trading days of `daily` from the same sandbox into a fresh database each: once asked of Dagster as a backfill and
carried out by its daemon, code server and run, once by `Ingest.land` in this process. What both rest on, calendar and stocks,
is landed by each of them.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bench import ground
from bench.ground import DAILY
from bench.measure import Figures, figure, number, ratio, stopwatch
from bench.processes import peaks
from bench.report import Report, Table
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.defs.partitions import DAYS_PER_RUN
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.tushare import SANDBOX_TOKEN
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import coverage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Backfilled:
    """A backfill, seen from outside and from inside."""

    whole: float
    """Seconds from asking for it until all its runs had ended."""
    waiting: float
    """Seconds of those before the first run began: the daemon finds it, plans it, starts a process that imports."""
    running: float
    """Seconds in which runs ran."""
    runs: int
    memory: Mapping[str, float]
    """The highest memory of each process, in MB."""


def run(*, quick: bool = False) -> Report:
    """Land the same days through Dagster and directly, in turns."""
    rounds, days, stocks = (1, 5, 60) if quick else (3, 250, 300)
    with ground.server() as server:
        settings = Settings(_env_file=None, data_dir=server.directory / "data", tushare_token=None)
        logs = server.directory / "logs"
        port = services.free_port()
        sandbox = services.sandbox(logs, port, stocks)
        sandbox.command.append("--no-quota")
        url = f"http://{services.LOOPBACK}:{port}/dataapi"
        workers = settings.tushare_concurrency
        with services.running([sandbox], os.environ):
            with server.database("warm") as (_, engine):  # so that nobody is the first to ask the sandbox for a day
                span = _last_days(engine, url, days)
                _directly(engine, url, span, workers)
            direct: list[float] = []
            backfills: list[Backfilled] = []
            for at in range(rounds):
                with server.database(f"bench_{at}") as (database, engine):
                    machine = services.machine(
                        settings,
                        database,
                        api_port=services.free_port(),
                        ui_port=None,
                        sandbox_port=None,
                        stocks=stocks,
                    )
                    machine.environment.update(
                        TUSHARE_BASE_URL=url, TUSHARE_TOKEN=SANDBOX_TOKEN, TUSHARE_CALLS_PER_MINUTE="0"
                    )
                    backfills.append(_through_dagster(engine, machine, span))
                with server.database(f"direct_{at}") as (_, engine):
                    direct.append(_directly(engine, url, span, workers))
    return _report(backfills, Figures(tuple(direct)), days, stocks)


def _last_days(engine: Engine, url: str, count: int) -> Sequence[date]:
    with Transport(SecretStr(SANDBOX_TOKEN), url) as transport:
        yesterday = now().date() - timedelta(days=1)
        return Ingest(engine, transport).calendar(DAILY, [yesterday]).last(count, yesterday)


def _directly(engine: Engine, url: str, days: Sequence[date], workers: int) -> float:
    """Land the days in this process; returns seconds."""
    with Transport(SecretStr(SANDBOX_TOKEN), url) as transport, stopwatch() as watch:
        for entry in Ingest(engine, transport, concurrency=workers).land(DAILY, days):
            if not entry.settled:
                raise RuntimeError(f"{entry.partition} is {entry.status}: {entry.reason}")
    return watch.seconds


def _through_dagster(engine: Engine, machine: services.Machine, days: Sequence[date]) -> Backfilled:
    """Ask Dagster for the days, wait until they have landed, and check that they have."""
    code, daemon = next(each for each in machine.first if each.name == "code location"), machine.daemon
    with surroundings(machine.environment), services.running([code], machine.environment):
        from stock_assistant_pipelines.definitions import defs
        from stock_assistant_pipelines.defs.backfills import Backfill, instance

        with instance() as dagster:
            # The daemon looks for backfills when it starts, and every 30 seconds from then on: it starts when there is one.
            backfill = Backfill.launch(dagster, defs, [DAILY], days[0], days[-1], "bench")
            with services.running([daemon], machine.environment):
                assert code.process is not None
                assert daemon.process is not None
                roots = {"code server": code.process.pid, "daemon": daemon.process.pid}
                with peaks(roots) as memory, stopwatch() as watch:
                    while not backfill.over:
                        time.sleep(0.05)
                records = [record for run in backfill.runs if (record := dagster.get_run_record_by_id(run.run_id))]
                began = [record.start_time for record in records if record.start_time]
                ended = [record.end_time for record in records if record.end_time]
    with engine.connect() as connection:
        settled = [entry for entry in coverage.entries(connection, DAILY, days).values() if entry.settled]
    if len(settled) != len(days):
        raise RuntimeError(f"{len(settled)} of {len(days)} days have landed: see {code.log.parent}")
    waiting = watch.seconds - (max(ended) - min(began))
    return Backfilled(watch.seconds, waiting, max(ended) - min(began), len(records), memory)


@contextmanager
def surroundings(values: Mapping[str, str]) -> Iterator[None]:
    """Let this process ask the same Dagster and database as the services do."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _report(backfills: Sequence[Backfilled], direct: Figures, days: int, stocks: int) -> Report:
    whole, waiting, running = (
        Figures(tuple(getattr(each, name) for each in backfills)) for name in ("whole", "waiting", "running")
    )

    def row(name: str, seconds: Figures) -> tuple[str, ...]:
        return name, figure(seconds), figure(seconds.scaled(1000 / days)), ratio(seconds.over(direct))

    over = Figures(tuple(each - plain for each, plain in zip(whole.values, direct.values, strict=True)))
    inside = Figures(tuple(each - plain for each, plain in zip(running.values, direct.values, strict=True)))
    memory = {name: max(each.memory.get(name, 0.0) for each in backfills) for name in backfills[0].memory}
    names = {"code server: child": "run", "code server": "code server", "daemon": "daemon"}
    share = over.over(whole)
    return Report(
        "dagster",
        "what does Dagster cost per partition?",
        [
            Table(
                f"{days} trading days of `daily`, {stocks} stocks",
                ("", "seconds", "ms per partition", "× Ingest.land"),
                [
                    ("Ingest.land", figure(direct), figure(direct.scaled(1000 / days)), "1"),
                    row("the backfill, from asking to its end", whole),
                    row("  of that: its runs", running),
                    row("  of that: before them", waiting),
                    row("Dagster's own", over),
                    row("  of that: inside the runs", inside),
                ],
            ),
            Table(
                "Memory at its highest, MB",
                ("process", "RSS"),
                [(shown, number(memory[name])) for name, shown in names.items() if name in memory],
            ),
        ],
        [
            f"Dagster's share of the backfill: {share.median:.0%}. It took "
            f"{' and '.join(str(count) for count in sorted({each.runs for each in backfills}))} run(s), of up to "
            f"{DAYS_PER_RUN} partitions each.",
            f"{len(backfills)} round(s), in turns; a fresh database each time, the sandbox warmed up by a landing before.",
            "Before the runs: the daemon finds the backfill, plans it, and a process starts and imports. That does not grow "
            "with the number of partitions in a run.",
            "RSS counts pages that processes share in each of them.",
        ],
    )
