"""A backfill, launched as the UI launches it: a few runs with many partitions each, carried out by the daemon.

Dagster has no public call for that but GraphQL, which needs its webserver; what the webserver calls is called here. Dagster is
pinned to a version, and `tests/defs/test_daemon.py` launches one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.definitions.selector import PartitionRangeSelector, PartitionsByAssetSelector, PartitionsSelector
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from stock_assistant_pipelines.catalog.dataset import Dataset

UNDER_WAY = frozenset({BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING})


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's instance, as `DAGSTER_HOME` names it."""
    with dg.DagsterInstance.get() as known:
        yield known


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill that Dagster knows by its id."""

    dagster: dg.DagsterInstance
    id: str

    @classmethod
    def launch(
        cls,
        dagster: dg.DagsterInstance,
        definitions: dg.Definitions,
        datasets: Sequence[Dataset],
        first: date,
        last: date,
        title: str,
        *,
        refetch: bool = False,
    ) -> Backfill:
        """Ask the daemon to land these datasets from `first` to `last`, and the snapshots among them."""
        days = PartitionsSelector(ranges=[PartitionRangeSelector(start=first.isoformat(), end=last.isoformat())])
        backfill = PartitionBackfill.from_partitions_by_assets(
            backfill_id=make_new_backfill_id(),
            asset_graph=definitions.get_repository_def().asset_graph,
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
            run_config={"ops": {dataset.api: {"config": {"refetch": refetch}} for dataset in datasets}},
        )
        dagster.add_backfill(backfill)
        return cls(dagster, backfill.backfill_id)

    def _read(self) -> PartitionBackfill:
        backfill = self.dagster.get_backfill(self.id)
        if backfill is None:
            raise LookupError(f"Dagster knows no backfill {self.id}")
        return backfill

    @property
    def began(self) -> datetime:
        """When it was asked for."""
        return datetime.fromtimestamp(self._read().backfill_timestamp, UTC)

    @property
    def ended(self) -> str | None:
        """How it ended, in Dagster's words; None while it is under way."""
        status = self._read().status
        return None if status in UNDER_WAY else str(status.value)

    @property
    def runs(self) -> list[dg.DagsterRun]:
        """The runs that carry it out."""
        return list(self.dagster.get_runs(dg.RunsFilter(tags={"dagster/backfill": self.id})))

    @property
    def over(self) -> bool:
        """Whether nothing of it is under way: it is closed, or its runs have ended and the daemon has yet to close it."""
        if self.ended is not None:
            return True
        data = self._read().asset_backfill_data
        requested = data is not None and data.requested_subset == data.target_subset
        return requested and all(run.is_finished for run in self.runs)

    def wait(self) -> str:
        """Wait until the daemon has closed it, which it does every 30 seconds; return how it ended."""
        while (ended := self.ended) is None:
            time.sleep(0.5)
        return ended
