"""`python -m bench.writing PLAN`: a desk at work in a process of its own, and what it took. Plan and answer are JSON.

So that its processor time and memory are those of the product alone, and so that it can be killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import event, make_url

from bench.newsroom import endpoint
from bench.processes import memory
from stock_assistant_pipelines.research.booking import Budgets
from stock_assistant_pipelines.research.desk import Desk
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.ledger import Ledger
from stock_assistant_pipelines.research.providers.model import Limits, Model
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Engine

    from stock_assistant_pipelines.research.desk import Tally

STEPS = ("evidence", "notes", "reports")
CONNECTIONS = 10
"""To the database: the desk's statements, the ledger's, and two to spare."""
PLENTY = 1_000_000
"""CNY that may be spent: budgets are not what is measured here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is written of, and how."""

    database: str
    model: str
    days: Sequence[str]
    stocks_at_once: int
    calls_at_once: int
    timeout: float
    language: str = Language.ZH


@dataclass
class Step:
    """What one step took."""

    seconds: float = 0.0
    cpu: float = 0.0
    """Processor seconds of the process, in user and system together."""
    statements: int = 0
    peak: float = 0.0
    """MB of memory at the highest so far."""
    done: dict[str, float] = field(default_factory=dict)
    """When the last was done of a stock, in seconds since the step began, by day and code."""
    outcomes: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    made: int = 0


@dataclass
class Work:
    """What all took."""

    idle: float
    """MB before anything was done, all modules loaded."""
    steps: dict[str, Step]


def work(plan: Plan) -> Work:
    """Let a desk write, here."""
    engine = Database(make_url(plan.database)).engine(CONNECTIONS)
    with engine.connect():
        done = Work(memory(os.getpid()), {name: Step() for name in STEPS})
    try:
        asyncio.run(_work(plan, engine, done))
    finally:
        engine.dispose()
    return done


async def _work(plan: Plan, engine: Engine, done: Work) -> None:
    asked = endpoint(plan.model)
    edition = Edition.of(asked, Language(plan.language))
    budgets = Budgets(*[Decimal(PLENTY)] * 3)
    limits = Limits(timeout=plan.timeout, at_once=plan.calls_at_once, per_minute=0)
    days = [date.fromisoformat(day) for day in plan.days]
    async with Model([asked], Ledger(engine, budgets), limits) as model:
        for name, step in done.steps.items():
            with _taken(engine, step) as begun:
                for day in days:
                    desk = Desk(engine, edition, at_once=plan.stocks_at_once, progress=_clock(step, day, begun))
                    tally = desk.gather(day) if name == "evidence" else await getattr(desk, name)(model, day)
                    _count(step, tally)


def _clock(step: Step, day: date, begun: float) -> Callable[[str, str, str], None]:
    def note(code: str, _: str, __: str) -> None:
        step.done[f"{day} {code}"] = time.perf_counter() - begun

    return note


def _count(step: Step, tally: Tally) -> None:
    for outcome in tally.done.values():
        step.outcomes[outcome] = step.outcomes.get(outcome, 0) + 1
    step.waiting += len(tally.waiting)
    step.made += len(tally.made)


@contextmanager
def _taken(engine: Engine, step: Step) -> Iterator[float]:
    """Measure a step; yields the moment at which it began."""
    numbers = count()

    def counted(*_: Any) -> None:
        next(numbers)

    event.listen(engine, "before_cursor_execute", counted)
    begun, cpu = time.perf_counter(), time.process_time()
    try:
        yield begun
    finally:
        step.seconds, step.cpu = time.perf_counter() - begun, time.process_time() - cpu
        step.peak = memory(os.getpid(), "VmHWM")
        step.statements = next(numbers)
        event.remove(engine, "before_cursor_execute", counted)


def begun(plan: Plan) -> subprocess.Popen[str]:
    """Let a desk write in a process of its own."""
    command = [sys.executable, "-m", "bench.writing", json.dumps(asdict(plan))]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def written(plan: Plan) -> Work:
    """Let a desk write in a process of its own, and wait for it. Raises `RuntimeError` when it fails."""
    with begun(plan) as process:
        told, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the desk ended before it was done; its message stands above")
    read = json.loads(told)
    return Work(read["idle"], {name: Step(**step) for name, step in read["steps"].items()})


@click.command()
@click.argument("plan")
def main(plan: str) -> None:
    """Work, and tell what it took."""
    click.echo(json.dumps(asdict(work(Plan(**json.loads(plan))))))


if __name__ == "__main__":
    main()
