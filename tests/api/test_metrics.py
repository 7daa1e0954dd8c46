"""What Prometheus is told: at an address of its own, read by its own parser."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psycopg
import pytest
import small_reports
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from small_market import application, fill, make_database, served

from api import listener
from api.connections import REFUSED
from api.metrics import data
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from sqlalchemy.engine import URL

BARS = "/api/v1/stocks/{}/daily"
ROUTE = "/api/v1/stocks/{ts_code}/daily"
NEWEST = datetime(2024, 1, 5, tzinfo=SHANGHAI)
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
COUNT = "http_request_duration_seconds_count"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Told:
    """The metrics as they were told once."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples: Samples = {
            (each.name, frozenset(each.labels.items())): each.value for one in self.families for each in one.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value of a series; None when it is not there."""
        return self.samples.get((f"stock_assistant_{name}", frozenset(labels.items())))

    def names(self, name: str) -> set[frozenset[tuple[str, str]]]:
        """The labels with which a metric is told."""
        return {labels for known, labels in self.samples if known == f"stock_assistant_{name}"}


class Scraper:
    """Asks for the metrics as Prometheus does."""

    def __init__(self, url: str) -> None:
        self.client = httpx2.Client(base_url=url, timeout=30)

    def __call__(self) -> Told:
        response = self.client.get("/metrics")
        assert response.status_code == 200, response.text
        return Told(response.text)


@contextmanager
def told(app: FastAPI) -> Iterator[Scraper]:
    """The metrics of an application, at an address of their own."""
    listening = listener.bind("127.0.0.1", 0)
    host, port = listening.getsockname()
    server = listener.start(app.state.metrics, listening)
    yield Scraper(f"http://{host}:{port}")
    server.should_exit = True


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evening on which the bars of the last day are due, which did not come."""
    monkeypatch.setattr("stock_assistant_pipelines.calendar.now", lambda: datetime(2024, 1, 8, 20, 0, tzinfo=SHANGHAI))


@pytest.fixture
def app(market: str) -> FastAPI:
    return application(market)


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx2.Client]:
    with served(app) as client:
        yield client


@pytest.fixture
def scrape(app: FastAPI) -> Iterator[Scraper]:
    with told(app) as scrape:
        yield scrape


# --- where


def test_they_are_not_told_where_the_api_is(client: httpx2.Client, scrape: Scraper) -> None:
    for path in ("/metrics", "/api/v1/metrics", "/metrics/"):
        assert client.get(path).status_code == 404


def test_there_is_nothing_else_where_they_are_told(scrape: Scraper) -> None:
    for path in ("/", "/api/v1/health/live", "/metrics/", "/docs"):
        assert scrape.client.get(path).status_code == 404
    assert scrape.client.post("/metrics").status_code == 405
    assert scrape.client.head("/metrics").content == b""


def test_they_are_told_in_the_newer_format_too(scrape: Scraper) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = scrape.client.get("/metrics", headers=accept)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert len(list(openmetrics.text_string_to_metric_families(response.text))) > 20


def test_names_are_as_prometheus_has_them(client: httpx2.Client, scrape: Scraper) -> None:
    client.get("/api/v1/nothing")
    ours = [each for each in scrape().families if not each.name.startswith("process_")]
    assert {each.name.partition("_")[0] for each in ours} == {"stock"}
    for each in ours:
        assert each.documentation.endswith(".")
        units = {"milliseconds", "ms", "minutes", "kilobytes", "megabytes", "mb", "percent", "created"}
        assert units.isdisjoint(each.name.split("_"))
        for sample in each.samples:
            assert (each.type == "counter") == sample.name.endswith("_total")


