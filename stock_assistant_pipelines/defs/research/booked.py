"""What the assets of the research have in common; above all that days are booked one by one, whatever keeps the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assistant_pipelines.defs.assets import OWNERS
from stock_assistant_pipelines.defs.partitions import TRADING_DAYS
from stock_assistant_pipelines.defs.research import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

    from stock_assistant_pipelines.defs.research.shown import Shown

DAYS_PER_RUN = 5
"""A week in one run: of some dozen stocks minutes to an hour, by what the provider allows. A run may last six hours."""


def asset(
    name: str, description: str, deps: list[Any], **more: Any
) -> Callable[[Callable[..., Iterator[Any]]], dg.AssetsDefinition]:
    """An asset of the research, with what all of them have in common."""
    decorated: Callable[[Callable[..., Iterator[Any]]], dg.AssetsDefinition] = dg.asset(
        key=name,
        description=description.strip(),
        deps=deps,
        group_name="research",
        kinds={"postgres"} if name not in names.WRITTEN else {"postgres", "llm"},
        owners=OWNERS,
        partitions_def=TRADING_DAYS,
        backfill_policy=dg.BackfillPolicy.multi_run(DAYS_PER_RUN),
        **more,
    )
    return decorated


@dataclass
class Booked:
    """What became of the days of a run."""

    done: dict[date, Shown] = field(default_factory=dict)
    refused: dict[date, str] = field(default_factory=dict)
    """Why a day is not done."""

    def end(self, context: dg.AssetExecutionContext, failure: dg.Failure | None = None) -> Iterator[Any]:
        """Show the days that are done, and fail where others are not, by `failure` or by the first reason."""
        if failure is None and not self.refused:
            for day, metadata in self.done.items():
                context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=day.isoformat())
            yield dg.MaterializeResult()
            return
        for day, metadata in self.done.items():
            yield dg.AssetMaterialization(context.asset_key, partition=day.isoformat(), metadata=metadata)
        raise failure or _refusal(self.refused, len(self.done) + len(self.refused))


def _refusal(refused: Mapping[date, str], of: int) -> dg.Failure:
    day, reason = next(iter(refused.items()))
    return dg.Failure(
        f"{len(refused)} of {of} days are not done; the first: {day}: {reason}",
        metadata={"refused": dg.MetadataValue.json({str(day): reason for day, reason in refused.items()})},
        allow_retries=False,
    )
