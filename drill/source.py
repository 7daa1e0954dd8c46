"""Faults of the source: it is down, it answers half, it answers yesterday, it refuses for the rest of the day."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING

from drill.finding import Finding
from drill.stage import Stuck, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.stage import Stage


def down(stage: Stage) -> Finding:
    """1. Every call is answered by HTTP 502, for as long as the backfill tries; then nobody does anything."""
    days = stage.days(date(2023, 2, 1), 8)
    stage.learn(days)
    stage.sandbox.inject("http_502")
    backfill = stage.backfill(days)
    until(lambda: backfill.over, "the backfill ends")
    seen = [*stage.failures(backfill)[:1], *stage.told(days), *_honest(stage, days)]
    stage.sandbox.heal()
    ended = time.monotonic()
    stage.pass_time(hours=1)
    until(lambda: stage.whole(days), "the sensor catches up")
    healed = "by itself: half an hour after the failure (here the books were set back) the sensor catch_up asks again"
    return Finding("1", "Tushare answers 502 to every call", seen, healed, stage.lost(days), time.monotonic() - ended)


def half(stage: Stage) -> Finding:
    """2. Every answer lacks every second row, with code 0 and no word about it."""
    days = stage.days(date(2023, 4, 3), 10)
    return _wrong(stage, "2", "Tushare answers half the market, as a success", days, "half")


def yesterday(stage: Stage) -> Finding:
    """3. Every third answer holds the rows of the day before, relabelled as the day that was asked for."""
    days = stage.days(date(2023, 6, 1), 10)
    faults = ("stale:api=daily:every=3", "yesterday:api=adj_factor:every=3")
    return _wrong(stage, "3", "Tushare answers yesterday's rows for today", days, *faults)


def exhausted(stage: Stage) -> Finding:
    """4. After ten calls the interface is refused for the rest of the day."""
    days = stage.days(date(2023, 8, 1), 30)
    stage.learn(days)
    stage.sandbox.inject("throttle_day:api=daily:every=10")
    backfill = stage.backfill(days)
    until(lambda: backfill.over, "the backfill ends")
    calls = stage.sandbox.stats()["calls"]["daily"]
    seen = [
        *stage.failures(backfill)[:1],
        *stage.told(days),
        *_honest(stage, days),
        *stage.command("quota", about="daily "),
    ]
    stage.sandbox.heal()
    refused = stage.sandbox.stats()["calls"]["daily"] - calls
    seen.append(f"Tushare: {refused} further calls after the refusal")
    ended = time.monotonic()
    stage.pass_time(hours=24)
    until(lambda: stage.whole(days), "the next day resumes")
    healed = "by itself: at the next day (here the books were set back) the sensor catch_up asks for what was deferred"
    injected = "the day's quota of `daily` is used up in the middle of a backfill"
    return Finding("4", injected, seen, healed, stage.lost(days), time.monotonic() - ended)


def _wrong(stage: Stage, number: str, injected: str, days: Sequence[date], *faults: str) -> Finding:
    """Backfill while answers are wrong; heal the source; let the user fix exactly what is missing."""
    stage.learn(days)
    stage.sandbox.inject(*faults)
    backfill = stage.backfill(days)
    until(lambda: backfill.over, "the backfill ends")
    seen = [*stage.failures(backfill)[:1], *stage.told(days), *_honest(stage, days)]
    stage.sandbox.heal()
    ended = time.monotonic()
    names = ("suspend_d", "daily", "adj_factor")
    said = stage.command("holes", *names, "--from", str(days[0]), "--to", str(days[-1]), "--fix", "--yes")
    return Finding(number, injected, [*seen, *said], "by one command", stage.lost(days), time.monotonic() - ended)


def _honest(stage: Stage, days: Sequence[date]) -> list[str]:
    """Nothing may be booked as complete that is not. Raises `Stuck` when something is."""
    if lies := stage.claimed(days):
        raise Stuck("; ".join(lies))
    return ["checked: no day is booked as complete that does not hold what an undisturbed landing holds"]
