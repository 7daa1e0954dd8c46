"""The job `fill`: exactly these days of these datasets, in one run, so that all of them are planned together.

The day of a report period is its last one.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import dagster as dg
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent, DagsterEventBatchMetadata
from pydantic import Field

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.defs import checks, freshness
from stock_assistant_pipelines.defs.assets import EVER, arrivals, began, partition_metadata, take
from stock_assistant_pipelines.defs.partitions import days
from stock_assistant_pipelines.defs.resources import Platform, urgent
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.warehouse.coverage import Coverage, entries

JOB = "fill"
OP = "land_days"

NOTHING: Mapping[str, str] = MappingProxyType({})


class Filling(dg.Config):
    """Which days of which datasets are landed."""

    days: dict[str, list[str]] = Field(description="Days (YYYY-MM-DD) by dataset; none for one without a time axis.")
    refetch: bool = Field(False, description="Fetch partitions that are complete again, to find corrections.")
    failed: bool = Field(False, description="Of report periods ask only what an error kept from being answered.")


def fill_config(days: Mapping[str, Sequence[date]], *, refetch: bool = False, failed: bool = False) -> dict[str, Any]:
    """The run config of the job `fill` for these days by dataset, with no days for a dataset without a time axis."""
    named = {name: [day.isoformat() for day in sorted(set(wanted), reverse=True)] for name, wanted in days.items()}
    return {"ops": {OP: {"config": {"days": named, "refetch": refetch, **({"failed": True} if failed else {})}}}}


def asked(run_config: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """The days by dataset that a run config of the job `fill` names; none where it names them otherwise than it should."""
    try:
        return dict(run_config["ops"][OP]["config"]["days"])
    except (KeyError, TypeError, ValueError):
        return {}


@dg.op(name=OP, out={})
def land_days(context: dg.OpExecutionContext, config: Filling, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """Land the days of each dataset, in the order of the catalog, and report each partition as its asset would."""
    if unknown := config.days.keys() - CATALOG.keys():
        raise dg.Failure(f"the catalog has no {', '.join(sorted(unknown))}", allow_retries=False)
    announce(context, OP, config.days)
    begun = began(context)
    since = begun if config.refetch else EVER
    landed: list[tuple[Dataset, Coverage]] = []
    with platform.ingest(context.run.run_id, urgent=urgent(context.run.tags)) as ingest:
        for dataset in CATALOG.values():
            if dataset.api not in config.days:
                continue
            wanted = days(config.days[dataset.api]) if dataset.dated else []
            done: list[Coverage] = []
            arriving = ingest.land(
                dataset,
                wanted,
                since=since if dataset.dated else begun,
                whole=config.refetch,
                begun=begun,
                failed=config.failed,
            )
            stopped = take(context, dataset, arriving, done)
            done = ingest.reviewed(dataset, done)
            yield from evaluations(dataset, wanted, done, ingest)
            done = ingest.reviewed(dataset, done)
            yield from told(dataset, done, platform, ingest, begun)
            if stopped:
                raise stopped
            landed += [(dataset, entry) for entry in done]
    if failure := failed(platform, landed):
        raise failure


def announce(context: dg.OpExecutionContext, op: str, wanted: Mapping[str, Sequence[str]]) -> None:
    """Tell Dagster which partitions this run is to land, as it tells itself of the runs of assets.

    So a partition is shown as under way, and as failed when the run ends without it; what follows from it waits. There is
    no public call for that.
    """
    whole: list[str | None] = [None]
    asked = [(name, key) for name, keys in wanted.items() for key in (keys or whole)]
    batch = f"{context.run.run_id} planned"
    for at, (name, key) in enumerate(asked, start=1):
        event = DagsterEvent.build_asset_materialization_planned_event(
            context.job_name, op, AssetMaterializationPlannedData(dg.AssetKey(name), partition=key)
        )
        last = DagsterEventBatchMetadata(batch, is_end=at == len(asked))
        context.instance.report_dagster_event(event, context.run.run_id, logging.DEBUG, batch_metadata=last)


def evaluations(
    dataset: Dataset, wanted: Sequence[date], landed: Sequence[Coverage], ingest: Ingest
) -> Iterator[dg.AssetCheckEvaluation]:
    """What the UI is told of the checks. What blocks fails the run in the end, as it does in an asset's own."""
    for result in checks.evaluate(ingest.engine, dataset, wanted, landed):
        yield _evaluation(dataset, result, blocking=result.severity is dg.AssetCheckSeverity.ERROR)
    with ingest.engine.connect() as connection:
        for result in freshness.evaluate(connection, dataset):
            yield _evaluation(dataset, result, blocking=False)


def _evaluation(dataset: Dataset, result: dg.AssetCheckResult, *, blocking: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(dataset.api),
        check_name=str(result.check_name),
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
        blocking=blocking,
    )


def told(
    dataset: Dataset, landed: Sequence[Coverage], platform: Platform, ingest: Ingest, begun: datetime
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    """What the UI is told of the partitions: the complete ones, and what the others lack; of reports, from whom they came."""
    came = arrivals(ingest, dataset, landed, begun)
    for entry in landed:
        event = dg.AssetMaterialization if entry.settled else dg.AssetObservation
        partition = entry.partition if dataset.dated else None
        yield event(dataset.api, partition=partition, metadata=partition_metadata(entry, platform, came))


def incomplete(landed: Sequence[tuple[Dataset, Coverage]]) -> dg.Failure | None:
    """The end of a run that left something incomplete; it names what."""
    open_ends = {f"{dataset.api} {entry.partition}": entry for dataset, entry in landed if not entry.settled}
    if not open_ends:
        return None
    first, entry = next(iter(open_ends.items()))
    return dg.Failure(
        f"{len(open_ends)} of {len(landed)} partitions are not complete; the first: {first}: {entry.reason}",
        metadata={"incomplete": dg.MetadataValue.json({name: entry.reason for name, entry in open_ends.items()})},
        allow_retries=False,
    )


def failed(
    platform: Platform, landed: Sequence[tuple[Dataset, Coverage]], unanswered: Mapping[str, str] = NOTHING
) -> dg.Failure | None:
    """The end of a run that left something incomplete, or could not get what it asked for.

    What the coverage does not know is told as the run's own failure: report periods that are booked as complete all the
    same, as of an earlier answer, and whatever else nobody answered for. A trading day is asked for again the next
    evening, a report period perhaps not for a week.
    """
    kept = [entry for dataset, entry in landed if dataset.by_period and _booked_as_settled(platform, dataset, entry)]
    since = "it is complete as of an earlier answer, and was not answered for now"
    unknown = {f"{entry.dataset} {entry.partition}": f"{since}: {entry.reason}" for entry in kept} | {**unanswered}
    if not unknown:
        return incomplete(landed)
    first, reason = next(iter(unknown.items()))
    return dg.Failure(
        f"{len(unknown)} were not answered for; the first: {first}: {reason}",
        metadata={"unanswered": dg.MetadataValue.json(unknown)},
        allow_retries=False,
    )


def _booked_as_settled(platform: Platform, dataset: Dataset, entry: Coverage) -> bool:
    """Whether a partition that was not answered for is booked as complete."""
    if entry.settled:
        return False
    day = date.fromisoformat(entry.partition)
    with platform.look() as connection:
        booked = entries(connection, dataset, [day]).get(day)
    return bool(booked and booked.settled)


@dg.job(name=JOB, description="Exactly these days of these datasets, in one run.")
def fill() -> None:
    """Land the days that the run config names; `fill_config` writes it."""
    land_days()
