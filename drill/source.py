"""Faults of the source: it is down, it answers half, it answers yesterday, it refuses for the rest of the day."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from drill.finding import Finding
from drill.stage import CALLS, DATASETS
from drill.waiting import Stuck, until
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.stage import Stage
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.defs.backfills import Backfill

DAILY, ADJ_FACTOR = CATALOG["daily"], CATALOG["adj_factor"]

BEFORE = date(2023, 1, 31)
"""A day that lands before a fault, so that calendar and stocks are known and the fault befalls the days."""


def down(stage: Stage) -> Finding:
    """1. Every call is answered by HTTP 502, for as long as the backfill tries; then nobody does anything."""
    days = stage.days(date(2023, 2, 1), 8)
    stage.learn(days)
    stage.know(BEFORE)
    stage.sandbox.inject("http_502")
    seen = _suffered(stage, stage.backfill(days), days, DATASETS)
    if landed := [api for (api, status) in stage.statuses(days) if status == "complete"]:
        raise Stuck(f"the fault did not bite: days of {', '.join(landed)} landed while every call was answered by 502")
    stage.sandbox.heal()
    ended = time.monotonic()
    stage.pass_time(hours=2)
    until(lambda: stage.whole(days), "the sensor catches up", meanwhile=lambda: _honest(stage, days))
    healed = (
        "by itself: after a pause of half an hour, doubled with every try (here the books were set back by two hours) "
        "the sensor catch_up asks again"
    )
    injected = "Tushare answers 502 to every call, as long as the backfill tries"
    return Finding("1", injected, seen, healed, stage.lost(days), time.monotonic() - ended)


def half(stage: Stage) -> Finding:
    """2. Every answer lacks every second row, where nothing is known yet; and once more where the stocks are known."""
    first, then = stage.days(date(2023, 4, 3), 10), stage.days(date(2023, 5, 4), 10)
    stage.learn([*first, *then])
    stage.sandbox.inject("half")
    seen = _suffered(stage, stage.backfill(first), first, (CATALOG["trade_cal"], CATALOG["stock_basic"], *DATASETS))
    seen += ["and once calendar and stocks were whole:"]
    stage.sandbox.heal()
    stage.know(BEFORE)
    stage.sandbox.inject("half")
    seen += _suffered(stage, stage.backfill(then), then, DATASETS)
    injected = "every answer of Tushare lacks every second row, as a success; the calendar and the stocks too"
    return _fixed(stage, "2", injected, seen, [*first, *then])


def yesterday(stage: Stage) -> Finding:
    """3. Every third answer holds the rows of the day before: `daily` under the day asked for, `adj_factor` under their own."""
    days = stage.days(date(2023, 6, 1), 10)
    stage.learn(days)
    stage.know(BEFORE)
    stage.sandbox.inject("stale:api=daily:every=3", "yesterday:api=adj_factor:every=3")
    seen = _suffered(stage, stage.backfill(days), days, (DAILY, ADJ_FACTOR))
    injected = "every third answer of Tushare holds the rows of the day before"
    return _fixed(stage, "3", injected, seen, days)


def exhausted(stage: Stage) -> Finding:
    """4. After ten calls the interface is refused for the rest of the day."""
    days = stage.days(date(2023, 8, 1), 30)
    stage.learn(days)
    stage.know(BEFORE)
    stage.sandbox.inject("throttle_day:api=daily:after=10")
    seen = _suffered(stage, stage.backfill(days), days, (DAILY,))
    seen += [*_left_alone(stage, days), *stage.command("quota", about="daily ")]
    stage.sandbox.heal()
    ended = time.monotonic()
    stage.pass_time(hours=24)
    until(lambda: stage.whole(days), "the next day resumes", meanwhile=lambda: _honest(stage, days))
    healed = "by itself: at the next day (here the books were set back) the sensor catch_up asks for what was deferred"
    injected = "after ten calls `daily` is refused for the rest of the day, in the middle of a backfill"
    return Finding("4", injected, seen, healed, stage.lost(days), time.monotonic() - ended)


def _left_alone(stage: Stage, days: Sequence[date]) -> list[str]:
    """The days of `daily` are deferred, and after the first refusal nobody asked for them but who was asking already.

    Raises `Stuck` otherwise.
    """
    asked = ["fault" in call for call in stage.asked(DAILY, days)]
    refused = asked.index(True)
    after = len(asked) - refused - 1
    under_way = Settings(_env_file=None).tushare_concurrency - 1
    statuses = stage.statuses(days)
    landed, deferred = statuses["daily", "complete"], statuses["daily", "deferred"]
    if not deferred or landed + deferred != len(days):
        raise Stuck(f"of {len(days)} days of daily {landed} are complete and {deferred} are deferred")
    if after > under_way:
        raise Stuck(f"{after} calls after the refusal: at most {under_way} were under way")
    return [f"Tushare: daily was refused at call {refused + 1}; {after} calls followed, no more than were under way"]


def _suffered(stage: Stage, backfill: Backfill, days: Sequence[date], befallen: Sequence[Dataset]) -> list[str]:
    """Wait for the end of a backfill, in which nothing may be claimed; tell what the user sees.

    Raises `Stuck` when the fault did not bite: each of the datasets must have met it, and be the worse for it.
    """
    until(lambda: backfill.over, "the backfill ends", meanwhile=lambda: _honest(stage, days))
    met = Counter(call["api"] for call in stage.sandbox.calls(CALLS) if call.get("fault"))
    for dataset in befallen:
        if not met[dataset.api]:
            raise Stuck(f"the fault did not bite: every answer of {dataset.api} was right")
        if dataset in DATASETS and not stage.open(dataset, days):
            raise Stuck(f"the fault did not bite: {dataset.api} is booked as complete, every day")
    bitten = ", ".join(f"{api} {count}" for api, count in sorted(met.items()))
    return [f"wrong answers: {bitten}", *stage.failures(backfill)[:1], *stage.told(days), *_honest(stage, days)]


def _fixed(stage: Stage, number: str, injected: str, seen: Sequence[str], days: Sequence[date]) -> Finding:
    """Heal the source; let the user fix exactly what is missing."""
    stage.sandbox.heal()
    ended = time.monotonic()
    names = ("suspend_d", "daily", "adj_factor")
    said = stage.command("holes", *names, "--from", str(days[0]), "--to", str(days[-1]), "--fix", "--yes")
    return Finding(number, injected, [*seen, *said], "by one command", stage.lost(days), time.monotonic() - ended)


def _honest(stage: Stage, days: Sequence[date]) -> list[str]:
    """Nothing may be booked as complete that is not. Raises `Stuck` when something is."""
    if lies := stage.claimed(days):
        raise Stuck("; ".join(lies))
    return ["checked all the while: no day is booked as complete that does not hold what an undisturbed landing holds"]
