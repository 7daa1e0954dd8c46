"""Requests, counted as they are answered: how many, how long, with what end.

No label holds anything that was sent: a route is told as it is declared, without the codes and days in its path. Counting costs
each request, and telling costs nobody: here is what is counted as plain numbers, which become metrics when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from api import problems as known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 20.0, 60.0)
"""From an answer that is kept to a stream. A statement ends after 20 s."""

KINDS = [kind.name for kind in known.KINDS]
"""Told from the start on: a series that begins with 1 has not grown."""

BOUNDS = [*map(str, SECONDS), "+Inf"]

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
"""Those that some route answers; all others are told as one."""

OTHER = "other"
NO_ROUTE = "none"
"""Of a request that no route answered: it was refused before, or there is nothing at its path."""

UNANSWERED = "none"
"""Instead of a class of statuses: the client left before the answer began."""


@dataclass(slots=True)
class Tally:
    """Requests of one kind."""

    within: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    """How many took as long as the bound, and longer than the one before."""
    seconds: float = 0.0
    written: int = 0


class Requests(Collector):
    """The requests of one application. It is written to by the thread that answers, and read by any."""

    def __init__(self) -> None:
        self.under_way = 0
        self._tallies: dict[tuple[str | None, str, int], Tally] = {}
        self._problems: Counter[str] = Counter()

    def note(
        self, route: str | None, method: str, status: int, seconds: float, written: int, problem: str | None
    ) -> None:
        """Count a request that is over. A status of 0: its answer never began."""
        key = route, method if method in METHODS else OTHER, status // 100
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        tally.within[bisect_left(SECONDS, seconds)] += 1
        tally.seconds += seconds
        tally.written += written
        if problem is not None:
            self._problems[problem] += 1

    def collect(self) -> Iterator[Metric]:
        """What was counted until now."""
        duration = HistogramMetricFamily(
            "stock_assistant_http_request_duration_seconds",
            "From a request's head to the last byte of its answer.",
            labels=["route", "method", "status"],
        )
        written: Counter[str] = Counter()
        for (route, method, hundreds), tally in list(self._tallies.items()):
            name = route or NO_ROUTE
            status = f"{hundreds}xx" if hundreds else UNANSWERED
            buckets = list(zip(BOUNDS, accumulate(tally.within), strict=True))
            duration.add_metric([name, method, status], buckets, tally.seconds)
            written[name] += tally.written
        yield duration
        size = CounterMetricFamily(
            "stock_assistant_http_response_bytes", "Bytes of bodies, as they were sent.", labels=["route"]
        )
        for name, value in written.items():
            size.add_metric([name], value)
        yield size
        problems = CounterMetricFamily(
            "stock_assistant_http_problems",
            "Answers that were a problem, by the last part of its type.",
            labels=["problem"],
        )
        for name, value in (dict.fromkeys(KINDS, 0) | self._problems).items():
            problems.add_metric([name], value)
        yield problems
        yield GaugeMetricFamily(
            "stock_assistant_http_requests_in_progress", "Requests that are being answered.", self.under_way
        )
