"""How much of what Tushare allows do several workers use together, and is one of them ever refused?

The sandbox, in a process of its own, refuses every call that is one too many in a sliding window. Workers, processes of their
own, call five interfaces as often as their limiter lets them; one run kills a worker every few seconds and starts another.
"""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bench import ground
from bench.caller import Library, Task, quota, work
from bench.measure import Figures, figure, in_turns, number, ratio
from bench.processes import cpu_of_family
from bench.report import Report, Table
from stock_assistant_pipelines.catalog.tiers import tier
from stock_assistant_pipelines.sandbox.server import Running, running
from stock_assistant_pipelines.tushare.quota import SharedQuota
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from bench.ground import Server
    from stock_assistant_pipelines.tushare.permit import Quota
    from stock_assistant_pipelines.warehouse.database import Database

SIDES = {
    "ours": ("ours", False),
    "ours, a worker killed every few seconds": ("ours", True),
    "pyrate-limiter, PostgresBucket": ("library", False),
    "no limiter": ("none", False),
}


SHARE = 0.99
"""How much of what is allowed ours uses at the least, workers that are killed included."""

CONTEXT = multiprocessing.get_context("forkserver")
"""A worker starts in no time: it is copied from a process that has imported everything, and done nothing else."""


@dataclass(frozen=True)
class Scale:
    """How large it is measured."""

    apis: tuple[str, ...]
    points: int
    window: float
    windows: int
    workers: int
    threads: int
    kill_every: float
    permits: int
    """Permits that are taken one after the other to see what one costs."""

    @property
    def calls(self) -> int:
        """Calls of one interface that a window allows."""
        return tier(self.points).calls_per_minute

    @property
    def allowed(self) -> int:
        """Calls that the whole run allows."""
        return self.calls * self.windows * len(self.apis)


FULL = Scale(
    ("daily", "adj_factor", "daily_basic", "suspend_d", "stk_limit"),
    5000,
    window=6.0,
    windows=12,
    workers=4,
    threads=2,
    kill_every=3.0,
    permits=400,
)
QUICK = Scale(("daily",), 120, window=1.0, windows=2, workers=2, threads=3, kill_every=0.7, permits=40)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    served: int
    rejected: int
    killed: int
    worker_cpu: float
    """Processor seconds of a call, in the worker that made it."""
    postgres_cpu: float
    """Processor seconds of a call, in PostgreSQL."""


def run(*, quick: bool = False) -> Report:
    """Let each limiter run for some windows, one after the other; then see what a permit costs that is free at once."""
    scale = QUICK if quick else FULL
    CONTEXT.set_forkserver_preload(["bench.caller"])
    with (
        ground.server() as server,
        server.database("bench") as (database, _),
        running(process=True, stocks=50, points=scale.points, window=scale.window) as sandbox,
    ):
        tasks = {side: _task(scale, limiter, database, sandbox.url) for side, (limiter, _) in SIDES.items()}
        outcomes = {side: _run(tasks[side], server, sandbox, scale, kills=kills) for side, (_, kills) in SIDES.items()}
        costs = _costs(_task(scale, "ours", database, ""), scale, rounds=2 if quick else 5)
    return replace(_report(outcomes, costs, scale), broken=broken(outcomes, scale, least=0 if quick else SHARE))


def broken(outcomes: Mapping[str, Outcome], scale: Scale, *, least: float) -> list[str]:
    """What ours does not keep of what is said of it: no call is refused, and hardly one is left unused."""
    found = []
    for side, outcome in outcomes.items():
        if SIDES[side][0] != "ours":
            continue
        if outcome.rejected:
            found.append(f"{side}: calls refused: {outcome.rejected:,}")
        if outcome.served < scale.allowed * least:
            found.append(f"{side}: {outcome.served / scale.allowed:.2%} of what is allowed was used, not {least:.0%}")
    return found


