"""Holdings: what a process has in use and in memory, counted where it is used and read when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.connections import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from api.database import Load
    from api.kept import Use
    from api.streams import Slots


class Holdings(Collector):
    """The pool, the streams, the cache, and the connections that never became a request."""

    def __init__(self, load: Load, streams: Slots, cache: Use | None) -> None:
        self._load = load
        self._streams = streams
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        """All of it, as it is now."""
        yield from self._pool()
        yield _gauge("stream_slots_free", "Long answers that may begin now.", self._streams.free)
        if self._cache is not None:
            yield from _cache(self._cache)
        yield _counter(
            "http_connections_refused", "Connections that were hung up on, by reason.", "reason", dict(REFUSED)
        )

    def _pool(self) -> Iterator[Metric]:
        load = self._load
        yield _gauge("pool_connections_max", "Requests that may read the database at once.", load.size)
        yield _gauge("pool_connections_in_use", "Requests that read the database.", load.reading)
        yield _gauge("pool_requests_waiting_max", "Requests that may wait for that.", load.room)
        yield _gauge("pool_requests_waiting", "Requests that wait for that.", load.waiting)
        refused = {"full": load.refused, "waited": load.gave_up}
        yield _counter(
            "pool_requests_refused",
            "Requests that were not let read: as many waited as may, or they had waited long enough.",
            "reason",
            refused,
        )


def _cache(use: Use) -> Iterator[Metric]:
    outcomes = {
        "hit": use.hits,
        "not_modified": use.not_modified,
        "miss": use.misses,
        "unknown": use.unknown,
    }
    yield _counter(
        "cache_requests",
        "Requests for what may be kept: answered from memory, by 304, anew, or past the cache while data versions are unknown.",
        "outcome",
        outcomes,
    )
    yield _gauge("cache_entries", "Answers that are kept.", len(use.store))
    yield _gauge("cache_size_bytes", "Bytes that they take.", use.store.size)
    yield _gauge("cache_size_max_bytes", "Bytes that they may take.", use.store.room)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"stock_assistant_{name}", text, value)


def _counter(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"stock_assistant_{name}", text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family
