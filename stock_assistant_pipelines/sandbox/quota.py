"""Who may ask, what, and how often: token, points, and a sliding window per interface."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog.tiers import tier
from stock_assistant_pipelines.protocol.refusals import BAD_TOKEN, PERMISSION, THROTTLE, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from stock_assistant_pipelines.catalog.dataset import Dataset


def calls_per_minute(dataset: Dataset, points: int) -> int:
    """How often a token with these points may call an interface in one window."""
    general = tier(points).calls_per_minute
    return min(general, dataset.calls_per_minute or general)


class Quota:
    """Counts calls as they arrive, refused and failed ones too, so that hammering keeps the door shut."""

    def __init__(
        self,
        token: str,
        points: int,
        *,
        window: float = 60.0,
        limited: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self.points = points
        self.window = window
        self.limited = limited
        self._monotonic = monotonic
        self._arrivals: defaultdict[str, deque[float]] = defaultdict(deque)

    def check_token(self, token: object) -> None:
        """Refuse any token but ours."""
        if token != self.token:
            raise Refusal.of(BAD_TOKEN)

    def admit(self, dataset: Dataset) -> None:
        """Count this call; refuse it when the points are too few or the window is full."""
        limit = calls_per_minute(dataset, self.points)
        arrivals = self._arrivals[dataset.api]
        now = self._monotonic()
        while arrivals and arrivals[0] <= now - self.window:
            arrivals.popleft()
        arrivals.append(now)
        if self.points < dataset.points:
            raise Refusal.of(PERMISSION, api=dataset.api)
        if self.limited and len(arrivals) > limit:
            raise Refusal.of(THROTTLE, api=dataset.api, times=limit, unit="分钟")
