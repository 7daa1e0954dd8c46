"""`stock-assistant replay`: reports made again from what is stored, offline, and held against what was published."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

import anyio
import click
from sqlalchemy import select

from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.research.replay import NotReplayable, replay
from stock_assistant_pipelines.warehouse.database import existing, migrated
from stock_assistant_pipelines.warehouse.tables import RESEARCH_REPORT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy import Connection

    from stock_assistant_pipelines.settings import Settings


def run(settings: Settings, ids: Sequence[str], day: date | None, *, every: bool) -> int:
    """Make reports again, and show where they differ. Returns 1 when one does, or cannot be made again, else 0."""
    if bool(ids) + bool(day) + every != 1:
        raise ServiceError("name reports by their ids, or a --day, or --all of them")
    with (
        existing(settings) as database,
        database.connected(pool_size=1) as engine,
        migrated(),
        engine.connect() as connection,
    ):
        return anyio.run(_replay, connection, ids or _standing(connection, day), bool(ids))


async def _replay(connection: Connection, ids: Sequence[str], named: bool) -> int:
    """Make them again one after the other; what is the same is told of those that were named."""
    differ = 0
    for report_id in ids:
        wrong = await _difference(connection, report_id)
        differ += wrong is not None
        if wrong is not None:
            click.echo(wrong)
        elif named:
            click.echo(f"{report_id}: the same, byte for byte")
    if not named:
        click.echo(f"{len(ids) - differ} of {len(ids)} reports are the same, byte for byte.")
    return 1 if differ else 0


async def _difference(connection: Connection, report_id: str) -> str | None:
    """In what a report differs from the stored one when it is made again; None: in nothing."""
    try:
        made = await replay(connection, report_id)
    except NotReplayable as error:
        return str(error)
    if made.same:
        return None
    old, new = made.stored.splitlines(), made.page.markdown.splitlines()
    lines = unified_diff(old, new, f"{report_id} as stored", f"{report_id} as made again", lineterm="")
    return "\n".join(lines) or f"{report_id}: other line ends"


def _standing(connection: Connection, day: date | None) -> list[str]:
    """The reports that can be read, of a day or of all, the oldest first."""
    table = RESEARCH_REPORT.c
    query = select(table.id).where(table.sha256.is_not(None)).order_by(table.trade_date, table.ts_code, table.made_at)
    return list(connection.scalars(query if day is None else query.where(table.trade_date == day)))
