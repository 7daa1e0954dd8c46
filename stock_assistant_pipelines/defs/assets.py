"""One asset per dataset of the catalog. What one row is comes first; how it is fetched is `ingest.land`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import dagster as dg
from pydantic import Field

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.columns import Column
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.defs import checks, freshness, partitions
from stock_assistant_pipelines.defs.partitions import days
from stock_assistant_pipelines.defs.resources import BACKFILL, Platform, urgent
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import filing
from stock_assistant_pipelines.warehouse.coverage import Coverage

OWNERS = ["team:data"]

LOGGED_EVERY = 50
"""After how many partitions a run says how far it is."""

NAMED = 50
"""How many keys of a partition the UI names."""

NOBODY: Mapping[str, Sequence[str]] = MappingProxyType({})

EVER = datetime.min.replace(tzinfo=UTC)


class Landing(dg.Config):
    """How partitions are landed."""

    refetch: bool = Field(False, description="Fetch partitions that are complete again, to find corrections.")


def build_asset(dataset: Dataset, settings: Settings) -> dg.AssetsDefinition:
    """Build the asset of a dataset: partitioned by trading day or report period, or one snapshot."""

    @dg.asset(
        key=dataset.api,
        description=describe(dataset),
        group_name=dataset.family,
        kinds={"tushare", "postgres"},
        owners=OWNERS,
        deps=[name for name in dataset.expected.reads if CATALOG[name].by_period],
        partitions_def=partitions.of(dataset),
        backfill_policy=partitions.per_run(dataset),
        check_specs=[*checks.specs(dataset), *freshness.specs(dataset)],
        metadata=definition_metadata(dataset, settings),
    )
    def land(context: dg.AssetExecutionContext, config: Landing, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
        yield from _land(context, dataset, platform, refetch=config.refetch or not dataset.dated)

    return land


def _land(context: dg.AssetExecutionContext, dataset: Dataset, platform: Platform, *, refetch: bool) -> Iterator[Any]:
    """Land the run's partitions and book each by itself: those that are complete are kept, whatever happens to the others.

    What is complete is not fetched again; with `refetch` it is, but not twice by the retries of one run or backfill.
    """
    wanted = days(list(context.partition_keys)) if dataset.dated else []
    begun = began(context)
    landed: list[Coverage] = []
    with platform.ingest(context.run.run_id, urgent=urgent(context.run.tags)) as ingest:
        arriving = ingest.land(dataset, wanted, since=begun if refetch else EVER, whole=refetch, begun=begun)
        stopped = take(context, dataset, arriving, landed)
        landed = ingest.reviewed(dataset, landed)
        yield from checks.evaluate(ingest.engine, dataset, wanted, landed)
        landed = ingest.reviewed(dataset, landed)
        with ingest.engine.connect() as connection:
            yield from freshness.evaluate(connection, dataset)
        came = arrivals(ingest, dataset, landed, begun)
    settled = [entry for entry in landed if entry.settled]
    unsettled = [entry for entry in landed if not entry.settled]
    for entry in unsettled:
        context.log_event(
            dg.AssetObservation(
                context.asset_key, partition=_key(dataset, entry), metadata=partition_metadata(entry, platform, came)
            )
        )
    if unsettled or stopped:
        for entry in settled:
            yield dg.AssetMaterialization(
                context.asset_key, partition=_key(dataset, entry), metadata=partition_metadata(entry, platform, came)
            )
        if stopped:
            raise stopped
        raise dg.Failure(
            f"{len(unsettled)} of {len(landed)} partitions are not complete; the first: "
            f"{unsettled[0].partition}: {unsettled[0].reason}",
            metadata={"incomplete": dg.MetadataValue.json({entry.partition: entry.reason for entry in unsettled})},
            allow_retries=False,
        )
    for entry in settled:
        if dataset.dated:
            context.add_asset_metadata(
                partition_metadata(entry, platform, came), asset_key=context.asset_key, partition_key=entry.partition
            )
    yield dg.MaterializeResult(metadata=None if dataset.dated else partition_metadata(settled[0], platform))


def take(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    dataset: Dataset,
    arriving: Iterator[Coverage],
    landed: list[Coverage],
) -> Exception | None:
    """Add the partitions to `landed` as they arrive, until all are there or something broke; return what broke.

    So that what has landed until then is judged and shown, whatever ends the run.
    """
    try:
        for entry in arriving:
            landed.append(entry)
            if len(landed) % LOGGED_EVERY == 0:  # a log line costs as much as booking a partition
                context.log.info(f"{dataset.api}: {len(landed)} partitions, now {entry.partition}: {entry.status}")
    except Exception as error:  # noqa: BLE001 - who calls raises it, when what has landed is judged
        context.log.error(f"{dataset.api}: stopped after {len(landed)} partitions by {type(error).__name__}: {error}")
        return error
    return None


def _key(dataset: Dataset, entry: Coverage) -> str | None:
    return entry.partition if dataset.dated else None


def began(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> datetime:
    """When the work began that this run is a part of: what has landed since is not fetched again by a retry."""
    backfill = context.run.tags.get(BACKFILL)
    if backfill and (known := context.instance.get_backfill(backfill)):
        return datetime.fromtimestamp(known.backfill_timestamp, UTC)
    record = context.instance.get_run_record_by_id(context.run.tags.get("dagster/root_run_id", context.run.run_id))
    return record.create_timestamp.astimezone(UTC) if record else datetime.now(UTC)


def arrivals(
    ingest: Ingest, dataset: Dataset, landed: Sequence[Coverage], begun: datetime
) -> Mapping[str, Sequence[str]]:
    """From whom new versions of reports have come since the work began, by partition."""
    if not dataset.by_period:
        return {}
    periods = [date.fromisoformat(entry.partition) for entry in landed]
    with ingest.engine.connect() as connection:
        found = filing.arrived(connection, dataset, periods, begun)
    return {period.isoformat(): codes for period, codes in found.items()}


def partition_metadata(
    entry: Coverage, platform: Platform, arrived: Mapping[str, Sequence[str]] = NOBODY
) -> dict[str, dg.MetadataValue[Any]]:
    """What the UI shows of a partition: the rows, what is missing, what was written, from whom, and a link to the rows."""
    partition = None if entry.partition == "all" else date.fromisoformat(entry.partition)
    shown: dict[str, dg.MetadataValue[Any]] = {
        "status": dg.MetadataValue.text(entry.status.value),
        "dagster/partition_row_count" if partition else "dagster/row_count": dg.MetadataValue.int(entry.landed),
        "inserted": dg.MetadataValue.int(entry.inserted),
        "updated": dg.MetadataValue.int(entry.updated),
        "deleted": dg.MetadataValue.int(entry.deleted),
        "calls": dg.MetadataValue.int(entry.calls),
        "source": dg.MetadataValue.text(entry.source or "none"),
        "landed_at": dg.MetadataValue.timestamp(entry.landed_at),
        "rows": dg.MetadataValue.url(_rows_url(platform.settings, entry.dataset, partition)),
    }
    if codes := arrived.get(entry.partition):
        shown["companies"] = dg.MetadataValue.int(len(codes))
        shown["arrived"] = dg.MetadataValue.json(list(codes)[:NAMED])
    if entry.expected is not None:
        shown["expected"] = dg.MetadataValue.int(entry.expected)
    if entry.missing:
        shown["missing"] = dg.MetadataValue.int(entry.missing)
        shown["missing_keys"] = dg.MetadataValue.json(list(entry.missing_keys or ())[:NAMED])
    if entry.reason:
        shown["reason"] = dg.MetadataValue.text(entry.reason)
    return shown


def _rows_url(settings: Settings, api: str, day: date | None) -> str:
    base = f"{settings.api_url}{settings.api_v1_str}/datasets/{api}/rows"
    if day is None:
        return base
    return f"{base}?{'period' if CATALOG[api].by_period else 'trade_date'}={day:%Y%m%d}"


def definition_metadata(dataset: Dataset, settings: Settings) -> dict[str, Any]:
    """What the UI shows of a dataset: its columns with types and units, its table, and where to read it."""
    shown: dict[str, Any] = {
        "dagster/column_schema": dg.TableSchema(
            [column(each, required=each.name in dataset.key and not each.optional) for each in dataset.columns]
        ),
        "dagster/table_name": dataset.api,
        "points": dataset.points,
        "rows": dg.MetadataValue.url(_rows_url(settings, dataset.api, None)),
    }
    if dataset.published:
        shown["published"] = f"{dataset.published:%H:%M} Asia/Shanghai"
    return shown


def column(declared: Column, *, required: bool) -> dg.TableColumn:
    """A column as the UI shows it."""
    unit = f", {declared.unit}" if declared.unit else ""
    return dg.TableColumn(
        declared.name,
        declared.type.value,
        description=f"{declared.title}{unit} ({declared.title_zh})",
        constraints=dg.TableColumnConstraints(nullable=not required),
    )


def describe(dataset: Dataset) -> str:
    """A dataset in Markdown: what one row is, its key, and what is worth knowing."""
    quirks = "".join(f"\n- {quirk}" for quirk in dataset.quirks)
    return f"**{dataset.title}** ({dataset.title_zh}): {dataset.row}.\n\nKey: {', '.join(dataset.key)}.\n{quirks}"
