"""The fewest calls for a set of partitions."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Plan the calls for these trading days, or for the snapshot.

    Each day is asked for once, in the order given; a call that holds several comes when the first of them is due.
    """
    calls = dataset.calls
    days = list(dict.fromkeys(days))
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
    """Cut days into spans of at most `most` trading days from first to last. The order is that of `days`, within too."""
    spans: list[list[date]] = []
    for day in sorted(days):
        if spans and calendar.count(spans[-1][0], day) <= most:
            spans[-1].append(day)
        else:
            spans.append([day])
    turn = {day: at for at, day in enumerate(days)}
    return sorted((tuple(sorted(span, key=turn.__getitem__)) for span in spans), key=lambda span: turn[span[0]])
