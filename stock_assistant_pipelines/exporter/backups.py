"""Backups: what the service that makes them wrote down of each kind. Where none were ever made, that is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.backup import status
from stock_assistant_pipelines.exporter.page import Values, gauge, single

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prometheus_client.metrics_core import Metric


def read(path: Path) -> Sequence[Metric]:
    """Of each kind the last good one, and the last. Raises where there is a status file that cannot be read."""
    found = sorted(status.results(path), key=lambda each: each.moment)
    good: Values = {(each.kind,): each.moment.timestamp() for each in found if each.ok}
    last = {each.kind: each for each in found}.values()
    ok: Values = {(each.kind,): float(each.ok) for each in last}
    seconds: Values = {(each.kind,): each.seconds for each in last}
    size: Values = {(each.kind,): each.bytes for each in last}
    return [
        single(
            "backups_known", "1: it is known what came of backups; 0: none were ever made here.", float(bool(found))
        ),
        gauge("backup_timestamp_seconds", "When the last good one of this kind ended.", good, "kind"),
        gauge("backup_ok", "Whether the last one was good.", ok, "kind"),
        gauge("backup_duration_seconds", "How long that took.", seconds, "kind"),
        gauge("backup_size_bytes", "How large it is.", size, "kind"),
    ]