def test_the_page_names_each_of_them_with_its_labels(client: httpx2.Client, scrape: Scraper) -> None:
    client.get("/api/v1/nothing")
    REFUSED["too-slow"] += 1
    seen = scrape()
    rows = [line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| `stock_assistant_")]
    described = {name.strip(" `"): set(labels.replace("`", "").replace(",", " ").split()) for name, labels in rows}
    suffix = {"counter": "_total", "info": "_info"}
    told = {each.name + suffix.get(each.type, "") for each in seen.families if each.name.startswith("stock_")}
    assert described.keys() == told
    for family in seen.families:
        for sample in family.samples:
            if sample.name in described:
                assert set(sample.labels) == described[sample.name]
    assert (
        set(re.findall(r"stock_assistant_[a-z_]+[a-z]", PAGE.read_text())) <= {name for name, _ in seen.samples} | told
    )


# --- requests


def test_a_request_is_counted_by_route_method_and_class_of_status(client: httpx2.Client, scrape: Scraper) -> None:
    for code in ("600519.SH", "000001.SZ"):
        assert client.get(BARS.format(code)).status_code == 200
    body = client.get(BARS.format("999999.SZ"))
    assert body.status_code == 404
    seen = scrape()
    assert seen(COUNT, route=ROUTE, method="GET", status="2xx") == 2
    assert seen(COUNT, route=ROUTE, method="GET", status="4xx") == 1
    slower = seen("http_request_duration_seconds_bucket", route=ROUTE, method="GET", status="2xx", le="+Inf")
    assert slower == 2
    assert seen("http_request_duration_seconds_sum", route=ROUTE, method="GET", status="2xx") > 0  # type: ignore[operator]
    assert seen("http_problems_total", problem="unknown-code") == 1
    assert seen("http_requests_in_progress") == 0


def test_no_label_holds_what_was_sent(client: httpx2.Client, scrape: Scraper) -> None:
    hush = "hush0a1b2c3d"
    client.get(BARS.format(hush), params={"start": hush})
    client.get(f"/{hush}/{hush}", headers={"X-API-Key": hush, "X-Request-ID": hush})
    client.get(f"/static-offline-docs/{hush}.css")
    client.request(hush[:4].upper(), "/api/v1/daily")
    client.request("PROPFIND", "/api/v1/daily")
    client.post(f"/tushare/{hush}", json={"api_name": hush, "token": hush})
    text = scrape.client.get("/metrics").text
    assert hush not in text
    assert "PROPFIND" not in text
    seen = Told(text)
    assert {dict(labels)["method"] for labels in seen.names(COUNT)} <= {"GET", "POST", "other"}


def test_an_answer_from_memory_is_counted_for_the_route_that_made_it(client: httpx2.Client, scrape: Scraper) -> None:
    first = client.get(BARS.format("600519.SH"))
    again = client.get(BARS.format("600519.SH"))
    assert client.head(BARS.format("600519.SH")).status_code == 200
    unchanged = client.get(BARS.format("600519.SH"), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.content, unchanged.status_code) == (first.content, 304)
    seen = scrape()
    assert seen(COUNT, route=ROUTE, method="GET", status="2xx") == 2
    assert seen(COUNT, route=ROUTE, method="HEAD", status="2xx") == 1
    assert seen(COUNT, route=ROUTE, method="GET", status="3xx") == 1
    assert seen("http_response_bytes_total", route=ROUTE) == 2 * int(first.headers["Content-Length"])


def test_a_page_is_counted_once_and_as_a_page(client: httpx2.Client, scrape: Scraper) -> None:
    assert client.get("/stocks/600519.SH").status_code == 200
    assert scrape().names(COUNT) == {
        frozenset({"route": "/stocks/{ts_code}", "method": "GET", "status": "2xx"}.items())
    }


def test_a_refusal_in_the_words_of_tushare_is_seen_though_its_status_is_200(
    client: httpx2.Client, scrape: Scraper, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(name: str, **params: str) -> int:
        body = {"api_name": name, "token": "", "params": params, "fields": ""}
        return int(client.post("/tushare", json=body).json()["code"])

    assert ask("daily", ts_code="600519.SH") == 0
    assert ask("nothing_of_ours") != 0
    monkeypatch.setattr("api.tushare.routes.find", lambda name: 1 / 0)
    assert ask("daily") != 0
    seen = scrape()
    assert seen(COUNT, route="/tushare", method="POST", status="2xx") == 3
    assert seen("http_problems_total", problem="tushare-refusal") == 1
    assert seen("http_problems_total", problem="internal-error") == 1


def test_who_is_not_let_in_is_counted_by_reason(market: str) -> None:
    app = application(market, api_open_on_loopback=False, api_calls_per_minute=2)
    with served(app) as client, told(app) as scrape:
        statuses = [client.get("/api/v1/datasets").status_code for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert client.post("/tushare/daily", headers={"X-API-Key": "sa_no"}, json={}).status_code == 200
        seen = scrape()
        assert seen("http_problems_total", problem="unauthenticated") == 2
        assert seen("http_problems_total", problem="rate-limited") == 2
        assert seen(COUNT, route="none", method="GET", status="4xx") == 3


def test_what_is_no_request_is_counted_as_a_connection(client: httpx2.Client, scrape: Scraper) -> None:
    before = REFUSED["headers-too-large"]
    response = client.get("/api/v1/health/live", headers={"X-Long": "x" * 40_000})
    assert response.status_code == 431
    assert scrape()("http_connections_refused_total", reason="headers-too-large") == before + 1


# --- what is held


def test_the_cache_tells_what_it_holds_and_how_often_it_helped(client: httpx2.Client, scrape: Scraper) -> None:
    etag = client.get("/api/v1/calendar").headers["ETag"]
    for headers in ({}, {}, {"If-None-Match": etag}):
        client.get("/api/v1/calendar", headers=headers)
    seen = scrape()
    outcomes = {name: seen("cache_requests_total", outcome=name) for name in ("hit", "miss", "not_modified", "unknown")}
    assert outcomes == {"miss": 1, "hit": 2, "not_modified": 1, "unknown": 0}
    assert seen("cache_entries") == 1
    assert 0 < seen("cache_size_bytes") < seen("cache_size_max_bytes") == 64_000_000  # type: ignore[operator]


def test_without_a_cache_none_is_told_of(market: str) -> None:
    app = application(market, api_cache_mb=0)
    with told(app) as scrape:
        assert scrape()("cache_entries") is None


def test_a_full_pool_is_told_while_it_is_full_and_the_metrics_do_not_wait_for_it(market: str) -> None:
    app = application(market, api_pool_size=1, api_queue_size=1)
    with served(app) as client, told(app) as scrape, ThreadPoolExecutor(2) as askers:
        with psycopg.connect(market) as lock:
            lock.execute("lock table daily in access exclusive mode")
            slow = [askers.submit(client.get, BARS.format(code)) for code in ("600519.SH", "000001.SZ")]
            while (seen := scrape())("pool_requests_waiting") != 1:
                threading.Event().wait(0.02)
            assert client.get(BARS.format("000003.SZ")).status_code == 503
            seen = scrape()
            sizes = seen("pool_connections_max"), seen("pool_requests_waiting_max")
            assert (*sizes, seen("pool_connections_in_use"), seen("pool_requests_waiting")) == (1, 1, 1, 1)
            assert seen("pool_requests_refused_total", reason="full") == 1
            assert seen("http_requests_in_progress") == 2
            assert seen("database_up") == 1
        assert {one.result().status_code for one in slow} == {200}
        seen = scrape()
    assert (seen("pool_connections_in_use"), seen("pool_requests_waiting")) == (0, 0)
    assert seen("pool_requests_refused_total", reason="waited") == 0


def test_who_waited_in_vain_is_told_apart(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.database.POOL_SECONDS", 0.05)
    app = application(market, api_pool_size=1, api_queue_size=1)
    with served(app) as client, told(app) as scrape, ThreadPoolExecutor(1) as asker:
        with psycopg.connect(market) as lock:
            lock.execute("lock table daily in access exclusive mode")
            slow = asker.submit(client.get, BARS.format("600519.SH"))
            while scrape()("pool_connections_in_use") != 1:
                threading.Event().wait(0.02)
            assert client.get(BARS.format("000001.SZ")).status_code == 503
        assert slow.result().status_code == 200
        seen = scrape()
    assert [seen("pool_requests_refused_total", reason=reason) for reason in ("waited", "full")] == [1, 0]
    assert seen("http_problems_total", problem="overloaded") == 1


def test_the_process_tells_its_memory_and_version(scrape: Scraper) -> None:
    seen = scrape()
    names = {name for name, _ in seen.samples}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= names
    assert len(seen.names("build_info")) == 1


# --- the data


@pytest.mark.usefixtures("at")
def test_how_new_the_data_is(scrape: Scraper) -> None:
    seen = scrape()
    assert seen("dataset_last_complete_timestamp_seconds", dataset="daily") == NEWEST.timestamp()
    assert (seen("dataset_days_behind", dataset="daily"), seen("dataset_late", dataset="daily")) == (1, 1)
    landed = datetime(2024, 1, 9, 18, tzinfo=SHANGHAI)
    assert seen("dataset_last_try_timestamp_seconds", dataset="stock_basic") == landed.timestamp()
    assert seen("dataset_days_behind", dataset="daily_basic") is None  # nobody waits for it
    assert seen("dataset_late", dataset="daily_basic") is None


def test_a_calendar_that_does_not_reach_today_is_late(scrape: Scraper) -> None:
    seen = scrape()
    assert (seen("dataset_days_behind", dataset="daily"), seen("dataset_late", dataset="daily")) == (None, 1)


def test_how_new_the_reports_are(postgres: URL) -> None:
    url = make_database(postgres, "metrics_of_reports")
    fill(url)
    small_reports.fill(url)
    with told(application(url)) as scrape:
        seen = scrape()
    assert seen("dataset_late", dataset="income") == 1
    assert seen("dataset_days_behind", dataset="income") > 0  # type: ignore[operator]
    assert seen("dataset_missing_companies", dataset="income") is not None
    newest = seen("dataset_last_complete_timestamp_seconds", dataset="income")
    assert newest is not None
    assert datetime.fromtimestamp(newest, SHANGHAI).date().isoformat()[5:] in {"03-31", "06-30", "09-30", "12-31"}


def test_partitions_are_counted_by_status_and_none_is_told_as_none(scrape: Scraper) -> None:
    seen = scrape()
    told = {status: seen("dataset_partitions", dataset="daily", status=status) for status in Status}
    some = {Status.COMPLETE: 3, Status.PARTIAL: 1, Status.FAILED: 1, Status.CLOSED: 1}
    assert told == {status: some.get(status, 0) for status in Status}
    assert len(seen.names("dataset_partitions")) == len(CATALOG) * len(Status)


def test_what_is_used_of_the_quota(postgres: URL) -> None:
    url = make_database(postgres, "metrics_of_quota")
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute(
            "insert into quota (account, api, calls_per_minute, calls_per_day, day, calls, paused_until, paused_because) "
            "values ('a', 'daily', 500, 1000, (now() at time zone 'Asia/Shanghai')::date, 7, now() + interval '1 hour', 'x'), "
            "('a', 'income', 200, null, '2024-01-02', 9, null, null)"
        )
        writer.execute(
            "insert into permit (account, api, slot, free_at) values ('a', 'daily', 1, now() + interval '1 minute')"
        )
    with told(application(url)) as scrape:
        seen = scrape()
    used = [seen("quota_used_calls", interface="daily", window=window) for window in ("minute", "day")]
    assert used == [1, 7]
    allowed = [seen("quota_allowed_calls", interface="daily", window=window) for window in ("minute", "day")]
    assert allowed == [500, 1000]
    assert seen("quota_used_calls", interface="income", window="day") == 0  # that was another day
    assert seen("quota_allowed_calls", interface="income", window="minute") == 200
    assert seen("quota_allowed_calls", interface="income", window="day") is None
    assert [seen("quota_paused", interface=name) for name in ("daily", "income")] == [1, 0]


@pytest.mark.parametrize(("kept", "seen"), [(3600.0, 3), (0.0, 0)])
def test_it_is_read_once_in_a_while(postgres: URL, monkeypatch: pytest.MonkeyPatch, kept: float, seen: int) -> None:
    monkeypatch.setattr(data, "KEPT_SECONDS", kept)
    url = make_database(postgres, f"metrics_kept_{seen}")
    fill(url)
    with told(application(url)) as scrape, psycopg.connect(url, autocommit=True) as writer:
        assert scrape()("dataset_partitions", dataset="daily", status="complete") == 3
        writer.execute("delete from coverage")
        assert scrape()("dataset_partitions", dataset="daily", status="complete") == seen


@pytest.mark.parametrize("url", ["postgresql://nobody@/absent?host=/nowhere", "postgresql://nobody@127.0.0.1:1/absent"])
def test_a_dead_database_is_told_and_nothing_else_is_lost(url: str) -> None:
    app = application(url)
    with served(app) as client, told(app) as scrape:
        assert client.get("/api/v1/datasets").status_code == 503
        seen = scrape()
    assert seen("database_up") == 0
    assert seen("http_problems_total", problem="database-unavailable") == 1
    assert seen("cache_requests_total", outcome="unknown") == 1
    assert seen.names("dataset_partitions") == set()


def test_a_database_that_comes_back_is_told_of_again(postgres: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "AGAIN_SECONDS", 0.0)
    name = "metrics_later"
    app = application(conninfo(postgres.set(database=name)))
    with told(app) as scrape:
        assert scrape()("database_up") == 0
        fill(make_database(postgres, name))
        seen = scrape()
    assert seen("database_up") == 1
    assert seen("dataset_partitions", dataset="daily", status="complete") == 3


def test_a_reading_that_takes_too_long_is_given_up(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(data, "KEPT_SECONDS", 0.0)
    with told(application(market)) as scrape, psycopg.connect(market) as lock:
        assert scrape().names("dataset_partitions") != set()
        monkeypatch.setattr(data, "PATIENCE_SECONDS", 0.5)
        lock.execute("lock table coverage in access exclusive mode")
        seen = scrape()
        assert (seen("database_up"), seen.names("dataset_partitions")) == (0, set())
        lock.rollback()
        monkeypatch.setattr(data, "PATIENCE_SECONDS", 30.0)
        assert scrape()("database_up") == 1


def test_a_database_without_tables_is_as_good_as_none(postgres: URL) -> None:
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("create database metrics_without_tables")
    with told(application(conninfo(postgres.set(database="metrics_without_tables")))) as scrape:
        assert scrape()("database_up") == 0
