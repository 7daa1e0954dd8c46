"""The end of the demo: research reports of three stocks, each with what it says first and where it can be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.markup import escape
from sqlalchemy import func, select

from stock_assistant_pipelines.cli.holes import QUIET
from stock_assistant_pipelines.cli.research import paid, written
from stock_assistant_pipelines.cli.standin import NOTICE
from stock_assistant_pipelines.research.contracts import Expert
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.research.session import Session
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.tables import METADATA, RESEARCH_CLAIM, RESEARCH_NOTE

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console
    from sqlalchemy import Connection, Engine, RowMapping

STOCKS, CLAIMS = 3, 2
"""How many stocks are written of, and how many claims of each are shown."""


def show(out: Console, engine: Engine, first: date, day: date) -> bool:
    """Write the reports of a day through Dagster. True when all of them can be read."""
    with engine.connect() as connection:
        codes = _stocks(connection, first, day)
    os.environ["RESEARCH_WATCHLIST"] = ",".join(codes)
    settings = Settings.load()
    with out.status("Writing research reports …"):
        run = _write(settings, day)
    session = Session(engine, settings)
    by = NOTICE if session.edition.by_rules else f"{session.edition.provider}/{session.edition.model}"
    out.print(f"\n[bold]Research reports[/] of {day}, by {by}; Dagster's run {run}")
    with engine.connect() as connection:
        found = written(connection, session, day, codes)
        for row in (row for row in found.values() if row):
            _tell(out, connection, row, settings.api_url)
    return all(row is not None and row["status"] != Standing.FAILED for row in found.values())


def _write(settings: Settings, day: date) -> str:
    """Run the research of a day in this process, as Dagster's daemon does in one of its own. Returns the id of the run."""
    from stock_assistant_pipelines.definitions import build
    from stock_assistant_pipelines.defs.backfills import instance
    from stock_assistant_pipelines.defs.research.names import DAILY

    job = build(settings).resolve_job_def(DAILY)
    with instance() as dagster:
        result = job.execute_in_process(
            instance=dagster, partition_key=day.isoformat(), run_config=QUIET, raise_on_error=False
        )
    return result.run_id


def _stocks(connection: Connection, first: date, day: date) -> list[str]:
    """Stocks of different industries that traded on every day, the largest first."""
    daily, stock, basic = (METADATA.tables[name].c for name in ("daily", "stock_basic", "daily_basic"))
    bars = select(daily.ts_code, func.count().label("bars")).where(daily.trade_date.between(first, day))
    counted = bars.group_by(daily.ts_code).subquery()
    query = (
        select(counted.c.ts_code, stock.industry)
        .join(METADATA.tables["stock_basic"], stock.ts_code == counted.c.ts_code)
        .join(METADATA.tables["daily_basic"], (basic.ts_code == counted.c.ts_code) & (basic.trade_date == day))
        .order_by(counted.c.bars.desc(), basic.total_mv.desc().nulls_last(), counted.c.ts_code)
    )
    found: dict[str | None, str] = {}
    for code, industry in connection.execute(query):
        found.setdefault(industry, code)
    return list(found.values())[:STOCKS]


def _tell(out: Console, connection: Connection, row: RowMapping, api_url: str) -> None:
    """One report: what it is worth, what it says first, what it cost, where it is."""
    stance = row["reason"] or "no stance"
    if row["stance"]:
        stance = f"{row['stance']} over {row['horizon']} trading days, probability {row['probability']:.0%}"
    note = RESEARCH_NOTE.c
    answered = select(note.expert).where(note.report_id == row["id"], func.cardinality(note.calls) > 0)
    experts = set(connection.scalars(answered))
    asked = [each for each in Expert if each in experts]
    worth = f"{row['status']}, {row['claims']} claims ({', '.join(asked)}); {paid(connection, row['id'])}"
    out.print(f"\n[bold]{escape(row['name'])}[/] ({row['ts_code']}): {escape(stance)}")
    out.print(f"  {worth}", markup=False)
    claim = RESEARCH_CLAIM.c
    first = select(claim.text).where(claim.report_id == row["id"], claim.expert == str(Expert.SYNTHESIS), claim.held)
    for text in connection.scalars(first.order_by(claim.ordinal).limit(CLAIMS)):
        out.print(f"  - {text}", markup=False)
    out.print(f"  {api_url}/research/{row['id']} (with `make up`)", markup=False)
    out.print(f"  .venv/bin/stock-assistant replay {row['id']}", markup=False)
