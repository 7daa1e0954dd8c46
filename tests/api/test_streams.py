"""Long answers: sent while they are read, with flat memory; broken off visibly; not for ever."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet
from small_market import application, connected, served
from sqlalchemy import Text, cast, func, select, text

from api import copying, streams, texts
from api.formats import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

ROWS = 20_000
PATH = "/api/v1/datasets/stock_basic/rows"
PLAIN = {"Accept-Encoding": "identity"}
LONG = {"limit": str(ROWS * 2)}
FILL = text(
    "insert into stock_basic (ts_code, name, fullname) "
    "select lpad(n::text, 6, '0') || '.XX', 'a \"name\", ' || n, repeat('很长', 600) from generate_series(1, :rows) as n"
)
"""Much text, quickly made: 70 MB in an answer."""


@pytest.fixture(scope="module")
def market(database: str) -> str:
    with connected(database) as engine, engine.begin() as connection:
        connection.execute(FILL, {"rows": ROWS})
    return database


def test_memory_stays_flat_however_long_the_answer(client: httpx2.Client) -> None:
    # the first answer fills pools and buffers, which are kept
    for _ in range(2):
        before, highest, size = memory(), 0.0, 0
        with client.stream("GET", PATH, params=LONG, headers=PLAIN) as response:
            for piece in response.iter_raw():
                size += len(piece)
                highest = max(highest, memory() - before)
    print(f"{size / 2**20:.0f} MB were sent; memory grew by {highest:.1f} MB")
    assert size > 70 * 10**6
    assert highest < 24


def test_what_is_streamed_is_what_is_told_of_it(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.rows.SHORT", 1000)
    asked = {"limit": str(ROWS - 1), "fields": "ts_code,name,symbol"}
    told = {form: client.get(PATH, params={**asked, "format": form}) for form in ("json", "rows", "csv")}
    assert not any("content-length" in response.headers for response in told.values())
    answer = told["json"].json()
    assert answer["meta"]["rows"] == len(answer["items"]) == ROWS - 1
    assert answer["items"][:2] == [["000001.XX", 'a "name", 1', None], ["000002.XX", 'a "name", 2', None]]
    assert [list(row.values()) for row in told["rows"].json()["items"]] == answer["items"]
    rows = list(csv.reader(io.StringIO(told["csv"].text)))[1:]
    assert [[code, name, symbol or None] for code, name, symbol in rows] == answer["items"]
    assert told["csv"].headers["x-rows"] == str(ROWS - 1)
    last = client.get(told["csv"].links["next"]["url"])
    assert [row[0] for row in csv.reader(io.StringIO(last.text))] == ["ts_code", f"{ROWS:06}.XX"]


def test_arrow_and_parquet_are_streamed_too(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.rows.SHORT", 1000)
    asked = {**LONG, "fields": "ts_code,name,fullname,symbol,list_date,area,industry"}
    body = client.get(PATH, params={**asked, "format": "arrow"}).content
    table = ipc.open_stream(body).read_all()
    assert table.num_rows == ROWS
    assert len(table.to_batches()) > 10
    body = client.get(PATH, params={**asked, "format": "parquet"}).content
    assert parquet.read_table(pa.BufferReader(body)).equals(table)
    assert parquet.ParquetFile(pa.BufferReader(body)).num_row_groups > 2


def test_who_asks_for_the_head_costs_no_row(client: httpx2.Client, encoded: list[int]) -> None:
    response = client.head(PATH, params=LONG)
    assert (response.status_code, response.content, encoded) == (200, b"", [])
    assert client.head(PATH, params={**LONG, "format": "csv"}).headers["x-rows"] == str(ROWS)


def test_the_head_of_a_long_answer_is_not_kept_for_its_rows(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.rows.SHORT", 1000)
    asked = {"limit": "2000", "fields": "ts_code"}
    assert client.head(PATH, params=asked).status_code == 200
    assert len(client.get(PATH, params=asked).json()["items"]) == 2000


def test_columns_are_refused_where_they_would_have_to_be_kept(client: httpx2.Client) -> None:
    response = client.get(PATH, params={**LONG, "format": "columns"})
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-parameter")
    few = client.get(PATH, params={**LONG, "format": "columns", "ts_code": "000001.XX"})
    assert few.json()["items"]["ts_code"] == ["000001.XX"]


@pytest.mark.parametrize("form", ["json", "csv", "arrow"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_failure_in_the_middle_breaks_the_transfer(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch, form: str, coding: str
) -> None:
    blocks = 0
    flush = streams._Blocks.flush

    async def fail(self: streams._Blocks) -> None:
        nonlocal blocks
        blocks += 1
        if blocks == 5:
            raise OSError("the network is gone")
        await flush(self)

    monkeypatch.setattr(streams._Blocks, "flush", fail)
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get(PATH, params={**LONG, "format": form}, headers={"Accept-Encoding": coding})
    monkeypatch.undo()
    assert client.get(PATH, params={"limit": "1"}).status_code == 200, "the pool has a good connection again"


def test_an_end_of_the_database_in_the_middle_breaks_the_transfer(client: httpx2.Client, market: str) -> None:
    def cut(size: int) -> None:
        with client.stream("GET", PATH, params=LONG, headers=PLAIN) as response:
            for piece in response.iter_raw():
                size -= len(piece)
                if size < 0:
                    terminate(market)
                    size = 10**12

    with pytest.raises(httpx2.RemoteProtocolError):
        cut(10**6)
    assert client.get(PATH, params={"limit": "1"}).status_code == 200


@pytest.mark.parametrize("form", ["json", "csv", "arrow", "parquet"])
@pytest.mark.parametrize(
    ("failure", "kind"), [("it takes too long", "took-too-long"), ("it is gone", "database-unavailable")]
)
def test_a_failure_before_the_first_row_is_a_problem(
    client: httpx2.Client, market: str, monkeypatch: pytest.MonkeyPatch, form: str, failure: str, kind: str
) -> None:
    plain = copying.copy_to

    async def fail(output: copying.Output, connection: AsyncConnection, *query: Any, **_: Any) -> int:
        if failure == "it is gone":
            terminate(market)
            return await plain(output, connection, *query)
        await connection.execute(text("set local statement_timeout = '1ms'"))
        return await plain(output, connection, select(cast(func.pg_sleep(60), Text)), None, Format.CSV)

    monkeypatch.setattr(copying, "copy_to", fail)
    response = client.get(PATH, params={**LONG, "format": form})
    assert (response.status_code, response.json()["type"]) == (503, f"/problems/{kind}")
    assert int(response.headers["Retry-After"]) > 0
    monkeypatch.undo()
    assert client.get(PATH, params={"limit": "1"}).status_code == 200


def test_no_row_before_the_deadline_is_a_problem(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: Any, **__: Any) -> int:
        await asyncio.sleep(60)
        return 0

    monkeypatch.setattr(copying, "copy_to", silent)
    monkeypatch.setattr("api.streams.DEADLINE_SECONDS", 1)
    with served(application(market)) as client:
        response = client.get(PATH, params=LONG)
    assert (response.status_code, response.json()["type"]) == (503, "/problems/took-too-long")


def test_another_number_of_rows_than_promised_breaks_the_transfer(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.rows._count", lambda *_: later(ROWS - 1))
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get(PATH, params=LONG)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the blocks that were encoded."""
    sizes: list[int] = []
    plain = texts.Arrays.rows

    def count(self: texts.Arrays, copied: bytes) -> bytes:
        sizes.append(len(copied))
        return plain(self, copied)

    monkeypatch.setattr(texts.Arrays, "rows", count)
    return sizes


