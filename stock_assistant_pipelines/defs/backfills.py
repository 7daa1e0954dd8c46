"""Backfills, launched as the UI launches them: a few runs with many partitions each, carried out by the daemon."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.selector import PartitionRangeSelector, PartitionsByAssetSelector, PartitionsSelector
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from stock_assistant_pipelines.definitions import defs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.catalog.dataset import Dataset

UNDER_WAY = frozenset({BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING})


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's instance, as `DAGSTER_HOME` names it."""
    with dg.DagsterInstance.get() as known:
        yield known


def launch(dagster: dg.DagsterInstance, datasets: Sequence[Dataset], first: date, last: date, title: str) -> str:
    """Ask the daemon for a backfill of these datasets from `first` to `last`, snapshots included; return its id."""
    graph = defs.get_repository_def().asset_graph
    days = PartitionsSelector(ranges=[PartitionRangeSelector(start=first.isoformat(), end=last.isoformat())])
    backfill = PartitionBackfill.from_partitions_by_assets(
        backfill_id=make_new_backfill_id(),
        asset_graph=graph,
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=dagster,
        partitions_by_assets=[
            PartitionsByAssetSelector(
                asset_key=dg.AssetKey(dataset.api), partitions=days if dataset.partitioned else None
            )
            for dataset in datasets
        ],
        title=title,
        description=None,
        run_config=None,
    )
    dagster.add_backfill(backfill)
    return str(backfill.backfill_id)


def state(dagster: dg.DagsterInstance, backfill_id: str) -> str | None:
    """How a backfill ended, in Dagster's words; None while it is under way."""
    backfill = dagster.get_backfill(backfill_id)
    if backfill is None:
        raise LookupError(f"Dagster knows no backfill {backfill_id}")
    return None if backfill.status in UNDER_WAY else str(backfill.status.value)


def began(dagster: dg.DagsterInstance, backfill_id: str) -> datetime:
    """When a backfill was asked for."""
    backfill = dagster.get_backfill(backfill_id)
    if backfill is None:
        raise LookupError(f"Dagster knows no backfill {backfill_id}")
    return datetime.fromtimestamp(backfill.backfill_timestamp, UTC)


def runs(dagster: dg.DagsterInstance, backfill_id: str) -> list[dg.DagsterRun]:
    """The runs that a backfill was carried out in."""
    return list(dagster.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id})))
