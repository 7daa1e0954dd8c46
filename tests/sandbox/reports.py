"""Reports as a client reads them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.protocol.interfaces import INTERFACES
from stock_assistant_pipelines.sandbox.market.sessions import sessions

from .conftest import DAY

if TYPE_CHECKING:
    from .conftest import Client

Row = dict[str, Any]

STATEMENTS = ("income", "balancesheet", "cashflow")
PERIODS = [f"{year}{day}" for year in range(1993, 2025) for day in ("0331", "0630", "0930", "1231")]
TRADING_DAYS = sessions().days[: sessions().at_or_before(DAY) + 1]
CENT = 0.006


def asked(api: str) -> str:
    return ",".join(INTERFACES[api].asked)


def whole(client: Client, api: str, **params: str) -> list[Row]:
    """The rows of the whole market, all columns."""
    return client.rows(f"{api}_vip", asked(api), **params)


def by_stock(client: Client, api: str, code: str, **params: str) -> list[Row]:
    """All rows of one stock, all columns."""
    return paged(client, api, asked(api), ts_code=code, **params)


def paged(client: Client, api: str, fields: str, **params: str) -> list[Row]:
    """All rows of a call, page after page."""
    rows: list[Row] = []
    while True:
        data = client.data(api, fields, offset=str(len(rows)), **params)
        rows += [dict(zip(data["fields"], item, strict=True)) for item in data["items"]]
        if not data["has_more"]:
            return rows


def standing(rows: list[Row]) -> dict[tuple[str, str], Row]:
    """The version of each report that was told last, those with impossible days left out."""
    known = sorted(
        (row for row in rows if row["ann_date"] >= row["end_date"]),
        key=lambda row: (row["f_ann_date"], row["update_flag"]),
    )
    return {(row["ts_code"], row["end_date"]): row for row in known}


def evening(day: str) -> datetime:
    """The evening of a day, to set the sandbox's clock to."""
    return datetime.strptime(f"{day} 20", "%Y%m%d %H")  # noqa: DTZ007 - the sandbox reads it as Shanghai's
