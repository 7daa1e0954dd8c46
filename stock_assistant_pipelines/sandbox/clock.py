"""What time it is in Shanghai: the real time, or a moment that stands still so that a run can be repeated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from stock_assistant_pipelines.catalog.dataset import Dataset

SHANGHAI = ZoneInfo("Asia/Shanghai")


class ClockError(ValueError):
    """A moment is not written as ISO 8601."""


class Clock:
    """The sandbox's clock. `fixed` stops it."""

    def __init__(self, fixed: datetime | None = None) -> None:
        self.fixed = fixed and in_shanghai(fixed)

    def now(self) -> datetime:
        """The moment at which the sandbox believes to be, in Asia/Shanghai."""
        return self.fixed or datetime.now(SHANGHAI)


def in_shanghai(moment: datetime) -> datetime:
    """Read a moment without a time zone as Shanghai's, any other as what it is."""
    return moment.replace(tzinfo=SHANGHAI) if moment.tzinfo is None else moment.astimezone(SHANGHAI)


def parse_moment(text: str) -> datetime:
    """Read `2025-12-18T18:00` or any other ISO 8601 moment. Raises `ClockError`."""
    try:
        return in_shanghai(datetime.fromisoformat(text))
    except ValueError:
        raise ClockError(f"`{text}` is no moment: write 2025-12-18T18:00, Shanghai time") from None


def last_published_day(dataset: Dataset, now: datetime) -> str:
    """The last calendar day, `YYYYMMDD`, whose rows are out: today from the time of publication on, yesterday before."""
    out = dataset.published is None or now.time() >= dataset.published
    return (now if out else now - timedelta(days=1)).strftime("%Y%m%d")
