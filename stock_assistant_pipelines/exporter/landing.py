"""Landing: what keeps partitions from being whole, and what was tried lately. How they stand by status, the API tells."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.exporter.page import Values, gauge, statement
from stock_assistant_pipelines.warehouse.tables import SETTLED, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.metrics_core import Metric

    from stock_assistant_pipelines.exporter.reading import Reader

SPANS = ("minute", "hour", "day", "other")

COVERAGE = statement("coverage")
PAUSED = statement("paused")


def read(reader: Reader) -> Sequence[Metric]:
    """What the coverage and the quota tell."""
    with reader.transaction() as connection:
        rows = connection.execute(COVERAGE).all()
        paused = connection.execute(PAUSED).all()
    unsettled: Values = {}
    missing: Values = {(name,): 0 for name in CATALOG}
    tried: Counter[tuple[str, ...]] = Counter({(name, status): 0 for name in CATALOG for status in Status})
    calls: Counter[tuple[str, ...]] = Counter({(name,): 0 for name in CATALOG})
    for row in rows:
        if row.dataset not in CATALOG:
            continue
        tried[row.dataset, row.status] += row.tried
        calls[row.dataset,] += row.calls
        if row.status not in SETTLED:
            missing[row.dataset,] += row.missing
            key = (row.dataset, row.cause)
            unsettled[key] = unsettled.get(key, 0) + row.partitions
    spans: Values = {(span,): 0 for span in SPANS}
    spans.update({(row.span,): row.interfaces for row in paused})
    return [
        gauge(
            "landing_unsettled_partitions",
            "Partitions that are not whole, by what keeps them from it.",
            unsettled,
            "dataset",
            "cause",
        ),
        gauge("landing_missing_keys", "Keys that partitions are known to lack.", missing, "dataset"),
        gauge(
            "landing_tried_last_day_partitions",
            "Partitions that were landed or tried within the last 24 hours, by what they are now.",
            tried,
            "dataset",
            "status",
        ),
        gauge("landing_last_day_calls", "Answers of Tushare that those took the last time.", calls, "dataset"),
        gauge(
            "landing_paused_interfaces",
            "Interfaces that are left alone, by the span whose calls are used up.",
            spans,
            "span",
        ),
    ]
