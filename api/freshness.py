"""Freshness: whether the newest trading day of a dataset that is due is complete, or its last evening of reports answered."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - Pydantic reads it
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from stock_assistant_pipelines import calendar, lateness
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.freshness import Age  # noqa: TC001 - Pydantic reads it

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Freshness(BaseModel):
    """How new a dataset is."""

    dataset: str
    status: Age = Field(
        description="`fresh`: the newest trading day that is due is complete, whatever landed last. `stale`: it is not. "
        "`unknown`: the calendar does not reach today. `unused`: nothing was ever complete, so that nobody waits for it. "
        "Report periods go by evenings: `fresh` is what was answered for in the last one that should be over, and lacks no "
        "company that disclosed three evenings ago."
    )
    last_complete: date | None = Field(
        description="The newest complete trading day; of reports the last evening in which all open periods were answered for."
    )
    due: date | None = Field(
        description="The newest trading day that should be whole by now; of reports the evening that should be over, null "
        "where it asks for nothing."
    )
    due_status: str | None = Field(
        description="The status of that day or evening; null when it was never asked for, or nobody answered."
    )
    behind: int | None = Field(
        description="Trading days, of reports evenings, up to the one that is due, after `last_complete`."
    )
    missing: int | None = Field(
        description="Companies that disclosed three evenings to thirty days ago and have no row; null for trading days."
    )
    source: str | None = Field(description="Who told us the last complete day or period.")


async def read(connection: AsyncConnection) -> list[Freshness]:
    """Judge every dataset with a time axis, with a few statements for all of them."""
    datasets = [dataset for dataset in CATALOG.values() if dataset.dated]
    told = await connection.run_sync(lateness.tell, datasets, calendar.now())
    return [
        Freshness(
            dataset=name,
            status=found.age,
            last_complete=found.last_complete,
            due=found.due,
            due_status=found.status,
            behind=found.behind,
            missing=found.missing,
            source=found.source,
        )
        for name, found in told.items()
    ]
