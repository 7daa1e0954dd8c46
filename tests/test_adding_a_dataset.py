"""Adding a dataset is adding a declaration, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from databases import copied

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

ROOT = Path(__file__).parents[1]

DECLARATION = """

MONEYFLOW = Dataset(
    api="moneyflow",
    title="Money flow by order size",
    title_zh="个股资金流向",
    row="one row per stock traded on a trading day",
    family="market",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code"),
    columns=(
        TS_CODE,
        TRADE_DATE,
        Column("buy_sm_vol", Type.INTEGER, "Small orders bought", "小单买入量", "lot of 100 shares"),
        Column("buy_sm_amount", Type.NUMBER, "Small orders bought", "小单买入金额", "10,000 CNY"),
    ),
    calls=PerDay(),
    expected=Listed("stock_basic", suspensions="suspend_d"),
    calendar="trade_cal",
    points=2000,
    row_cap=6000,
    rules=(Rule("bought", "buy_sm_vol >= 0", "volumes are not negative"),),
)

MARKET = (*MARKET, MONEYFLOW)
"""

WALK = """
import asyncio, importlib, json, sys
from datetime import datetime

import dagster as dg
import httpx2
from sqlalchemy.engine import make_url

from api.app import create_app
from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.sandbox.server import running
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.warehouse import revision
from stock_assistant_pipelines.warehouse.database import Database

now = datetime(2026, 3, 4, 20, tzinfo=SHANGHAI)
database = Database(make_url(sys.argv[1]))
with running(stocks=60, quota=False, now=now) as sandbox:
    database.revise("Add moneyflow")
    database.upgrade()
    importlib.reload(revision)
    settings = Settings(
        database_url=database.url.render_as_string(hide_password=False),
        tushare_token="sandbox",
        tushare_base_url=sandbox.url,
        tushare_calls_per_minute=0,
        api_open_on_loopback=True,
    )
    repository = definitions.build(settings).get_repository_def()
    asset = repository.assets_defs_by_key[dg.AssetKey("moneyflow")]
    tags = {"dagster/asset_partition_range_start": "2026-03-02", "dagster/asset_partition_range_end": "2026-03-04"}
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], instance=instance, tags=tags)
        checks = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
        partitions = sorted(instance.get_materialized_partitions(dg.AssetKey("moneyflow")))

    async def ask():
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
                rows = (await client.get("/datasets/moneyflow/rows", params={"trade_date": "20260304"})).json()
                described = (await client.get("/datasets/moneyflow")).json()
                return rows, described

    rows, described = asyncio.run(ask())
print(json.dumps({"checks": checks, "partitions": partitions, "rows": rows, "described": described}))
"""


@pytest.fixture(scope="module")
def told(postgres: URL) -> dict:  # type: ignore[type-arg]
    """What a copy of the project, with one declaration more, does with it."""
    with tempfile.TemporaryDirectory(prefix="sa-add-") as directory, copied(postgres) as database:
        copy = Path(directory)
        for package in ("stock_assistant_pipelines", "api"):
            shutil.copytree(ROOT / package, copy / package)
        market = copy / "stock_assistant_pipelines" / "catalog" / "market.py"
        market.write_text(market.read_text(encoding="utf-8") + DECLARATION, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", WALK, database.url.render_as_string(hide_password=False)],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])


def test_it_has_partitions_that_are_proven_complete(told: dict) -> None:  # type: ignore[type-arg]
    assert told["partitions"] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert told["rows"]["meta"]["complete"]
    assert told["rows"]["meta"]["rows"] > 40


def test_it_has_checks_of_its_own(told: dict) -> None:  # type: ignore[type-arg]
    assert {name: passed for name, passed in told["checks"].items() if name != "fresh"} == {
        "complete": True,
        "keys": True,
        "calendar": True,
        "bought": True,
        "nulls": True,
    }
    assert "fresh" in told["checks"]


def test_the_api_serves_and_describes_it(told: dict) -> None:  # type: ignore[type-arg]
    assert told["rows"]["fields"] == ["ts_code", "trade_date", "buy_sm_vol", "buy_sm_amount"]
    assert told["described"]["title_zh"] == "个股资金流向"
    assert told["described"]["columns"][3]["unit"] == "10,000 CNY"
