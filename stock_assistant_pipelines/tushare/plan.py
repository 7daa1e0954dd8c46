"""The fewest calls for a set of partitions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, assert_never

from stock_assistant_pipelines.catalog.dataset import Dataset, PerCode, PerDay, PerRange, Whole
from stock_assistant_pipelines.tushare.decode import compact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from stock_assistant_pipelines.calendar import Calendar

DEFAULT_CAP = 5000
"""Rows to count on in one answer where Tushare does not say how many it may hold."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to Tushare, and the trading days that its answer belongs to (none for a snapshot)."""

    api: str
    params: tuple[tuple[str, str], ...]
    days: tuple[date, ...] = ()


def plan(dataset: Dataset, days: Sequence[date], calendar: Calendar) -> list[Call]:
    """Plan the calls for these trading days, or for the snapshot. Days are served in the order given."""
    calls = dataset.calls
    match calls:
        case Whole():
            return [Call(dataset.api, tuple(variant.items())) for variant in calls.variants]
        case PerDay():
            return [Call(dataset.api, ((calls.day, compact(day)),), (day,)) for day in days]
        case PerRange():
            most = max(1, (dataset.row_cap or DEFAULT_CAP) // calls.rows_per_day)
            return [
                Call(dataset.api, ((calls.start, compact(min(span))), (calls.end, compact(max(span)))), span)
                for span in _spans(days, calendar, most)
            ]
        case PerCode():
            return [
                Call(
                    dataset.api,
                    ((calls.code, code), (calls.start, compact(min(span))), (calls.end, compact(max(span)))),
                    span,
                )
                for span in _spans(days, calendar, dataset.row_cap or DEFAULT_CAP)
                for code in calls.codes
            ]
        case _:
            assert_never(calls)


def _spans(days: Sequence[date], calendar: Calendar, most: int) -> list[tuple[date, ...]]:
    """Cut days into spans of at most `most` trading days from first to last, keeping the newest or oldest first as given."""
    if not days:
        return []
    ordered = sorted(days)
    spans: list[list[date]] = [[ordered[0]]]
    for _, day in pairwise(ordered):
        if calendar.count(spans[-1][0], day) <= most:
            spans[-1].append(day)
        else:
            spans.append([day])
    newest_first = days[0] == ordered[-1] and len(days) > 1
    return [tuple(span) for span in (reversed(spans) if newest_first else spans)]
