"""`stock-assistant demo`: a market arrives through the same services as in production, is read back, and is written of."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy import and_, func, not_, or_, select

from stock_assistant_pipelines.calendar import now, over, periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services, showcase, standin
from stock_assistant_pipelines.cli.progress import bar
from stock_assistant_pipelines.cli.up import announce_sandbox, stopped_by_signal
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.database import available
from stock_assistant_pipelines.warehouse.holes import published_by_all
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, SETTLED, SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Engine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.defs.backfills import Backfill

WIDTH = 110
"""Columns of the output where it goes to no terminal."""

SHOWN = 2
"""How many rows of an API answer are shown."""


def run(settings: Settings, count: int, stocks: int) -> int:
    """Run the demo. Returns 0 when every partition is complete and every report can be read, else 1."""
    out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)
    with stopped_by_signal(), services.alone(settings), available(settings) as database:
        database.prepare()
        port = services.free_port()
        sandbox_port = announce_sandbox(settings)
        machine = services.machine(
            settings, database, api_port=port, ui_port=None, sandbox_port=sandbox_port, stocks=stocks
        )
        if settings.sandboxed or settings.llm_provider is None:  # nobody pays for words about made-up stocks
            standin.join(machine, settings.data_dir / "logs", news=settings.sandboxed)
        out.print("Starting Dagster and the API …")
        with services.running(machine.first, machine.environment):
            os.environ.update(machine.environment)  # this process asks the same Dagster, database and Tushare
            with database.connected() as engine:
                complete = _show(out, Settings.load(), engine, machine, f"http://{services.LOOPBACK}:{port}", count)
    return 0 if complete else 1


def _show(out: Console, settings: Settings, engine: Engine, machine: services.Machine, api: str, count: int) -> bool:
    """Backfill the last trading days and reports, show what landed, three answers of the API, and three research reports."""
    from stock_assistant_pipelines.definitions import defs
    from stock_assistant_pipelines.defs.backfills import Backfill, instance

    span = _last_days(settings, engine, count)
    started = time.monotonic()
    with instance() as dagster:
        # Asked for before the daemon starts: it looks for backfills when it does, and every 30 seconds from then on.
        spans = ((DAILY, span.first, span.last), (REPORTS, span.periods[0], span.periods[-1]))
        backfills = [
            Backfill.launch(dagster, defs, datasets, first, last, f"demo {first} to {last}", refetch=True)
            for datasets, first, last in spans
        ]
        with services.running([machine.daemon], machine.environment):
            _progress(out, engine, span, backfills, machine)
            results = _results(engine, span, backfills[0].began)
            _summary(out, results, time.monotonic() - started)
            _samples(out, engine, f"{api}{settings.api_v1_str}", span)
            written = showcase.show(out, engine, span.first, span.last)
            out.print()
            for backfill in backfills:
                out.print(f"Dagster booked backfill {backfill.id}: {backfill.wait()}, {len(backfill.runs)} runs.")
    out.print("[bold]Look further[/]: `make up` keeps Dagster's UI and the API running; the README goes on from here.")
    wanted = {dataset.api: span.partitions(dataset) for dataset in CATALOG.values()}
    return written and {result.dataset: result.settled for result in results} == wanted


DAILY = [dataset for dataset in CATALOG.values() if not dataset.by_period]
REPORTS = [dataset for dataset in CATALOG.values() if dataset.by_period]

QUARTERS = 6
"""How many report periods are landed: what a quarter, and the same one a year before, are made of."""


@dataclass(frozen=True, slots=True)
class Span:
    """The trading days of the demo, and its report periods, oldest first."""

    first: date
    last: date
    periods: tuple[date, ...]

    def partitions(self, dataset: Dataset) -> int:
        """How many partitions of a dataset lie in it."""
        if dataset.by_period:
            return len(self.periods)
        return self.weekdays() if dataset.partitioned else 1

    def weekdays(self) -> int:
        """How many partitions of a dataset lie in it: weekdays, market holidays included."""
        return sum(
            1
            for ordinal in range(self.first.toordinal(), self.last.toordinal() + 1)
            if date.fromordinal(ordinal).weekday() < 5
        )


def _last_days(settings: Settings, engine: Engine, count: int) -> Span:
    """The last `count` trading days of which everything is published, from a calendar that is landed first."""
    until = published_by_all(CATALOG.values(), now())
    with Transport.from_settings(settings) as transport:
        dataset = next(dataset for dataset in CATALOG.values() if dataset.calendar)
        calendar, trouble = Ingest(engine, transport).find_calendar(dataset, [until])
    days = calendar.last(count, until)
    if not days:
        raise services.ServiceError(f"the trading days are not known: {trouble}")
    ended = periods(until - timedelta(days=366 * 2), min(until, over(now())))
    return Span(days[0], days[-1], tuple(ended[-QUARTERS:]))


def _progress(
    out: Console, engine: Engine, span: Span, backfills: Sequence[Backfill], machine: services.Machine
) -> None:
    """Show how many partitions are booked since the backfills began, until their runs are over."""
    total = sum(span.partitions(dataset) for dataset in CATALOG.values())
    booked = select(func.count()).where(_of(span), COVERAGE.c.landed_at >= backfills[0].began)
    with bar(out) as progress:
        task = progress.add_task(f"Backfill {span.first} … {span.last}", total=total)
        while not all(backfill.over for backfill in backfills):
            machine.check()
            with engine.connect() as connection:
                progress.update(task, completed=connection.execute(booked).scalar_one())
            time.sleep(0.3)
        with engine.connect() as connection:
            progress.update(task, completed=connection.execute(booked).scalar_one())


def _of(span: Span) -> ColumnElement[bool]:
    """The coverage of the demo: its days, its report periods, and the snapshots."""
    reports = COVERAGE.c.dataset.in_([dataset.api for dataset in REPORTS])
    ended = COVERAGE.c.partition.in_([period.isoformat() for period in span.periods])
    between = COVERAGE.c.partition.between(span.first.isoformat(), span.last.isoformat())
    return or_(and_(reports, ended), and_(not_(reports), or_(between, COVERAGE.c.partition == SNAPSHOT)))


@dataclass(frozen=True, slots=True)
class Result:
    """What landed of one dataset."""

    dataset: str
    partitions: int
    settled: int
    expected: int
    missing: int
    rows: int
    inserted: int
    updated: int
    calls: int


def _results(engine: Engine, span: Span, began: datetime) -> list[Result]:
    """Sum up the coverage by dataset; rows written and calls count only where the demo did it."""
    ours = COVERAGE.c.landed_at >= began

    def total(column: ColumnElement[int]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(column), 0)

    query = (
        select(
            COVERAGE.c.dataset,
            func.count(),
            func.count().filter(COVERAGE.c.status.in_(SETTLED)),
            total(COVERAGE.c.expected),
            total(COVERAGE.c.missing),
            total(COVERAGE.c.landed),
            func.coalesce(func.sum(COVERAGE.c.inserted).filter(ours), 0),
            func.coalesce(func.sum(COVERAGE.c.updated).filter(ours), 0),
            func.coalesce(func.sum(COVERAGE.c.calls).filter(ours), 0),
        )
        .where(_of(span))
        .group_by(COVERAGE.c.dataset)
    )
    with engine.connect() as connection:
        found = {row[0]: Result(*row) for row in connection.execute(query)}
    return [found[name] for name in CATALOG if name in found]


def _summary(out: Console, results: list[Result], seconds: float) -> None:
    """Show what landed: partitions, rows, what was written of them, calls, and what is missing."""
    table = Table(title="What landed", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("dataset")
    for heading in ("partitions", "complete", "rows", "inserted", "updated", "unchanged", "calls", "missing"):
        table.add_column(heading, justify="right")
    for result in results:
        figures = (
            result.partitions,
            result.settled,
            result.rows,
            result.inserted,
            result.updated,
            result.rows - result.inserted - result.updated,
            result.calls,
            result.missing,
        )
        table.add_row(result.dataset, *(f"{figure:,}" for figure in figures))
    out.print(table)
    partitions = sum(result.partitions for result in results)
    settled = sum(result.settled for result in results)
    rows = sum(result.rows for result in results)
    calls = sum(result.calls for result in results)
    out.print(
        f"{settled:,} of {partitions:,} partitions complete ({settled / max(partitions, 1):.1%}), "
        f"{rows:,} rows, {calls:,} calls, {seconds:.1f} s"
    )


def _samples(out: Console, engine: Engine, api: str, span: Span) -> None:
    """Ask the API three questions over HTTP, and show the beginning of each answer."""
    daily = METADATA.tables["daily"]
    newest = select(daily.c.trade_date, daily.c.ts_code).where(daily.c.trade_date.between(span.first, span.last))
    with engine.connect() as connection:
        bar = connection.execute(newest.order_by(daily.c.trade_date.desc(), daily.c.ts_code).limit(1)).one_or_none()
    if bar is None:
        out.print("\nNo bar landed, so there is nothing to ask the API for: the summary says what is missing.")
        return
    day, code = bar.trade_date, bar.ts_code
    start = max(span.first, day - timedelta(days=6))
    for path in (
        f"/stocks/{code}/daily?start={start}&end={day}&adjust=qfq",
        f"/daily?trade_date={day}",
        f"/datasets/daily/coverage?start={day}&end={day}",
    ):
        out.print(f"\n[bold]GET {api}{path}[/]")
        answer = _answer(f"{api}{path}")
        meta = {name: answer["meta"][name] for name in ("source", "complete", "rows", "as_of")}
        out.print(f'{{"dataset": "{answer["dataset"]}", "meta": {json.dumps(meta)[:-1]}, …}},', markup=False)
        out.print(f' "fields": {json.dumps(answer["fields"])},', markup=False)
        items = ",\n           ".join(json.dumps(item, ensure_ascii=False) for item in answer["items"][:SHOWN])
        more = len(answer["items"]) - SHOWN
        out.print(f' "items": [{items}{f",  … {more} more" if more > 0 else ""}]}}', markup=False)


def _answer(url: str) -> Any:
    """What the API answers. Raises `ServiceError` when it refuses."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        hint = ": leave API_OPEN_ON_LOOPBACK empty" if error.code == HTTPStatus.UNAUTHORIZED else ""
        raise services.ServiceError(f"the API answers {error.code} {error.reason} to {url}{hint}") from error
