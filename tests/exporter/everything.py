"""An installation in which there is something to tell under every name."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import DagsterRunStatus as Run
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.scheduler.instigation import TickStatus
from rows import ALERT, BOOKED, CALL, CLAIM, REPORT, WATCHED

from stock_assistant_pipelines.backup import status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Installation

NOBODY = "127.0.0.1:1"
"""Where nobody listens."""


@contextmanager
def fill(home: Installation) -> Iterator[None]:
    """Fill it."""
    now = datetime.now(UTC)
    home.storage.run("market", Run.QUEUED)
    home.storage.run("market", Run.STARTED)
    for _ in range(5):
        home.storage.run("market", Run.SUCCESS, took=1)
    home.storage.beat("SENSOR", time.time())
    home.storage.backfill("one", BulkActionStatus.REQUESTED, time.time())
    home.storage.sensor("alerts", TickStatus.FAILURE)
    home.execute(BOOKED, "daily", "2026-03-04", "partial", "partial", 7, 1, "1 hour")
    home.execute(WATCHED, "2026-03-04", "1", "all")
    home.execute(REPORT, "one", "1", "2026-03-04", "degraded", 5, 2, "1 hour")
    home.execute(CLAIM, "one", "claims[0]", False, json.dumps([{"rule": "unit"}]))
    home.execute(CALL, 0.5, now, "answered")
    home.execute(ALERT, "a", 1, None)
    home.execute("insert into alert_channel select id, 'dingtalk-5e14', 0, null, 3, null, 'no' from alert")
    home.execute("select pg_create_physical_replication_slot('everything', true)")
    try:
        yield
    finally:
        home.execute("select pg_drop_replication_slot('everything')")


def settings_of(directory: Path) -> dict[str, Any]:
    """Settings with which every part is told."""
    backups = directory / "status.json"
    status.tell(backups, status.Result("dump", "2026-03-04T02:00:00+08:00", True, 9, 5, ""))
    return {
        "exporter_code_server": NOBODY,
        "run_hosts": [NOBODY],
        "exporter_certificates": [NOBODY],
        "exporter_disks": [directory],
        "backup_status_file": backups,
    }
