"""A market made by hand, a few stocks large, landed as the pipelines land what a source told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.tushare.decode import compact, unique
from stock_assistant_pipelines.warehouse import partition
from stock_assistant_pipelines.warehouse.tables import METADATA, SUPERSEDED

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.tushare.decode import Rows
    from stock_assistant_pipelines.warehouse.coverage import Coverage

DAY = date(2026, 3, 4)
AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
CODES = ("000001.SZ", "000002.SZ", "300001.SZ", "600000.SH", "600519.SH")


def told(api: str, *rows: dict[str, Any]) -> Rows:
    """Rows as a source tells them; columns that are not given are null."""
    dataset = CATALOG[api]
    return unique(dataset, [tuple(row.get(name) for name in dataset.fields) for row in rows])


def stock(ts_code: str, listed: str = "20000104", delisted: str | None = None, **columns: Any) -> dict[str, Any]:
    return {"ts_code": ts_code, "list_date": listed, "delist_date": delisted, "list_status": "L", **columns}


def bar(ts_code: str, day: date = DAY, close: float = 10.0) -> dict[str, Any]:
    return {"ts_code": ts_code, "trade_date": compact(day), "close": close}


def factor(ts_code: str, day: date = DAY, adj_factor: float | None = 1.0) -> dict[str, Any]:
    return {"ts_code": ts_code, "trade_date": compact(day), "adj_factor": adj_factor}


def suspension(ts_code: str, day: date = DAY, kind: str = "S", timing: str | None = None) -> dict[str, Any]:
    return {"ts_code": ts_code, "trade_date": compact(day), "suspend_type": kind, "suspend_timing": timing}


def index(ts_code: str, listed: str = "20000104", expired: str | None = None) -> dict[str, Any]:
    return {"ts_code": ts_code, "list_date": listed, "exp_date": expired, "market": "SSE"}


def land(
    engine: Engine, api: str, *rows: dict[str, Any], day: date = DAY, source: str = "tushare", **delivery: Any
) -> Coverage:
    """Land a trading day."""
    words = {"at": AT, **delivery}
    return partition.land_day(engine, CATALOG[api], day, partition.Delivery(told(api, *rows), source, calls=1, **words))


def land_all(
    engine: Engine, api: str, *rows: dict[str, Any], confirmed: bool | None = True, **delivery: Any
) -> Coverage:
    """Land a snapshot."""
    words = {"source": "tushare", "at": AT, **delivery}
    return partition.land_snapshot(
        engine, CATALOG[api], partition.Delivery(told(api, *rows), calls=1, **words), confirmed=confirmed
    )


def list_stocks(engine: Engine, *codes: str) -> None:
    """Land `stock_basic` with these codes, all listed."""
    assert land_all(engine, "stock_basic", *(stock(code) for code in codes or CODES)).settled


def held(engine: Engine, api: str, *columns: str, day: date | None = None) -> list[Any]:
    """What the table of a dataset holds, sorted: tuples of these columns, or bare values where it is one column."""
    table = METADATA.tables[api]
    query = select(*(table.c[name] for name in columns))
    if day is not None:
        query = query.where(table.c.trade_date == day)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    return sorted((row[0] for row in rows) if len(columns) == 1 else rows)


def superseded(engine: Engine, api: str) -> list[dict[str, Any]]:
    """The rows that were kept when the source changed or withdrew them, in that order."""
    query = select(SUPERSEDED.c.row).where(SUPERSEDED.c.dataset == api).order_by(SUPERSEDED.c.id)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())
