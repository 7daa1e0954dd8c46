"""Disks: how much room is left where directories are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stock_assistant_pipelines.exporter.page import Values, gauge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prometheus_client.metrics_core import Metric


def read(paths: Sequence[Path]) -> Sequence[Metric]:
    """Room where these directories are. Raises OSError where there is none."""
    free: Values = {}
    size: Values = {}
    for path in paths:
        found = os.statvfs(path)
        free[str(path),] = found.f_bavail * found.f_frsize
        size[str(path),] = (found.f_blocks - found.f_bfree + found.f_bavail) * found.f_frsize
    return [
        gauge("disk_free_bytes", "Room that is left where this directory is.", free, "path"),
        gauge("disk_size_bytes", "Room that there is for who is not root.", size, "path"),
    ]
