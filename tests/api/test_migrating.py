"""Code goes on reading and landing, without an error, while the migrations of a later version run."""

from __future__ import annotations

import threading
from datetime import date
from typing import TYPE_CHECKING, Any

from small_market import application, connected, fill, make_database, served
from sqlalchemy.engine import make_url

from drill.expansion import LATER, later
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.tushare.decode import unique
from stock_assistant_pipelines.warehouse import migrator, partition
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.migrator import Pace
from stock_assistant_pipelines.warehouse.partition import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

DAILY = CATALOG["daily"]
DAY = date(2024, 1, 4)
PATHS = (
    "/api/v1/stocks/600519.SH/daily?adjust=qfq",
    "/api/v1/datasets/daily/coverage",
    "/api/v1/datasets/daily/rows?trade_date=2024-01-03",
    "/api/v1/health/ready",
)
PACE = Pace(lock=0.05, pause=0.05)


def land(engine: Engine, turn: int) -> None:
    """Land one bar of a day, which is another each time."""
    bar = {"ts_code": "600519.SH", "trade_date": f"{DAY:%Y%m%d}", "close": 1600.0 + turn}
    rows = unique(DAILY, [tuple(bar.get(name) for name in DAILY.fields)])
    partition.land_day(engine, DAILY, DAY, Delivery(rows, "sandbox: synthetic", calls=1, at=now()))


def repeat(what: Callable[[int], Any], until: threading.Event, failures: list[str]) -> Callable[[], None]:
    """Do it again and again, and note what goes wrong."""

    def run() -> None:
        turn = 0
        while not until.is_set() and not failures:
            turn += 1
            try:
                what(turn)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
                failures.append(f"{type(error).__name__}: {error}")

    return run


def test_code_reads_and_lands_while_a_later_version_migrates(postgres: URL) -> None:
    url = make_database(postgres, "migrated_meanwhile")
    fill(url)
    config = later(Database(make_url(url)))
    over, failures, answered = threading.Event(), list[str](), list[str]()
    with connected(url) as engine, served(application(url)) as client:

        def read(turn: int) -> None:
            path = PATHS[turn % len(PATHS)]
            response = client.get(path, headers={"Cache-Control": "no-cache"})
            assert response.status_code == 200, f"{path}: {response.text}"
            answered.append(path)

        work = [repeat(read, over, failures), repeat(lambda turn: land(engine, turn), over, failures)]
        threads = [threading.Thread(target=each) for each in work]
        for thread in threads:
            thread.start()
        try:
            for revision in LATER:
                before = len(answered)
                migrator.upgrade(config, revision, PACE)
                while len(answered) < before + len(PATHS) and not failures:
                    over.wait(0.01)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert failures == []
        assert client.get("/api/v1/health").json()["migrations"]["revision"] == LATER[-1]
