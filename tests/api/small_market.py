"""A small market, landed as the pipelines land it, and the API served over it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import psycopg
import uvicorn
from psycopg import sql
from sqlalchemy import create_engine

from api.app import create_app
from api.server import configured
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import tables
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

BARS = [
    tuple(line.split())
    for line in """
600519.SH 2024-01-02 1715.0  1718.19 1678.1  1685.01 1726.0  -40.99 -2.3749 32156.44   5440082.5
600519.SH 2024-01-03 1681.11 1695.22 1676.33 1694.0  1685.01 8.99   0.5335  20220.66   3411400.7
600519.SH 2024-01-04 1693.0  1693.0  1662.93 1669.0  1694.0  -25.0  -1.4758 21551.55   3603970.1
600519.SH 2024-01-05 1667.33 1678.66 1652.11 1663.36 1669.0  -5.64  -0.3379 20242.59   3374154.6
000001.SZ 2024-01-02 9.39    9.42    9.21    9.21    9.39    -0.18  -1.9169 1158366.45 1075742.252
000001.SZ 2024-01-03 9.19    9.22    9.15    9.2     9.21    -0.01  -0.1086 733610.31  673673.613
000001.SZ 2024-01-05 9.1     9.44    9.07    9.27    9.11    0.16   1.7563  1991622.16 1852023.886
""".strip().splitlines()
]
"""Daily bars: ts_code, trade_date, open, high, low, close, pre_close, change, pct_chg, vol, amount."""
FACTORS = [
    ("600519.SH", "2024-01-02", "7.7"),
    ("600519.SH", "2024-01-03", "7.7"),
    ("600519.SH", "2024-01-04", "7.9173"),  # an ex-date
    # none on 2024-01-05
    ("600519.SH", "2024-06-19", "8.1"),
    ("000001.SZ", "2024-01-02", "116.7004"),
    ("000001.SZ", "2024-01-03", "116.7004"),
    ("000001.SZ", "2024-01-05", "116.7004"),
]
STOCKS: list[dict[str, Any]] = [
    {"ts_code": "600519.SH", "symbol": "600519", "name": "贵州茅台", "area": "贵州", "industry": "白酒", "cnspell": "gzmt",
     "market": "主板", "exchange": "SSE", "list_status": "L", "list_date": date(2001, 8, 27), "is_hs": "H",
     "fullname": "贵州茅台酒股份有限公司", "enname": 'Kweichow Moutai Co.,Ltd. "茅台"'},
    {"ts_code": "000001.SZ", "symbol": "000001", "name": "平安银行", "area": "深圳", "industry": "银行", "cnspell": "payh",
     "market": "主板", "exchange": "SZSE", "list_status": "L", "list_date": date(1991, 4, 3), "is_hs": "S"},
    {"ts_code": "000003.SZ", "symbol": "000003", "name": "PT金田A(退)", "cnspell": "ptjta", "market": "主板",
     "exchange": "SZSE", "list_status": "D", "list_date": date(1991, 7, 3), "delist_date": date(2002, 6, 14)},
]  # fmt: skip
NAMES = [
    ("000001.SZ", "深发展A", date(1991, 4, 3), date(2012, 8, 1)),
    ("000001.SZ", "平安银行", date(2012, 8, 2), None),
    ("000003.SZ", "深金田A", date(1991, 7, 3), date(2000, 5, 10)),
    ("000003.SZ", "PT金田A", date(2000, 5, 11), date(2002, 6, 13)),
    # none of 600519.SH, which was never renamed
]
"""Names of stocks: ts_code, name, start_date, end_date."""
OPEN = {date(2023, 12, 29), *(date(2024, 1, day) for day in (2, 3, 4, 5, 8))}


def make_database(server: URL, name: str) -> str:
    """Create a database with all tables, empty, on the tests' own server."""
    url = server.set(database=name)
    with psycopg.connect(conninfo(server), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template STRATEGY file_copy").format(sql.Identifier(name))
        )
    return conninfo(url)


@contextmanager
def connected(url: str) -> Iterator[Engine]:
    """Write to a database as the pipelines do."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        yield engine
    finally:
        engine.dispose()


def fill(url: str) -> None:
    """Land a few days of a small market."""
    days = [date(2023, 12, 29) + timedelta(days=step) for step in range(13)]
    names = CATALOG["daily"].fields
    rows = {
        "trade_cal": [
            {
                "exchange": "SSE",
                "cal_date": day,
                "is_open": int(day in OPEN),
                "pretrade_date": max((d for d in OPEN if d < day), default=None),
            }
            for day in days
        ],
        "stock_basic": [{column: stock.get(column) for column in CATALOG["stock_basic"].fields} for stock in STOCKS],
        "namechange": [dict(zip(("ts_code", "name", "start_date", "end_date"), row, strict=True)) for row in NAMES],
        "daily": [dict(zip(names, bar, strict=True)) for bar in BARS],
        "adj_factor": [dict(zip(("ts_code", "trade_date", "adj_factor"), row, strict=True)) for row in FACTORS],
        "coverage": [
            covered("trade_cal", "all"),
            covered("stock_basic", "all", landed=3),
            covered("namechange", "all", landed=4),
            *(covered("daily", f"2024-01-0{day}", landed=2, expected=2) for day in (2, 3)),
            covered(
                "daily",
                "2024-01-04",
                "partial",
                landed=1,
                expected=2,
                missing=1,
                missing_keys=["000001.SZ"],
                reason="1 stock lacks a bar",
            ),
            covered("daily", "2024-01-05", landed=2, expected=2),
            covered("daily", "2024-01-08", "failed", reason="HTTP 502 after 4 tries"),
            covered("daily", "2024-01-01", "closed"),
            *(covered("adj_factor", f"2024-01-0{day}", landed=2) for day in (2, 3, 4)),
        ],
    }
    with connected(url) as engine, engine.begin() as connection:
        for name, values in rows.items():
            connection.execute(tables.METADATA.tables[name].insert(), values)


def covered(dataset: str, partition: str, status: str = "complete", *, landed: int = 0, **known: Any) -> dict[str, Any]:
    """A row of `coverage`."""
    row: dict[str, Any] = {
        "dataset": dataset, "partition": partition, "status": status, "landed": landed, "expected": None, "missing": 0,
        "missing_keys": [], "reason": None, "source": "sandbox: synthetic", "calls": 1, "inserted": landed, "updated": 0,
        "deleted": 0, "landed_at": "2024-01-09T18:00:00+08:00",
    }  # fmt: skip
    return {**row, **known}


def application(url: str, **values: Any) -> FastAPI:
    """The API over this database, open to the tests and without a limit, unless told otherwise."""
    return create_app(
        Settings(
            **{
                "_env_file": None,
                "database_url": url,
                "api_open_on_loopback": True,
                "api_calls_per_minute": 0,
                **values,
            }
        )
    )


@contextmanager
def served(app: FastAPI) -> Iterator[httpx2.Client]:
    """Serve an application over HTTP on loopback."""
    server = uvicorn.Server(configured(app, port=0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join(10)
