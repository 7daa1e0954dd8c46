"""What the assets of the research have in common; above all that days are booked one by one, whatever keeps the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assistant_pipelines.defs.assets import OWNERS
from stock_assistant_pipelines.defs.partitions import TRADING_DAYS
from stock_assistant_pipelines.defs.research import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from stock_assistant_pipelines.defs.research.shown import Shown

DAYS_PER_RUN = 5
"""A week in one run: of some dozen stocks minutes to an hour, by what the provider allows. A run may last six hours."""
POLICY = dg.BackfillPolicy.multi_run(DAYS_PER_RUN)


def spec(name: str, description: str, deps: list[Any], code_version: str | None = None) -> dg.AssetSpec:
    """An asset of the research, with what all of them have in common."""
    return dg.AssetSpec(
        name,
        description=description.strip(),
        deps=deps,
        group_name="research",
        kinds={"postgres"} if name not in names.WRITTEN else {"postgres", "llm"},
        owners=OWNERS,
        partitions_def=TRADING_DAYS,
        code_version=code_version,
    )


@dataclass
class Booked:
    """What became of the days of an asset in a run."""

    done: dict[date, Shown] = field(default_factory=dict)
    refused: dict[date, str] = field(default_factory=dict)
    """Why a day is not done."""
    failure: dg.Failure | None = None
    """What ends the run."""

    def show(self, context: dg.AssetExecutionContext, name: str) -> Iterator[Any]:
        """Show the days that are done; only where all of the run are, the asset is as a whole."""
        if len(self.done) == len(context.partition_keys):
            for day, metadata in self.done.items():
                context.add_asset_metadata(metadata, asset_key=name, partition_key=day.isoformat())
            yield dg.MaterializeResult(asset_key=name)
            return
        for day, metadata in self.done.items():
            yield dg.AssetMaterialization(name, partition=day.isoformat(), metadata=metadata)


def refusal(refused: Mapping[date, str], of: int) -> dg.Failure:
    """The end of a run some of whose days are not done."""
    day, reason = next(iter(refused.items()))
    return dg.Failure(
        f"{len(refused)} of {of} days are not done; the first: {day}: {reason}",
        metadata={"refused": dg.MetadataValue.json({str(day): reason for day, reason in refused.items()})},
        allow_retries=False,
    )
