"""Several sources, several walks at once, and the order of things."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import partition
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database

from walk import DAILY, DAY, DAY_BY_DAY, NOW, SUSPEND_D, TIMELESS, WEEK, Walk

# Sources


def test_rows_of_two_sources_are_not_mixed(walk: Walk, tmp_path: Path) -> None:
    walk.land("daily", DAY)
    before = walk.rows("daily")
    message = "holds rows of sandbox: synthetic, and the answers come from sandbox: folder: name another database"
    with running(data=tmp_path, quota=False) as other, Transport(SecretStr(TOKEN), other.url) as transport:
        walk.ingest.transport = transport
        with pytest.raises(partition.MixedSources, match=message):
            walk.land("daily", DAY)
    assert walk.rows("daily") == before


# Several at once


def another(walk: Walk, **words: Any) -> Ingest:
    return Ingest(walk.engine, walk.ingest.transport, now=walk.ingest.now, **words)


def test_datasets_that_judge_each_other_may_land_at_the_same_time(walk: Walk) -> None:
    with ThreadPoolExecutor(2) as workers:
        walks = [
            workers.submit(lambda dataset: list(another(walk).land(dataset, WEEK)), dataset)
            for dataset in (DAILY, SUSPEND_D) * 3
        ]
        for done in walks:
            assert {entry.status for entry in done.result()} <= {Status.COMPLETE}
    assert {walk.booked(api, day).status for api in ("daily", "suspend_d") for day in WEEK} == {Status.COMPLETE}  # type: ignore[union-attr]


LAND = """
import sys
from datetime import date
from pydantic import SecretStr
from sqlalchemy import create_engine
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.tushare.transport import Transport

database, tushare, token, *days = sys.argv[1:]
with Transport(SecretStr(token), tushare) as transport:
    ingest = Ingest(create_engine(database), transport)
    print("ready", flush=True)
    sys.stdin.readline()
    for entry in ingest.land(CATALOG["daily"], [date.fromisoformat(day) for day in days]):
        print(entry.partition, entry.status)
"""


def test_two_processes_may_land_the_same_days_at_the_same_time(walk: Walk, database: Database) -> None:
    url = database.url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    command = [sys.executable, "-c", LAND, url, walk.sandbox.url, TOKEN, *map(str, WEEK)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert [sorted(out.splitlines()) for out, _ in told] == [[f"{day} complete" for day in WEEK]] * 2
    with walk.engine.connect() as connection:
        table = METADATA.tables["daily"]
        once = select(func.count()).select_from(table).group_by(table.c.trade_date).order_by(table.c.trade_date)
        assert connection.execute(once).scalars().all() == [55, 55, 54, 55, 55]


# The order of things


def everything(engine: Engine) -> dict[str, Any]:
    """All rows of all datasets, and what is booked of them, but for when."""
    with engine.connect() as connection:
        found: dict[str, Any] = {
            api: sorted(map(tuple, connection.execute(select(METADATA.tables[api]))), key=repr) for api in DAY_BY_DAY
        }
        books = (COVERAGE.c[name] for name in ("dataset", "partition", "status", "expected", "landed", "missing_keys"))
        found["coverage"] = sorted(map(tuple, connection.execute(select(*books))), key=repr)
    return found


def land_everything(walk: Walk, datasets: Sequence[str], days: Sequence[date]) -> dict[str, Any]:
    for api in datasets:
        walk.land(api, *(days if CATALOG[api].partitioned else []))
    return everything(walk.engine)


def shuffled(few: int, of: int) -> list[Any]:
    """Seeds, of which a few are tried each time."""
    return [*range(few), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(few, of))]


@pytest.fixture(scope="module")
def in_order(postgres: URL, sandbox_server: Running) -> dict[str, Any]:
    """What the tables hold when all is landed in the order of the catalog, the oldest day first."""
    from sqlalchemy import create_engine

    from stock_assistant_pipelines.warehouse.embedded import conninfo

    sandbox_server.heal()
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("CREATE DATABASE in_order TEMPLATE template STRATEGY file_copy")
        engine = create_engine(postgres.set(drivername="postgresql+psycopg", database="in_order"))
        with Transport(SecretStr(TOKEN), sandbox_server.url) as transport:
            walk = Walk(Ingest(engine, transport, now=lambda: NOW), sandbox_server, [NOW])
            found = land_everything(walk, DAY_BY_DAY, WEEK)
        engine.dispose()
        connection.execute("DROP DATABASE in_order")
    return found


@pytest.mark.parametrize("seed", shuffled(2, of=5))
def test_the_order_of_datasets_and_days_changes_nothing(walk: Walk, in_order: dict[str, Any], seed: int) -> None:
    chance = random.Random(seed)
    walk.ingest.concurrency = 4
    datasets = chance.sample(DAY_BY_DAY, len(DAY_BY_DAY))
    assert land_everything(walk, datasets, chance.sample(WEEK, len(WEEK))) == in_order


@pytest.mark.parametrize("seed", shuffled(1, of=3))
def test_days_landed_one_by_one_are_the_same_as_days_landed_together(
    walk: Walk, in_order: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    steps = [(api, day) for api in DAY_BY_DAY if api not in TIMELESS for day in WEEK]
    for api, day in chance.sample(steps, len(steps)):
        walk.land(api, day)
    assert land_everything(walk, TIMELESS, []) == in_order