def _run(task: Task, server: Server, sandbox: Running, scale: Scale, *, kills: bool) -> Outcome:
    """Let the workers call for some windows, and ask the sandbox what reached it."""
    sandbox.forget()
    crew = [_start(task) for _ in range(scale.workers)]
    time.sleep(scale.window)  # nobody's calls of before count any more
    before = cpu_of_family(server.pid)
    until = time.monotonic() + scale.window * scale.windows
    for _, pipe in crew:
        pipe.send(until)
    killed = 0
    while kills and time.monotonic() + scale.kill_every < until:
        time.sleep(scale.kill_every)
        victim, _ = crew.pop(0)
        victim.kill()
        victim.join()
        crew.append(_start(task))
        crew[-1][1].send(until)
        killed += 1
    results = [pipe.recv() for _, pipe in crew]
    for process, _ in crew:
        process.join()
    return _outcome(sandbox, results, killed, cpu_of_family(server.pid) - before)


def _outcome(sandbox: Running, results: list[tuple[int, float]], killed: int, postgres: float) -> Outcome:
    stats = sandbox.stats()
    rejected = sum(sum(kinds.values()) for kinds in stats["rejections"].values())
    made = sum(stats["calls"].values())
    return Outcome(
        made - rejected,
        rejected,
        killed,
        sum(cpu for _, cpu in results) / sum(calls for calls, _ in results),
        postgres / made,
    )


def _task(scale: Scale, limiter: str, database: Database, url: str) -> Task:
    return Task(
        url=url,
        conninfo=conninfo(database.url),
        apis=scale.apis,
        limiter=limiter,
        points=scale.points,
        calls=scale.calls,
        window=scale.window,
        patience=scale.window / 2,  # a minute's is 30 s
        threads=scale.threads,
    )


def _start(task: Task) -> tuple[ForkServerProcess, Connection]:
    """Start a worker, and wait until it is ready."""
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=work, args=(task, theirs), daemon=True)
    process.start()
    theirs.close()
    ours.recv()
    return process, ours


def _costs(task: Task, scale: Scale, rounds: int) -> dict[str, Figures]:
    """Milliseconds that a permit takes, there and back, while there are some: one thread, a ring of its own each round."""
    task = replace(task, apis=tuple(f"ring_{at}" for at in range(rounds)))
    ours, library = quota(task), Library(task)
    assert isinstance(ours, SharedQuota)
    turns = {"ours": (ours, iter(task.apis)), "library": (library, iter(task.apis))}
    try:
        sides = {name: partial(_take, limiter, apis, scale.permits) for name, (limiter, apis) in turns.items()}
        return {side: seconds.scaled(1000 / scale.permits) for side, seconds in in_turns(sides, rounds).items()}
    finally:
        ours.close()
        library.close()


def _take(limiter: Quota, apis: Iterator[str], count: int) -> None:
    """Take so many permits of the next interface, and give them back."""
    api = next(apis)
    for _ in range(count):
        with limiter.permit(api) as permit:
            permit.answered()


def _report(outcomes: dict[str, Outcome], costs: dict[str, Figures], scale: Scale) -> Report:
    runs = [
        (
            side,
            f"{outcome.served / scale.allowed:.2%}",
            f"{outcome.served:,}",
            f"{outcome.rejected:,}",
            f"{outcome.killed}",
            number(outcome.worker_cpu * 1000),
            number(outcome.postgres_cpu * 1000),
        )
        for side, outcome in outcomes.items()
    ]
    ours, library = costs["ours"], costs["library"]
    return Report(
        "quota",
        "how much of what is allowed do several workers use, and is one refused?",
        [
            Table(
                f"{scale.windows} windows of {number(scale.window)} s, {scale.calls} calls of each of {len(scale.apis)} "
                f"interfaces in any of them: {scale.allowed:,} calls allowed, {scale.workers} workers",
                ("", "used", "served", "refused", "killed", "CPU of a call, worker, ms", "PostgreSQL, ms"),
                runs,
            ),
            Table(
                "A permit that is free at once, taken and given back by one thread",
                ("", "ms", "× ours"),
                [
                    ("ours", figure(ours), "1"),
                    ("pyrate-limiter, PostgresBucket", figure(library), ratio(library.over(ours))),
                ],
            ),
        ],
        [
            f"A minute is compressed to {number(scale.window)} s; a call gets one row, on loopback. Every worker has "
            f"{scale.threads * len(scale.apis)} threads and one connection for the quota (the library: one for each thread).",
            "Used: calls that were answered with rows, of those that the windows of the run allow. Refused calls count "
            "too: they keep the door shut.",
            "The worker's CPU of a call is that of HTTP and quota together; without a limiter it is HTTP alone, and mostly "
            "that of refusals.",
        ],
    )
