"""Freshness: whether the newest trading day of a dataset that is due is complete, as the day's clock judges it."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - Pydantic reads it
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.freshness import Age, tell

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Freshness(BaseModel):
    """How new a dataset is."""

    dataset: str
    status: Age = Field(
        description="`fresh`: the newest trading day that is due is complete, whatever landed last. `stale`: it is not. "
        "`unknown`: the calendar does not reach today. `unused`: no day was ever complete, so that nobody waits for it."
    )
    last_complete: date | None = Field(description="The newest complete trading day.")
    due: date | None = Field(description="The newest trading day that should be whole by now.")
    due_status: str | None = Field(description="The status of that day; null when it was never asked for.")
    behind: int | None = Field(description="Trading days up to the one that is due, after the last complete one.")
    source: str | None = Field(description="Who told us the last complete day.")


async def read(connection: AsyncConnection) -> list[Freshness]:
    """Judge every dataset with trading days, with three statements for all of them."""
    datasets = [dataset for dataset in CATALOG.values() if dataset.partitioned]
    told = await connection.run_sync(tell, datasets, calendar.now())
    return [
        Freshness(
            dataset=name,
            status=found.age,
            last_complete=found.last_complete,
            due=found.due,
            due_status=found.status,
            behind=found.behind,
            source=found.source,
        )
        for name, found in told.items()
    ]