def test_who_takes_nothing_is_dropped_at_the_deadline(
    market: str, monkeypatch: pytest.MonkeyPatch, encoded: list[int]
) -> None:
    monkeypatch.setattr("api.streams.DEADLINE_SECONDS", 1)
    with served(application(market)) as client, lazy(client) as reader:
        assert reader.recv(12) == b"HTTP/1.1 200"
        until(lambda: reading(market) == 1)
        until(lambda: reading(market) == 0)
        assert sum(encoded) < 30 * 10**6, "PostgreSQL is read no faster than the client takes"
        assert client.get(PATH, params={"limit": "1"}).status_code == 200


def test_who_leaves_frees_the_connection_at_once(market: str, encoded: list[int]) -> None:
    with served(application(market)) as client:
        with lazy(client) as reader:
            assert reader.recv(12) == b"HTTP/1.1 200"
            until(lambda: reading(market) == 1)
        until(lambda: reading(market) == 0)
    assert sum(encoded) < 30 * 10**6, "the rest is not read for nobody"


def test_streams_leave_connections_for_others(market: str) -> None:
    with served(application(market, api_pool_size=2)) as client, lazy(client) as reader:
        assert reader.recv(12) == b"HTTP/1.1 200"
        refused = client.get(PATH, params=LONG)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
        assert int(refused.headers["Retry-After"]) > 0
        assert client.get(PATH, params={"limit": "1"}).status_code == 200
        reader.close()
        until(lambda: reading(market) == 0)
        assert client.get(PATH, params=LONG).status_code == 200


def memory() -> float:
    """Megabytes that this process, the server's and the client's at once, holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def lazy(client: httpx2.Client) -> Iterator[socket.socket]:
    """Ask for everything, and read no more than is wished for."""
    address = (client.base_url.host, client.base_url.port or 80)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(address)
        reader.sendall(f"GET {PATH}?limit={ROWS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield reader


def reading(url: str) -> int:
    """Connections of the API that copy rows out."""
    query = text(
        "select count(*) from pg_stat_activity where datname = current_database() and state = 'active' "
        "and application_name = 'stock-assistant-api' and query like 'COPY%'"
    )
    with connected(url) as engine, engine.connect() as connection:
        return connection.scalar(query) or 0


def terminate(url: str) -> None:
    """End the API's connections, as a restart of the server does."""
    query = text(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
        "and application_name = 'stock-assistant-api'"
    )
    with connected(url) as engine, engine.connect() as connection:
        connection.execute(query)


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own timeout ends what never does."""
    while not holds():
        time.sleep(0.05)


async def later(value: int) -> int:
    return value
