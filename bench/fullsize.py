"""The whole market since 1990, through Dagster: how fast, how large, how much memory, and what one more day costs by then.

Backfills of `daily`, `adj_factor` and `daily_basic`, newest years first, against the sandbox without a quota. Between them,
when nothing else runs, a few trading days that were left out are landed by `Ingest.land` in this process and taken out
again: the cost of one more day, while the tables grow from one year to all of them. The newest year is also landed into an
empty database without Dagster, to tell Dagster's share.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING

from pydantic import SecretStr
from sqlalchemy import text

from bench import ground
from bench.dagster import surroundings
from bench.measure import number, stopwatch
from bench.processes import family, memory
from bench.report import Report, Table
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.tushare import SANDBOX_TOKEN
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Engine

    from stock_assistant_pipelines.calendar import Calendar
    from stock_assistant_pipelines.defs.backfills import Backfill

DATASETS = tuple(CATALOG[name] for name in ("daily", "adj_factor", "daily_basic"))
STOCK_BASIC = CATALOG["stock_basic"]

WITHHELD = 5
"""How many of the newest trading days are left out, and landed between the backfills as "one more day"."""

SPANS = (date(2025, 7, 1), date(2022, 1, 1), date(2018, 1, 1), date(2011, 1, 1), MARKET_OPENED)
"""From where on each backfill lands, newest first: about 1, 5, 10, 15 and 19 million rows of `daily` in the end."""

EVERY = 2.0
"""Seconds between two looks at the memory of the processes."""

RUN = 60
"""MB above which a child of the code server is a run, and not the interpreter's own."""

SIZES = """
select c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid), s.n_live_tup
from pg_class as c join pg_stat_user_tables as s on s.relid = c.oid
where c.relname = any(:names)
"""


@dataclass
class Span:
    """One backfill: what it landed, how long it took, what a day more cost afterwards, and the memory it took."""

    first: date
    last: date
    partitions: int
    rows: int
    calls: int
    seconds: float
    running: float
    """Seconds in which at least one of its runs ran."""
    runs: int
    history: int
    """Rows of `daily` when it had ended."""
    day: Mapping[str, float] = field(default_factory=dict)
    """Seconds for one more day, by dataset."""
    memory: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """MB by process: in the middle of the time, and at the highest."""


def run(*, quick: bool = False) -> Report:
    """Fill the database span by span, and measure between them."""
    stocks, spans = (60, (date(2026, 1, 1), date(2025, 7, 1))) if quick else (5500, SPANS)
    with ground.server() as server:
        settings = Settings(_env_file=None, data_dir=server.directory / "data", tushare_token=None)
        port = services.free_port()
        sandbox = services.sandbox(server.directory / "logs", port, stocks)
        sandbox.command.append("--no-quota")
        url = f"http://{services.LOOPBACK}:{port}/dataapi"
        with services.running([sandbox], os.environ), server.database("whole") as (database, engine):
            assert sandbox.process is not None
            calendar, extra = _ground(engine, url)
            machine = services.machine(
                settings, database, api_port=services.free_port(), ui_port=None, sandbox_port=None, stocks=stocks
            )
            machine.environment.update(TUSHARE_BASE_URL=url, TUSHARE_TOKEN=SANDBOX_TOKEN, TUSHARE_CALLS_PER_MINUTE="0")
            last = extra[0] - timedelta(days=1)
            filled = []
            with _dagster(machine) as roots:
                roots |= {"PostgreSQL": server.pid, "sandbox": sandbox.process.pid}
                for first in spans:
                    span = _fill(engine, machine, roots, first, last)
                    span.day = _one_more_day(engine, url, extra)
                    filled.append(span)
                    last = first - timedelta(days=1)
            sizes = _sizes(engine)
            with server.database("directly") as (_, other):
                direct = _directly(other, url, calendar, filled[0])
    return _report(filled, sizes, direct, stocks)


def _ground(engine: Engine, url: str) -> tuple[Calendar, Sequence[date]]:
    """Land calendar and stocks; return the calendar and the newest trading days."""
    with Transport(SecretStr(SANDBOX_TOKEN), url) as transport:
        ingest = Ingest(engine, transport)
        yesterday = now().date() - timedelta(days=1)
        calendar = ingest.calendar(DATASETS[0], [yesterday])
        list(ingest.land(STOCK_BASIC))
    return calendar, calendar.last(WITHHELD, yesterday)


