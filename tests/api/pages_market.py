"""What the pages have to show beside the small market: a hostile name, a day that is not believed, a quota."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from small_market import connected, covered
from sqlalchemy import text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import BROKEN, COVERAGE, METADATA

HOSTILE = "</title></svg><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
HOSTILE_CODE = "600666.SH"

CELL = re.compile(r'<rect class="(\w+)" x="(\d+)" y="(\d+)"><title>(\d{4}-\d\d-\d\d) ([^<]*)</title></rect>')
CANDLE = re.compile(
    r'<path class="(up|down)" d="[^"]*"><title>(\d{4}-\d\d-\d\d): '
    r"open (\S+), high (\S+), low (\S+), close (\S+), (\S+), volume (\S+)</title>"
)


def fill(url: str) -> None:
    """Add it."""
    stock = dict.fromkeys(CATALOG["stock_basic"].fields) | {
        "ts_code": HOSTILE_CODE,
        "name": HOSTILE,
        "industry": HOSTILE,
        "cnspell": "hstl",
        "list_status": "L",
    }
    broken = (
        ("stk_limit", "2024-01-03", "2 rows break the check band"),
        ("stk_limit", "2024-01-04", "3 rows break the check band"),
        ("adj_factor", "2024-01-05", "1 rows break the check C08 factors"),
    )
    doubted = [
        covered(name, day, "partial", landed=9, cause=BROKEN, reason=f"{reason}: they are not believed")
        for name, day, reason in broken
    ]
    account = {"account": "0123456789ab", "api": "daily"}
    free_at = datetime.now(UTC) + timedelta(minutes=10)
    today = datetime.now(UTC) + timedelta(hours=8)
    quota = account | {"calls_per_minute": 500, "calls_per_day": 9000, "day": today.date(), "calls": 1234}
    with connected(url) as engine, engine.begin() as connection:
        connection.execute(METADATA.tables["stock_basic"].insert(), [stock])
        connection.execute(COVERAGE.insert(), doubted)
        connection.execute(METADATA.tables["quota"].insert(), [quota])
        permits = [account | {"slot": slot, "free_at": free_at} for slot in range(3)]
        connection.execute(METADATA.tables["permit"].insert(), permits)


def booked(url: str, dataset: str) -> dict[str, Any]:
    """The status of each partition of a dataset, as the table has it."""
    query = text("select partition, status from coverage where dataset = :dataset")
    with connected(url) as engine, engine.connect() as connection:
        return {row.partition: row.status for row in connection.execute(query, {"dataset": dataset})}
