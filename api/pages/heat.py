"""Heat: a year of trading days as a calendar, and report periods as a strip; where each cell stands, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.pages.reading import Booked

STEP = 13
"""From one cell to the next, in units of the drawing; the stylesheet has a cell's size."""
TOP, LEFT = 16, 26
"""Room for the months or years above, and for the quarters of report periods beside."""

ABSENT, AHEAD, UNKNOWN = "not_landed", "ahead", "unknown"
"""Beside the statuses: published, and nothing is known of it; not due yet; nobody knows whether the market trades."""

KINDS = (*Status, ABSENT, AHEAD, UNKNOWN)
"""All that a cell can be."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A partition, drawn."""

    x: int
    y: int
    day: date
    kind: str
    booked: Booked | None


@dataclass(frozen=True, slots=True)
class Heat:
    """Cells, what stands beside them, and how much room all of it takes."""

    cells: tuple[Cell, ...]
    marks: tuple[tuple[int, int], ...]
    """Where each month, or year, begins: x, and which."""
    width: int
    height: int

    @property
    def counts(self) -> dict[str, int]:
        """Cells by kind, in a fixed order."""
        kinds = [cell.kind for cell in self.cells]
        return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}


def of_year(year: int, open_days: Mapping[date, bool], booked: Mapping[date, Booked], due: date) -> Heat:
    """A year, a column per week: its weekdays, and what else is booked. `due` is the last day whose rows are published."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    start = first - timedelta(days=first.weekday())
    cells = []
    for day in (first + timedelta(days=after) for after in range((last - first).days + 1)):
        entry = booked.get(day)
        if day.weekday() < 5 or (entry and entry.status != Status.CLOSED):
            x = (day - start).days // 7 * STEP
            cells.append(Cell(x, TOP + day.weekday() * STEP, day, _kind(day, entry, open_days, due), entry))
    months = (date(year, month, 1) for month in range(1, 13))
    marks = tuple(((day - start).days // 7 * STEP, day.month) for day in months)
    rows = 1 + max(cell.day.weekday() for cell in cells)
    return Heat(tuple(cells), marks, 54 * STEP, TOP + rows * STEP)


def _kind(day: date, entry: Booked | None, open_days: Mapping[date, bool], due: date) -> str:
    if entry:
        return entry.status
    if open_days.get(day) is False:
        return Status.CLOSED
    if day > due:
        return AHEAD
    return ABSENT if day in open_days else UNKNOWN


def of_periods(first: int, last: int, booked: Mapping[date, Booked], over: date) -> Heat:
    """The report periods of these years, a column per year. `over` is the last day that is over."""
    cells = []
    for period in calendar.periods(date(first, 1, 1), date(last, 12, 31)):
        entry = booked.get(period)
        kind = entry.status if entry else (ABSENT if period <= over else AHEAD)
        cells.append(
            Cell(LEFT + (period.year - first) * STEP, TOP + (period.month // 3 - 1) * STEP, period, kind, entry)
        )
    years = last - first + 1
    marks = tuple((LEFT + after * STEP, first + after) for after in range(0, years, 5))
    return Heat(tuple(cells), marks, LEFT + max(years, 4) * STEP, TOP + 4 * STEP)