@contextmanager
def _dagster(machine: services.Machine) -> Iterator[dict[str, int]]:
    """Run code server and daemon; their processes by name."""
    code = next(each for each in machine.first if each.name == "code location")
    with (
        surroundings(machine.environment),
        services.running([code], machine.environment),
        services.running([machine.daemon], machine.environment),
    ):
        assert code.process is not None
        assert machine.daemon.process is not None
        yield {"code server": code.process.pid, "daemon": machine.daemon.process.pid}


def _fill(engine: Engine, machine: services.Machine, roots: Mapping[str, int], first: date, last: date) -> Span:
    """Backfill the datasets from `first` to `last` and wait for it. Raises `RuntimeError` when a partition is incomplete."""
    from stock_assistant_pipelines.definitions import defs
    from stock_assistant_pipelines.defs.backfills import Backfill, instance

    before = _rows(engine)
    with instance() as dagster, _watched(roots) as seen, stopwatch() as watch:
        backfill = Backfill.launch(dagster, defs, DATASETS, first, last, f"bench {first} to {last}")
        while not backfill.over:
            machine.check()
            time.sleep(0.5)
        running = _running(backfill)
        runs = len(backfill.runs)
    landed = _rows(engine)
    incomplete, partitions, calls = _booked(engine, first, last)
    if incomplete:
        raise RuntimeError(f"{incomplete} partitions from {first} to {last} are not complete")
    rows = sum(landed.values()) - sum(before.values())
    shown = {name: (median(values), max(values)) for name, values in seen.items() if values}
    return Span(
        first, last, partitions, rows, calls, watch.seconds, running, runs, landed[DATASETS[0].api], memory=shown
    )


def _running(backfill: Backfill) -> float:
    """Seconds from the start of the first run to the end of the last one."""
    records = [record for run in backfill.runs if (record := backfill.dagster.get_run_record_by_id(run.run_id))]
    return max(record.end_time or 0.0 for record in records) - min(record.start_time or 0.0 for record in records)


@contextmanager
def _watched(roots: Mapping[str, int]) -> Iterator[dict[str, list[float]]]:
    """Look at the memory of processes while a block lasts: the root itself, and the sum of what it started."""
    seen: dict[str, list[float]] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            for name, root in roots.items():
                children = [memory(pid) for pid in family(root) if pid != root]
                if name == "code server":
                    seen.setdefault("a run", []).extend(size for size in children if size > RUN)
                elif name == "PostgreSQL":
                    seen.setdefault("PostgreSQL, all processes", []).append(sum(children) + memory(root))
                    continue
                seen.setdefault(name, []).append(memory(root))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            dataset.api: int(connection.execute(text(f"select count(*) from {dataset.api}")).scalar_one())
            for dataset in DATASETS
        }


def _booked(engine: Engine, first: date, last: date) -> tuple[int, int, int]:
    """Of the partitions from `first` to `last`: how many are not complete, how many there are, and the calls they took."""
    query = text(
        "select count(*) filter (where status not in ('complete', 'closed')), count(*), sum(calls) from coverage "
        "where dataset = any(:names) and partition between :first and :last"
    )
    values = {"names": [each.api for each in DATASETS], "first": first.isoformat(), "last": last.isoformat()}
    with engine.connect() as connection:
        incomplete, partitions, calls = connection.execute(query, values).one()
    return int(incomplete), int(partitions), int(calls)


def _one_more_day(engine: Engine, url: str, days: Sequence[date]) -> dict[str, float]:
    """Land the days that were left out, one by one, and take them out again: the median of seconds, by dataset."""
    seconds: dict[str, list[float]] = {dataset.api: [] for dataset in DATASETS}
    with Transport(SecretStr(SANDBOX_TOKEN), url) as transport:
        ingest = Ingest(engine, transport)
        for day in days:
            for dataset in DATASETS:
                with stopwatch() as watch:
                    (entry,) = ingest.land(dataset, [day])
                if not entry.settled:
                    raise RuntimeError(f"{dataset.api} of {day} is {entry.status}: {entry.reason}")
                seconds[dataset.api].append(watch.seconds)
    with engine.begin() as connection:
        for dataset in DATASETS:
            values = {"api": dataset.api, "days": list(days), "partitions": [day.isoformat() for day in days]}
            connection.execute(text(f"delete from {dataset.api} where trade_date = any(:days)"), values)
            connection.execute(
                text("delete from coverage where dataset = :api and partition = any(:partitions)"), values
            )
    return {name: median(values) for name, values in seconds.items()}


