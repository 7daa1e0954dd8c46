"""Trading days under way: a call may tell of several days, and a day may need several calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stock_assistant_pipelines.tushare.errors import HOPELESS, TushareError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from datetime import date

    from stock_assistant_pipelines.ingest.source import Told
    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.tushare.plan import Call


@dataclass
class Day:
    """A trading day under way: what its calls have told so far, and how many are still out."""

    waiting: int = 0
    rows: list[Row] = field(default_factory=list)
    calls: int = 0
    source: str = ""
    errors: list[TushareError] = field(default_factory=list)
    doubt: str | None = None
    late: bool = False
    patch: bool = False
    """Whether only its missing keys are asked for."""

    def take(self, told: Told, day: date) -> None:
        """Add what one call told of this day."""
        self.waiting -= 1
        self.calls += told.calls if day == told.call.days[0] else 0  # a shared call is counted once
        if told.error:
            self.errors.append(told.error)
            return
        self.source = told.source
        self.rows += told.rows.get(day, [])
        if day in told.differs:
            self.doubt = "two answers in a row told different rows"


class Harvest:
    """The days under way in one landing: which of them are ready, and whether asking on is hopeless."""

    def __init__(self, calls: Sequence[Call], late: Container[date]) -> None:
        self.days: dict[date, Day] = {}
        self.hopeless: TushareError | None = None
        for call in calls:
            for day in call.days:
                self.days.setdefault(day, Day(late=day in late, patch=day in call.patched)).waiting += 1

    def take(self, told: Told) -> list[tuple[date, Day]]:
        """Add what one call told; return the days that wait for nothing more."""
        if isinstance(told.error, HOPELESS):
            self.hopeless = self.hopeless or told.error
        for day in told.call.days:
            self.days[day].take(told, day)
        return [(day, self.days.pop(day)) for day in told.call.days if self.days[day].waiting == 0]
