"""Faults in a backfill of research reports: the process that writes them is killed, and everything is written once more.

On the database beside the installation, into which nothing else lands.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pydantic import SecretStr
from sqlalchemy import text

from bench.ground import Market
from bench.newsroom import expect, land
from bench.writing import Plan, begun, written
from drill.finding import Finding
from drill.waiting import Stuck, until
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.research.ledger import GRACE
from stock_assistant_pipelines.research.replay import replay
from stock_assistant_pipelines.sandbox.model.server import running
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from drill.stage import Stage
    from stock_assistant_pipelines.sandbox.model.server import RunningModel

DAYS, STOCKS = 8, 20
HISTORY = 60
"""Trading days of bars up to the last of these days."""
AT_ONCE = 16
TIMEOUT = 20.0

OPEN = "select count(*) from llm_call where outcome is null"
ASKED = "select count(distinct request_sha256) from llm_call"
UNPUBLISHED = """
select watch.trade_date || ' ' || watch.ts_code || ': ' || coalesce(report.status, 'nothing')
from research_watch as watch left join research_report as report using (trade_date, ts_code)
where report.status is distinct from 'published'
"""


def killed(stage: Stage) -> Finding:
    """17. The process that writes research reports is killed in the middle of 8 days of 20 stocks."""
    with running(process=True, latency=0.3) as model:
        days = learn(stage)[-DAYS:]
        for day in days:
            expect(stage.truth, day, STOCKS)
        plan = _plan(stage, model, days)
        with begun(plan) as process:
            until(lambda: _calls(model) >= DAYS * STOCKS, "a quarter is asked", meanwhile=process.poll)
            process.kill()
        began = time.monotonic()
        paid, under_way, done = _calls(model), _count(stage, OPEN), _count(stage, "select count(*) from research_note")
        if process.returncode == 0 or not under_way:
            raise Stuck("the fault did not bite: the process had nothing under way when it was killed")
        written(plan)
        seconds = time.monotonic() - began
        total, asked = _calls(model), _count(stage, ASKED)
        if not 0 <= total - asked <= under_way:
            raise Stuck(f"{total} calls, where {asked} are needed and {under_way} were under way")
        again = written(plan)
        repeated = _calls(model) - total
        lost, same = _lost(stage)
    seen = [
        f"{paid} calls were made when the process was killed, {under_way} of them under way; {done} notes were kept",
        f"the model was asked {total} times: the {asked} questions that there are, and {total - asked} that were under way",
        f"all {DAYS} days once more: {repeated} calls, {sum(each.made for each in again.steps.values())} things made",
        f"{same} reports made again from the ledger: the same to the byte",
    ]
    if repeated:
        lost.append(f"{repeated} calls were paid twice")
    return Finding(
        number="17",
        injected=f"kill -9 of the process that writes research reports, in the middle of {DAYS} days of {STOCKS} stocks",
        seen=seen,
        healed=(
            "by the next run: it asks for what is missing. A call that was under way counts as such for "
            f"{TIMEOUT + GRACE.total_seconds():.0f} s (LLM_TIMEOUT and a minute), and is then booked in full"
        ),
        lost=lost,
        seconds=seconds,
    )


def learn(stage: Stage) -> list[date]:
    """Land what evidence is made of, beside the installation; the trading days, up to yesterday."""
    with Transport(SecretStr(TOKEN), stage.sandbox.url) as transport:
        ingest = Ingest(stage.truth, transport)
        today = now().date()
        open_ = [day for day in ingest.calendar(CATALOG["daily"], [today]).between(MARKET_OPENED, today) if day < today]
        list(ingest.land(CATALOG["stock_basic"]))
        land(stage.truth, Market(stage.sandbox.url, transport, open_), open_[-HISTORY:])
    return open_


def _plan(stage: Stage, model: RunningModel, days: Sequence[date]) -> Plan:
    return Plan(
        database=stage.truth.url.set(drivername="postgresql").render_as_string(hide_password=False),
        model=model.url,
        days=[day.isoformat() for day in days],
        stocks_at_once=STOCKS,
        calls_at_once=AT_ONCE,
        timeout=TIMEOUT,
    )


def _calls(model: RunningModel) -> int:
    return int(model.stats()["calls"])


def _count(stage: Stage, query: str) -> int:
    with stage.truth.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def _lost(stage: Stage) -> tuple[list[str], int]:
    """Reports that are not published, or are others when they are made again; and how many are the same."""
    with stage.truth.connect() as connection:
        lost = list(connection.execute(text(UNPUBLISHED)).scalars())
        ids = connection.execute(text("select id from research_report where markdown is not null")).scalars().all()
        differing = [each for each in ids if not asyncio.run(replay(connection, each)).same]
    return [*lost, *(f"{each} is another one when it is made again" for each in differing)], len(ids) - len(differing)
