"""What does the research desk take while hundreds of reports wait for a slow model, and whom does a call that hangs delay?

The sandbox model answers after a pause, in a process of its own; the desk works in another one, on a copy of the same database
each time. A pause that nobody can shorten is the ideal: the calls of a step, as many at once as are allowed.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench import ground
from bench.measure import Figures, figure, number
from bench.newsroom import expect, newsroom
from bench.processes import cpu_of_family
from bench.report import Report, Table
from bench.writing import STEPS, Plan, written
from stock_assistant_pipelines.sandbox.model.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.ground import Server
    from bench.newsroom import Newsroom
    from bench.writing import Step, Work
    from stock_assistant_pipelines.sandbox.model.server import RunningModel
    from stock_assistant_pipelines.warehouse.database import Database

ANALYSTS = ("technical", "financial", "valuation")
"""Who is asked for notes: of news there are none."""
ASKING = STEPS[1:]
"""The steps that ask."""
CALLS = (
    "select count(*) filter (where expert <> 'synthesis'), count(*) filter (where expert = 'synthesis') from llm_call"
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How large it is measured."""

    reports: int
    days: int
    latency: float
    timeout: float
    """Seconds after which a call that hangs is given up."""
    rounds: int


FULL = Scale(reports=200, days=300, latency=2.0, timeout=30.0, rounds=3)
QUICK = Scale(reports=10, days=80, latency=0.2, timeout=5.0, rounds=1)


@dataclass(frozen=True, slots=True)
class Round:
    """One day's reports, once."""

    work: Work
    calls: Mapping[str, int]
    """By step that asks."""
    database: float
    """Processor seconds of PostgreSQL."""


def run(*, quick: bool) -> Report:
    """Write many reports at once, the same with one call that hangs in each step, and one report alone."""
    scale = QUICK if quick else FULL
    with ground.server() as server, newsroom(server, scale.reports * 6 // 5 + 50, scale.days) as room:
        many = [_round(server, room, scale, scale.reports) for _ in range(scale.rounds)]
        hung = _round(server, room, scale, scale.reports, hang=True)
        one = [_round(server, room, scale, 1) for _ in range(scale.rounds)]
    return Report(
        "desk",
        "what does the research desk take, and whom does a call that hangs delay?",
        [
            _taken(f"{scale.reports} reports in flight, a model that takes {scale.latency:g} s", many, scale),
            _taken("One report alone", one, scale),
            _delayed(many, hung),
        ],
        [
            f"Medians of {scale.rounds} rounds, with quartiles. Ideal: the calls of the step, {scale.reports} at once, at "
            f"{scale.latency:g} s each; evidence waits for nobody. Processor time is that of the desk's process, user and "
            "system; PostgreSQL's stands in the row of all. The sandbox model computes on the same cores.",
            f"Memory: {number(many[0].work.idle)} MB with all modules loaded, before anything was done.",
            f"Hung: in each step one call is not answered, and given up after {scale.timeout:g} s (LLM_TIMEOUT), then asked "
            "again. The reports of a day are begun when its notes have ended.",
        ],
        broken(scale, many, hung),
    )


@contextmanager
def _slow(scale: Scale, hang: bool) -> Iterator[RunningModel]:
    """The model; in the middle of each step a call hangs, if asked for."""
    notes = len(ANALYSTS) * scale.reports
    middles = (notes // 2, notes + scale.reports // 2) if hang else ()
    faults = tuple(f"timeout:times=1:after={after}:seconds={scale.timeout * 1.5:g}" for after in middles)
    with running(process=True, latency=scale.latency, faults=faults) as model:
        yield model


def _round(server: Server, room: Newsroom, scale: Scale, reports: int, *, hang: bool = False) -> Round:
    with server.copy_of(room.database, "desk") as database, _slow(scale, hang) as model:
        day = room.days[-1]
        with database.connected() as engine:
            expect(engine, day, reports)
        plan = Plan(
            database=database.url.render_as_string(False),
            model=model.url,
            days=[day.isoformat()],
            stocks_at_once=scale.reports,
            calls_at_once=scale.reports,
            timeout=scale.timeout,
        )
        before = cpu_of_family(server.pid)
        work = written(plan)
        return Round(work, _calls(database), cpu_of_family(server.pid) - before)


def _calls(database: Database) -> dict[str, int]:
    with database.connected() as engine, engine.connect() as connection:
        return dict(zip(ASKING, connection.execute(text(CALLS)).one(), strict=True))


def broken(scale: Scale, many: Sequence[Round], hung: Round) -> list[str]:
    """What was not so: reports that are not published, and others that waited for the one that hung.

    Whoever waited for it came later by as long as it hung. Half of that is more than a busy machine makes of it.
    """
    found = [
        f"not all {scale.reports} reports were published: {each.work.steps['reports'].outcomes}"
        for each in (*many, hung)
        if each.work.steps["reports"].outcomes != {"published": scale.reports}
    ]
    for name in ASKING:
        others, last = last_two(hung.work.steps[name])
        undisturbed = max(last_two(each.work.steps[name])[0] for each in many)
        if last < scale.timeout:
            found.append(f"nothing hung in {name}: all were done after {number(last)} s")
        elif others > undisturbed + scale.timeout / 2:
            found.append(
                f"{name}: the one that hung delayed others, from {number(undisturbed)} s to {number(others)} s"
            )
    return found


def last_two(step: Step) -> tuple[float, float]:
    """When the last but one was done, and when the last."""
    *_, others, last = sorted([0.0, *step.done.values()])
    return others, last


def _taken(title: str, rounds: Sequence[Round], scale: Scale) -> Table:
    rows = [(name, *_row(rounds, [name], scale)) for name in STEPS]
    rows.append(("all", *_row(rounds, STEPS, scale)))
    rows[-1] = (*rows[-1][:-1], _figure(each.database * 1000 / _count(each) for each in rounds))
    columns = (
        "", "calls", "seconds", "ideal", "over it", "processor, ms a report", "statements a report", "memory at most, MB",
        "PostgreSQL, ms a report",
    )  # fmt: skip
    return Table(title, columns, rows)


def _row(rounds: Sequence[Round], names: Sequence[str], scale: Scale) -> tuple[str, ...]:
    first = rounds[0]
    calls = sum(first.calls.get(name, 0) for name in names)
    ideal = sum(math.ceil(first.calls.get(name, 0) / scale.reports) * scale.latency for name in names)
    seconds = [sum(each.work.steps[name].seconds for name in names) for each in rounds]
    return (
        f"{calls:,}" if calls else "–",
        _figure(seconds),
        number(ideal) if ideal else "–",
        _figure(each - ideal for each in seconds),
        _figure(sum(each.work.steps[name].cpu for name in names) * 1000 / _count(each) for each in rounds),
        _figure(sum(each.work.steps[name].statements for name in names) / _count(each) for each in rounds),
        _figure(max(each.work.steps[name].peak for name in names) for each in rounds),
        "",
    )


def _count(each: Round) -> int:
    return sum(each.work.steps["reports"].outcomes.values())


def _figure(values: Iterator[float] | Sequence[float]) -> str:
    return figure(Figures(tuple(values)))


def _delayed(many: Sequence[Round], hung: Round) -> Table:
    rows = []
    for name in ASKING:
        others, last = last_two(hung.work.steps[name])
        undisturbed = _figure([last_two(each.work.steps[name])[0] for each in many])
        rows.append((name, undisturbed, number(others), number(last)))
    columns = ("", "the last but one, nothing hung, s", "the last of the others, one hung, s", "the one that hung, s")
    return Table("A call that hangs", columns, rows)
