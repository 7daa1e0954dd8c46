"""A backfill, launched as the UI launches it: a few runs with many partitions each, carried out by the daemon.

Dagster has no public call for that but GraphQL, which needs its webserver; what the webserver calls is called here. Dagster is
pinned to a version, and `tests/defs/test_daemon.py` launches one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.definitions.selector import PartitionRangeSelector, PartitionsByAssetSelector, PartitionsSelector
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, PRIORITY_TAG, WILL_RETRY_TAG
from dagster._core.utils import make_new_backfill_id

from stock_assistant_pipelines.backfill import Slice
from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog.dataset import Dataset

UNDER_WAY = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)


Dagster = dg.DagsterInstance
"""What the command line calls it, which does not import Dagster."""


def last_sign_of_life(dagster: Dagster) -> datetime:
    """When a daemon that carries out backfills last said that it lives; long ago when none ever did."""
    heartbeat = dagster.get_daemon_statuses(["BACKFILL"])["BACKFILL"].last_heartbeat
    return datetime.fromtimestamp(heartbeat.timestamp if heartbeat else 0, UTC)


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's instance, as `DAGSTER_HOME` names it."""
    with dg.DagsterInstance.get() as known:
        yield known


def active(dagster: dg.DagsterInstance) -> Sequence[PartitionBackfill]:
    """The backfills that are under way, whoever asked for them."""
    return dagster.get_backfills(filters=BulkActionsFilter(statuses=list(UNDER_WAY)))


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
        first: date | None,
        last: date | None,
        title: str,
        *,
        refetch: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> Backfill:
        """Ask the daemon to land these datasets from `first` to `last`, and the snapshots among them. Its runs get the tags."""
        backfill = PartitionBackfill.from_partitions_by_assets(
            backfill_id=make_new_backfill_id(),
            asset_graph=definitions.get_repository_def().asset_graph,
            backfill_timestamp=time.time(),
            tags=tags or {},
            dynamic_partitions_store=dagster,
            partitions_by_assets=[
                PartitionsByAssetSelector(
                    asset_key=dg.AssetKey(dataset.api), partitions=_partitions(dataset, first, last)
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
    def tags(self) -> Mapping[str, str]:
        """What it was labelled with."""
        return self._read().tags

    @property
    def datasets(self) -> list[str]:
        """What it lands."""
        return [key.to_user_string() for key in self._read().asset_selection or ()]

    @property
    def over(self) -> bool:
        """Whether nothing of it is under way: it is closed, or its runs have ended and the daemon has yet to close it."""
        if self.ended is not None:
            return True
        data = self._read().asset_backfill_data
        requested = data is not None and data.requested_subset == data.target_subset
        return requested and all(run.is_finished and not _retried(run) for run in self.runs)

    def cancel(self) -> None:
        """Ask the daemon to cancel it, and the runs that are left of it."""
        backfill = self._read()
        if backfill.status is BulkActionStatus.REQUESTED:
            canceling: PartitionBackfill = backfill.with_status(BulkActionStatus.CANCELING)  # type: ignore[no-untyped-call]
            self.dagster.update_backfill(canceling)

    def wait(self) -> str:
        """Wait until the daemon has closed it, which it does every 30 seconds; return how it ended."""
        while (ended := self.ended) is None:
            time.sleep(0.5)
        return ended


def _partitions(dataset: Dataset, first: date | None, last: date | None) -> PartitionsSelector | None:
    """The partitions of a dataset from `first` to `last`; None of a snapshot."""
    if not dataset.dated:
        return None
    assert first is not None
    assert last is not None
    if dataset.by_period:
        ends = periods(first, last)
        first, last = ends[0], ends[-1]
    return PartitionsSelector(ranges=[PartitionRangeSelector(start=first.isoformat(), end=last.isoformat())])


def _retried(run: dg.DagsterRun) -> bool:
    """Whether a run that failed is about to be started again."""
    return run.tags.get(WILL_RETRY_TAG) == "true" and AUTO_RETRY_RUN_ID_TAG not in run.tags


SERIES = "stock_assistant/backfill"
"""The tag by which backfills belong together."""


@dataclass(frozen=True, slots=True)
class Series:
    """Backfills that were asked for together: the snapshots, and a year each. The newest year goes first."""

    dagster: dg.DagsterInstance
    id: str
    backfills: tuple[Backfill, ...]

    @classmethod
    def launch(
        cls,
        dagster: dg.DagsterInstance,
        definitions: dg.Definitions,
        slices: Sequence[Slice],
        request: Mapping[str, str],
        *,
        refetch: bool = False,
    ) -> Series:
        """Ask the daemon to land these slices, the first one first: each has a lower priority than the one before it.

        All are below the priority of other runs, 0. Within one backfill Dagster would start with the oldest year. What was
        asked for is kept as tags.
        """
        name = make_new_backfill_id()
        launched = []
        for at, part in enumerate(slices, start=1):
            days = f"{part.first} to {part.last}" if part.first else ", ".join(each.api for each in part.datasets)
            tags = {SERIES: name, PRIORITY_TAG: str(-at), **request}
            launched.append(
                Backfill.launch(
                    dagster, definitions, part.datasets, part.first, part.last, days, refetch=refetch, tags=tags
                )
            )
        return cls(dagster, name, tuple(launched))

    @classmethod
    def under_way(cls, dagster: dg.DagsterInstance) -> Series | None:
        """The newest series of which something is under way."""
        ours = [each for each in active(dagster) if SERIES in each.tags]
        if not ours:
            return None
        name = max(ours, key=lambda each: each.backfill_timestamp).tags[SERIES]
        found = dagster.get_backfills(filters=BulkActionsFilter(tags={SERIES: name}))
        found = sorted(found, key=lambda each: each.backfill_timestamp)
        backfills = tuple(Backfill(dagster, each.backfill_id) for each in found)
        return None if all(backfill.over for backfill in backfills) else cls(dagster, name, backfills)

    @property
    def tags(self) -> Mapping[str, str]:
        """What was asked for."""
        return self.backfills[0].tags

    @property
    def began(self) -> datetime:
        """When it was asked for."""
        return self.backfills[0].began

    def cancel(self) -> None:
        """Ask the daemon to cancel all of it."""
        for backfill in self.backfills:
            backfill.cancel()
