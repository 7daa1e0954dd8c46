"""Which rows a report consists of by a given day: versions, duplicates, comparatives, and days that cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.periods import COUNT
from stock_assistant_pipelines.sandbox.market.filings.timetable import Fate
from stock_assistant_pipelines.sandbox.market.noise import Bools, Ints, Stream, symmetric

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger

OWN, RESTATED, ORIGINAL = 1, 4, 5
"""Report types: the company's own; as the next year's report restates it; as it was before it was corrected."""

TOO_EARLY = 45
"""How many sessions before the period's end an impossible day lies."""

NONE = np.zeros(0, dtype=np.int64)


class Version(IntEnum):
    """Which figures a row tells."""

    RIGHT = 0
    FIRST = 1
    COMPARED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of reports, in the order of the reports; `report` is the place of the report in what was asked."""

    report: Ints
    version: Ints
    report_type: Ints
    update_flag: Ints
    announced: Ints
    """The session of `ann_date`."""
    finally_announced: Ints
    """The session of `f_ann_date`."""


class Part(NamedTuple):
    """Rows of one sort: which reports have one, what it tells, and on which days it says that it was told."""

    has: Bools
    version: Version
    report_type: int
    update_flag: int
    announced: Ints
    finally_announced: Ints


def rows(ledger: Ledger, stock: Ints, quarter: Ints, now: int, types: Collection[int]) -> Rows:
    """The rows of some reports, told by the end of the session `now`."""
    table = ledger.timetable
    filed, corrected = table.filed[stock, quarter], table.corrected[stock, quarter]
    told, fixed = filed <= now, corrected <= now
    fate = table.fate[stock, quarter]
    beside, kept, silent = (fate == which for which in (Fate.BESIDE, Fate.KEPT, Fate.SILENT))
    early = np.maximum(ledger.periods.closing[quarter] - TOO_EARLY, 0)
    parts = []
    if OWN in types:
        right = told & ~((fate == Fate.ZERO) | ((beside | kept | silent) & ~fixed))
        last = np.where((beside | kept) & fixed, corrected, filed)
        parts += [
            Part(right, Version.RIGHT, OWN, 1, filed, last),
            Part(told & (fate == Fate.IMPOSSIBLE), Version.RIGHT, OWN, 1, early, early),
            Part(told & silent & ~fixed, Version.FIRST, OWN, 1, filed, filed),
            Part(told & (beside | (kept & ~fixed)), Version.FIRST, OWN, 0, filed, filed),
            Part(told & ((fate == Fate.TWIN) | (fate == Fate.ZERO)), Version.RIGHT, OWN, 0, filed, filed),
        ]
    if RESTATED in types:
        later = table.filed[stock, np.minimum(quarter + 4, COUNT - 1)]
        compared = table.restated(stock, quarter) & (later <= now)
        parts.append(Part(compared, Version.COMPARED, RESTATED, 1, later, later))
    if ORIGINAL in types:
        parts.append(Part(told & kept & fixed, Version.FIRST, ORIGINAL, 0, filed, filed))
    return _joined(parts)


def too_much(ledger: Ledger, stock: Ints, quarter: Ints, version: Ints) -> Ints:
    """What each version of a report has too much, in cents, in profit and in equity."""
    annual = np.abs(ledger.profit[stock, quarter // 4 * 4 + 3]) * (quarter % 4 + 1) / 4
    share = 0.08 * symmetric(ledger.seed, Stream.RESTATED_BY, ledger.stocks.ids[stock], quarter // 4)
    compared = np.rint(annual * share).astype(np.int64)
    return np.select(
        [version == Version.FIRST, version == Version.COMPARED], [ledger.slip[stock, quarter], compared], 0
    )


def _joined(parts: Sequence[Part]) -> Rows:
    """The rows of all parts, by report, and in the order of the parts within one."""
    at = [np.flatnonzero(part.has) for part in parts]
    report = np.concatenate([NONE, *at])
    order = np.argsort(report, kind="stable")
    constants = [
        np.concatenate([NONE, *(np.full(len(a), value, dtype=np.int64) for a, value in zip(at, values, strict=True))])
        for values in zip(*((part.version, part.report_type, part.update_flag) for part in parts), strict=True)
    ] or [NONE] * 3
    announced = np.concatenate([NONE, *(part.announced[a] for part, a in zip(parts, at, strict=True))])
    finally_announced = np.concatenate([NONE, *(part.finally_announced[a] for part, a in zip(parts, at, strict=True))])
    version, report_type, flag = (each[order] for each in constants)
    return Rows(report[order], version, report_type, flag, announced[order], finally_announced[order])
