"""The fewest calls for a set of partitions, known before the first one is made."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, assert_never

from stock_assistant_pipelines.catalog.calls import PerCode, PerDay, PerPeriod, PerRange, Whole
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.tushare.errors import PermissionDenied
from stock_assistant_pipelines.tushare.patch import Patching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from stock_assistant_pipelines.calendar import Calendar
    from stock_assistant_pipelines.catalog.dataset import Dataset

DEFAULT_CAP = 5000
"""Rows to count on in one answer where Tushare does not say how many it may hold."""

UNKNOWN: Mapping[date, int] = MappingProxyType({})
NONE_KNOWN: Mapping[date, Collection[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Call:
    """One call to Tushare, and what its answer may be used for."""

    api: str
    params: tuple[tuple[str, str], ...]
    days: tuple[date, ...] = ()
    """The trading days that its answer belongs to; none for a snapshot."""
    codes: tuple[str, ...] = ()
    """The codes that are asked for; none: all that there are."""
    patched: frozenset[date] = frozenset()
    """Those of `days` of which the plan asks for missing keys only: its answers tell nothing of the others."""
    rows: int | None = None
    """Rows to expect; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan takes: answers (a page is one), rows, and minutes. None: nobody knows, or nothing limits it."""

    calls: int
    rows: int | None
    minutes: float | None


def plan(
    dataset: Dataset,
    days: Sequence[date],
    calendar: Calendar,
    *,
    missing: Mapping[date, Collection[str]] = NONE_KNOWN,
    rows: Mapping[date, int] = UNKNOWN,
) -> list[Call]:
    """Plan the calls for these trading days, or for the snapshot.

    Of a day that is in `missing`, those codes are wanted; of any other, everything. `rows` tells how many a whole day has,
    where that is known. What is wanted is asked for once, in the order of the days; a call that holds several days comes
    when the first of them is due.
    """
    calls = dataset.calls
    days = list(dict.fromkeys(days))
    wanted = {day: frozenset(missing[day]) for day in days if missing.get(day)}
    match calls:
        case Whole():
            return [Call(dataset.api, tuple(variant.items())) for variant in calls.variants]
        case PerDay():
            whole = [_market(dataset, calls, day, rows) for day in days if calls.code is None or day not in wanted]
            return _in_turn(days, [*whole, *_patches(dataset, calls, calendar, wanted, rows)])
        case PerRange():
            most = max(1, _cap(dataset) // calls.rows_per_day)
            return [
                Call(dataset.api, _range(calls, span), span, rows=_sum(rows.get(day) for day in span))
                for span in _spans(days, calendar, most)
            ]
        case PerCode():
            spans = _spans(days, calendar, _cap(dataset))
            return [
                _series(dataset, calls, code, part, calendar, wanted) for code, part in _parts(calls, spans, wanted)
            ]
        case PerPeriod():
            raise TypeError(f"{dataset.api} has no trading days: its calls are planned by report period")
        case _:
            assert_never(calls)


def estimate(dataset: Dataset, calls: Sequence[Call], *, calls_per_minute: int | None = None) -> Estimate:
    """Say what these calls of a dataset take, at so many a minute."""
    answers = sum(_pages(dataset, call.rows) for call in calls) * (2 if dataset.confirm else 1)
    return Estimate(
        calls=answers,
        rows=_sum(call.rows for call in calls),
        minutes=answers / calls_per_minute if calls_per_minute else None,
    )


def too_few(dataset: Dataset, points: int | None) -> PermissionDenied | None:
    """The refusal that is foreseen for a token of so many points; None where it may ask, or nobody knows them."""
    if points is None or points >= dataset.points:
        return None
    reason = f"asks for {dataset.points} points, and TUSHARE_POINTS is {points}: it was not asked for"
    return PermissionDenied(dataset.api, reason)


def _cap(dataset: Dataset) -> int:
    return dataset.row_cap or DEFAULT_CAP


def _pages(dataset: Dataset, rows: int | None) -> int:
    """How many answers hold that many rows; one where nobody knows how many there are."""
    return max(1, -(-rows // _cap(dataset))) if rows else 1


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of counts, None when one of them is not known."""
    known = list(counts)
    return None if None in known else sum(count for count in known if count is not None)


def _range(calls: PerDay | PerRange | PerCode, span: Sequence[date]) -> tuple[tuple[str, str], ...]:
    return (calls.start, compact(min(span))), (calls.end, compact(max(span)))


def _market(dataset: Dataset, calls: PerDay, day: date, rows: Mapping[date, int]) -> Call:
    """The whole market on one day."""
    return Call(dataset.api, ((calls.day, compact(day)),), (day,), rows=rows.get(day))


def _patches(
    dataset: Dataset,
    calls: PerDay,
    calendar: Calendar,
    wanted: Mapping[date, frozenset[str]],
    rows: Mapping[date, int],
) -> list[Call]:
    """The calls for days that lack some keys: by code or whole days, whichever are fewer."""
    if calls.code is None or not wanted:
        return []
    sizes = {day: rows.get(day, _cap(dataset)) for day in wanted}
    pages = {day: _pages(dataset, size) for day, size in sizes.items()}
    split = Patching(wanted, sizes, pages, calls.several, _cap(dataset), calendar.trading_days).cheapest()
    patched = frozenset(wanted) - split.whole
    return [_market(dataset, calls, day, rows) for day in split.whole] + [
        Call(
            dataset.api,
            ((calls.code, ",".join(bundle.codes)), *_range(calls, bundle.days)),
            tuple(bundle.days),
            codes=tuple(bundle.codes),
            patched=patched,
            rows=bundle.rows,
        )
        for bundle in split.bundles
    ]


def _parts(
    calls: PerCode, spans: Sequence[tuple[date, ...]], wanted: Mapping[date, frozenset[str]]
) -> list[tuple[str, tuple[date, ...]]]:
    """The days of each span on which each code is wanted, where there are any."""
    parts = [
        (code, tuple(day for day in span if day not in wanted or code in wanted[day]))
        for span in spans
        for code in calls.codes
    ]
    return [(code, part) for code, part in parts if part]


def _series(
    dataset: Dataset,
    calls: PerCode,
    code: str,
    days: tuple[date, ...],
    calendar: Calendar,
    wanted: Mapping[date, frozenset[str]],
) -> Call:
    """One code over a range of days."""
    return Call(
        dataset.api,
        ((calls.code, code), *_range(calls, days)),
        days,
        codes=(code,),
        patched=frozenset(days) & wanted.keys(),
        rows=calendar.count(min(days), max(days)),
    )


def _in_turn(days: Sequence[date], calls: Sequence[Call]) -> list[Call]:
    """Put calls in the order in which their first day is due, and the days of each in that order too."""
    turn = {day: at for at, day in enumerate(days)}
    ordered = [_with_days(call, tuple(sorted(call.days, key=turn.__getitem__))) for call in calls]
    return sorted(ordered, key=lambda call: turn[call.days[0]])


def _with_days(call: Call, days: tuple[date, ...]) -> Call:
    return call if call.days == days else Call(call.api, call.params, days, call.codes, call.patched, call.rows)


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
