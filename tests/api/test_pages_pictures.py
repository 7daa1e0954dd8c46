"""The pictures of the pages in the documentation: `make screenshots` takes them, of a year of the sandbox's market."""

from __future__ import annotations

import asyncio
import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import chromium
import pytest
import zstandard
from pydantic import SecretStr
from small_market import application, connected, make_database, served

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.desk import Desk
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.providers.model import Model
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.sandbox.model.server import running as rules_running
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.freshness import read_calendar

if TYPE_CHECKING:
    import httpx2
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

WHERE = os.environ.get("SCREENSHOTS")
LARGEST = 150_000
"""Bytes of a picture."""

VIEWS = {
    "pages-overview": ("/", "#market", {"desktop": ("light", "en"), "phone": ("dark", "zh")}),
    "pages-stock": ("/stocks/{code}", "body", {"desktop": ("dark", "en"), "phone": ("light", "zh")}),
    "pages-report": ("/research/{report}", "body", {"desktop": ("light", "zh"), "phone": ("dark", "zh")}),
    "pages-dataset": ("/datasets/daily_basic", "body", {"desktop": ("light", "zh"), "phone": ("dark", "en")}),
}
"""By picture: the page, what stands at its top, and how it is seen at which size."""
SIZES = {"desktop": (1200, 900, False), "phone": (390, 844, True)}

pytestmark = pytest.mark.skipif(WHERE is None, reason="pictures are taken by `make screenshots`")


def land(engine: Engine, base_url: str) -> str:
    """Land a year as far as it has come, with a month and a dataset that are not there; a stock to look at."""
    now = calendar.now()
    with Transport(SecretStr(TOKEN), base_url) as transport:
        ingest = Ingest(engine, transport, concurrency=4)
        list(ingest.land(CATALOG["trade_cal"]))
        with engine.connect() as connection:
            days = read_calendar(connection, "trade_cal").between(date(now.year, 1, 1), now.date() - timedelta(days=1))
        for name, dataset in CATALOG.items():
            if dataset.partitioned:
                list(ingest.land(dataset, [day for day in days if (name, day.month) != ("daily_basic", 5)]))
            elif not dataset.by_period:
                list(ingest.land(dataset))
        over = calendar.periods(date(now.year - 2, 1, 1), calendar.over(now))
        for name in ("disclosure_date", "income", "balancesheet", "cashflow", "fina_indicator", "dividend", "forecast"):
            list(ingest.land(CATALOG[name], over))
    return "600000.SH"


def write(engine: Engine, rules: str, codes: list[str]) -> str:
    """Let the rules write of some stocks, on the newest day that is whole; a report to look at."""
    with engine.begin() as connection:
        day = connection.exec_driver_sql("select max(trade_date) from daily_basic").scalar_one()
        store.watch(connection, day, dict.fromkeys(codes, ",".join(codes)))
    settings = Settings(
        llm_provider="sandbox",
        llm_model="sandbox-rules",
        llm_api_key="sandbox",
        llm_base_url=rules,
        llm_calls_per_minute=0,
    )

    async def written() -> str:
        async with Model.from_settings(settings, engine) as model:
            edition = Edition.of(model.endpoints[0], Language.ZH)
            desk = Desk(engine, edition)
            desk.gather(day)
            await desk.notes(model, day)
            tally = await desk.reports(model, day)
        assert tally.count("published"), tally.done
        with engine.connect() as connection:
            found = connection.exec_driver_sql("select id from research_report order by ts_code limit 1")
            return str(found.scalar_one())

    return asyncio.run(written())


def weigh(client: httpx2.Client, path: str) -> None:
    """Say what a page weighs, on the wire and unpacked."""
    with client.stream("GET", path, headers={"Accept-Encoding": "zstd"}) as answer:
        raw = b"".join(answer.iter_raw())
    unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    print(f"{path}: {len(raw) / 1000:.1f} kB, unpacked {len(unpacked) / 1000:.0f} kB")


def test_the_pictures_are_taken(postgres: URL) -> None:
    program = chromium.found()
    assert program, chromium.ABSENT
    url = make_database(postgres, "test_pages_pictures")
    with running(stocks=60, quota=False, process=True) as sandbox, rules_running() as rules, connected(url) as engine:
        code = land(engine, sandbox.url)
        report = write(engine, rules.url, [code, "600004.SH", "000001.SZ"])
    with served(application(url)) as client, chromium.browsing(program) as tab:
        for name, (path, top, views) in VIEWS.items():
            weigh(client, path.format(code=code, report=report))
            for size, (scheme, language) in views.items():
                width, height, phone = SIZES[size]
                tab.resize(width, height, phone=phone)
                tab.prefer(scheme)
                tab.open(f"{str(client.base_url).rstrip('/')}{path.format(code=code, report=report)}?lang={language}")
                tab.run(f"document.querySelector({top!r}).scrollIntoView()")
                picture = Path(str(WHERE)) / f"{name}-{size}-{scheme}.png"
                tab.picture(picture)
                assert 5_000 < picture.stat().st_size < LARGEST, picture
        assert tab.complaints == []