def _directly(engine: Engine, url: str, calendar: Calendar, span: Span) -> float:
    """Land a span without Dagster into an empty database; returns seconds. Calendar and stocks are landed before."""
    workers = Settings(_env_file=None).tushare_concurrency
    with Transport(SecretStr(SANDBOX_TOKEN), url) as transport:
        ingest = Ingest(engine, transport, concurrency=workers)
        ingest.calendar(DATASETS[0], [span.last])
        list(ingest.land(STOCK_BASIC))
        days = calendar.between(span.first, span.last)
        with stopwatch() as watch:
            for dataset in DATASETS:
                for entry in ingest.land(dataset, sorted(days, reverse=True)):
                    if not entry.settled:
                        raise RuntimeError(f"{entry.partition} is {entry.status}: {entry.reason}")
    return watch.seconds


def _sizes(engine: Engine) -> list[tuple[str, float, float, float]]:
    """Rows in millions, and GB of table and indexes, for each dataset and the coverage."""
    names = [*(dataset.api for dataset in DATASETS), "suspend_d", "coverage"]
    ground.vacuum(engine, *names)
    with engine.connect() as connection:
        found = {row[0]: row for row in connection.execute(text(SIZES), {"names": names})}
    return [(name, found[name][3] / 1e6, found[name][1] / 1e9, found[name][2] / 1e9) for name in names]


def _report(
    filled: Sequence[Span], sizes: Sequence[tuple[str, float, float, float]], direct: float, stocks: int
) -> Report:
    rows = sum(span.rows for span in filled)
    calls = sum(span.calls for span in filled)
    seconds = sum(span.seconds for span in filled)
    partitions = sum(span.partitions for span in filled)
    newest = filled[0]
    names = list(dict.fromkeys(name for span in filled for name in span.memory))
    total = sum(table + indexes for _, _, table, indexes in sizes)
    return Report(
        "fullsize",
        "the whole market since 1990, through Dagster",
        [
            Table(
                f"Backfills of {', '.join(dataset.api for dataset in DATASETS)}, {stocks:,} stocks, newest first",
                ("", "partitions", "calls", "rows", "seconds", "rows/s", "calls/s", "ms per partition", "runs"),
                [
                    *(_line(f"{span.first} to {span.last}", span) for span in filled),
                    (
                        "**all**",
                        f"{partitions:,}",
                        f"{calls:,}",
                        f"{rows:,}",
                        f"{seconds:,.0f}",
                        f"{rows / seconds:,.0f}",
                        number(calls / seconds),
                        number(seconds / partitions * 1000),
                        f"{sum(span.runs for span in filled)}",
                    ),
                ],
            ),
            Table(
                "One more day of the whole market, by Ingest.land, ms (and how many times the first)",
                ("rows of daily before it", *(dataset.api for dataset in DATASETS)),
                [
                    (
                        f"{span.history:,}",
                        *(
                            f"{number(span.day[each.api] * 1000)} ({number(span.day[each.api] / newest.day[each.api])}×)"
                            for each in DATASETS
                        ),
                    )
                    for span in filled
                ],
            ),
            Table(
                "Memory over time, MB: in the middle of the time / at the highest, per backfill",
                ("process", *(str(span.first) for span in filled)),
                [(name, *(_of(span, name) for span in filled)) for name in names],
            ),
            Table(
                "What it takes on disk",
                ("table", "rows, millions", "table, GB", "indexes, GB"),
                [(name, number(count), number(table), number(indexes)) for name, count, table, indexes in sizes],
            ),
        ],
        [
            f"{rows:,} rows in {seconds / 60:.0f} minutes; {total:.1f} GB in these tables.",
            f"Dagster's share: the newest backfill took {newest.seconds:.0f} s, of which runs ran {newest.running:.0f} s; the "
            f"same {newest.partitions} partitions by Ingest.land in one process, one dataset after the other, {direct:.0f} s: "
            f"{newest.seconds / direct:.2f}× with Dagster, {newest.running / direct:.2f}× for the runs alone.",
            "What the days' completeness rests on, suspend_d, is landed in the same runs; its calls and rows are not counted.",
            "Seconds are from asking for a backfill until its runs had ended: finding and planning it, which the daemon does "
            "every 30 s, is in them.",
            "The sandbox answers from the same two cores, and makes up each day when it is asked for it.",
        ],
    )


def _line(name: str, span: Span) -> tuple[str, ...]:
    return (
        name,
        f"{span.partitions:,}",
        f"{span.calls:,}",
        f"{span.rows:,}",
        f"{span.seconds:,.0f}",
        f"{span.rows / span.seconds:,.0f}",
        number(span.calls / span.seconds),
        number(span.seconds / span.partitions * 1000),
        f"{span.runs}",
    )


def _of(span: Span, name: str) -> str:
    return f"{span.memory[name][0]:.0f} / {span.memory[name][1]:.0f}" if name in span.memory else "–"
