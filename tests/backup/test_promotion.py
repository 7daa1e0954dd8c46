"""A replica that is promoted: every driver finds it by the same list of hosts, and the one that died follows it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import create_engine, text

from api import driver
from drill.pair import Pair, pair, rewind
from drill.waiting import until
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

PORT = "SHOW port"


@pytest.fixture(scope="module")
def two() -> Iterator[Pair]:
    """A primary, and a replica that each commit waits for."""
    with tempfile.TemporaryDirectory(prefix="sa-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        with pair(Path(name) / "two", fsync="off") as both:
            both.wait_for_the_second()
            yield both


def ports(url: URL) -> set[int]:
    """Where the drivers of the pipelines, of Dagster and of the API end up, with the URL that the settings make of this one."""
    url = Settings(_env_file=None, database_url=url.render_as_string(hide_password=False)).server_url
    assert url is not None
    found = []
    with psycopg.connect(conninfo(url)) as connection:
        found.append(connection.execute(PORT).fetchone()[0])
    for each in (url.set(drivername="postgresql+psycopg"), Database(url).dagster_url.replace("_dagster?", "?")):
        engine = create_engine(each)
        with engine.connect() as connected:
            found.append(connected.execute(text(PORT)).scalar_one())
        engine.dispose()

    async def ask() -> str:
        connection = await driver.connect(url)
        try:
            return await connection.fetchval(PORT)
        finally:
            await connection.close()

    return {int(port) for port in [*found, asyncio.run(ask())]}


def test_the_replica_is_promoted_found_by_all_and_followed_by_the_one_that_died(two: Pair) -> None:
    writable, readable = two.url("postgres"), two.url("postgres", "prefer-standby")
    assert ports(writable) == {two.first.port}
    assert ports(readable) == {two.second.port}
    two.first.execute("CREATE TABLE kept (i int)")
    for i in range(10):
        two.first.execute(f"INSERT INTO kept VALUES ({i})")
    two.first.kill()
    assert two.second.execute("SELECT pg_promote()") is True
    assert ports(writable) == {two.second.port}
    assert ports(readable) == {two.second.port}  # there is no other
    assert two.second.execute("SELECT count(*) FROM kept") == 10
    two.second.execute("ALTER SYSTEM RESET synchronous_standby_names")
    two.second.execute("SELECT pg_reload_conf()")
    two.second.execute("INSERT INTO kept VALUES (10)")
    rewind(two.first, two.second)
    assert ports(writable) == {two.second.port}
    assert ports(readable) == {two.first.port}
    until(lambda: two.first.execute("SELECT count(*) FROM kept") == 11, "the dead primary follows")
