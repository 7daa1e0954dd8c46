"""The watchlist: of whom reports are written, by code, by industry, by board, or of everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from stock_assistant_pipelines.settings.research import WATCHABLE
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Connection

GROUPS = {"industry": "industry", "board": "market"}
"""Groups that an entry can name, and the column of `stock_basic` that tells them; it tells them as they are now."""
ALL = "all"
ON_DEMAND = "on demand"
"""What names a stock that is on no list."""


class NotWatchable(ValueError):
    """An entry that names no stock; says what it takes."""


def check(entry: str) -> str:
    """An entry, as it is written. Raises `NotWatchable`."""
    if WATCHABLE.fullmatch(entry):
        return entry
    raise NotWatchable(f"{entry!r} is no entry of a watchlist: it takes 600519.SH, industry:白酒, board:科创板 or all")


def resolve(connection: Connection, entries: Sequence[str], day: date) -> dict[str, str]:
    """The stocks that the entries name and that are listed on a day, each with the first entry that names it.

    Raises `NotWatchable` for an entry that names none at all.
    """
    found: dict[str, str] = {}
    stock = METADATA.tables["stock_basic"].c
    listed = (stock.list_date <= day, or_(stock.delist_date.is_(None), stock.delist_date > day))
    for entry in entries:
        named = _named(check(entry))
        codes = connection.execute(select(stock.ts_code).where(*named, *listed).order_by(stock.ts_code)).scalars().all()
        if not codes and connection.scalar(select(stock.ts_code).where(*named).limit(1)) is None:
            raise NotWatchable(
                f"{entry!r} names no stock of stock_basic: correct it (RESEARCH_WATCHLIST), or land stock_basic"
            )
        for code in codes:
            found.setdefault(code, entry)
    return found


def _named(entry: str) -> list[ColumnElement[bool]]:
    stock = METADATA.tables["stock_basic"].c
    group, _, name = entry.partition(":")
    if entry == ALL:
        return []
    if group in GROUPS:
        return [stock[GROUPS[group]] == name]
    return [stock.ts_code == entry]
