"""The API as it runs: as the role that can only read what is served. Every route answers, and keys are known."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import research_reports
import small_reports
from small_market import application, connected, fill, served
from sqlalchemy import text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings.database import API_ROLE
from stock_assistant_pipelines.warehouse import keys
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from fastapi import FastAPI
    from sqlalchemy.engine import URL

VALUES = {"{ts_code}": "600519.SH", "{statement}": "income", "{report_id}": research_reports.PUBLISHED}
QUERIES = {
    "/api/v1/daily": {"trade_date": "20240103"},
    "/api/v1/statements/{statement}": {"period": "20231231"},
    "/api/v1/calendar": {"start": "20240101", "end": "20240105"},
}
"""What some routes ask for."""


@pytest.fixture(scope="module")
def prepared(postgres: URL) -> Iterator[Database]:
    database = Database(postgres.set(database="served_by_role"), embedded=True)
    database.prepare()
    fill(conninfo(database.url))
    small_reports.fill(conninfo(database.url))
    research_reports.fill(conninfo(database.url))
    yield database
    database.drop()


@pytest.fixture(scope="module")
def app(prepared: Database) -> FastAPI:
    return application(conninfo(prepared.api_url))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[httpx2.Client]:
    with served(app) as client:
        yield client


def test_every_route_answers(app: FastAPI, client: httpx2.Client) -> None:
    answered = {}
    for path, operations in app.openapi()["paths"].items():
        if "get" not in operations:
            continue
        url = path
        for name, value in VALUES.items():
            url = url.replace(name, value)
        for dataset in CATALOG if "{dataset}" in url else [""]:
            response = client.get(url.replace("{dataset}", dataset), params=QUERIES.get(path))
            answered[f"{url} {dataset}"] = response.status_code
    assert {url: status for url, status in answered.items() if status not in {200, 404, 422}} == {}
    assert {url.partition(" ")[0] for url, status in answered.items() if status == 200} == {
        url.partition(" ")[0] for url in answered
    }


def test_a_table_that_is_revoked_and_says_so_is_told_no_more_from_memory(
    prepared: Database, client: httpx2.Client
) -> None:
    path = "/api/v1/stocks/600519.SH/daily"
    assert client.get(path).status_code == 200
    with connected(conninfo(prepared.url)) as engine, engine.begin() as connection:
        connection.execute(text(f"revoke select on daily from {API_ROLE}"))
        connection.execute(text("select bump_data_version('everything')"))
    assert client.get(path).json()["type"] == "/problems/migrations-pending"
    with connected(conninfo(prepared.url)) as engine, engine.begin() as connection:
        connection.execute(text(f"grant select on daily to {API_ROLE}"))
    assert client.get(path).status_code == 200


def test_the_metrics_tell_all_that_they_have(app: FastAPI) -> None:
    data = app.state.metrics.data
    asyncio.run(data.refresh())
    told = {family.name.removeprefix("stock_assistant_"): family for family in data.collect()}
    assert told["database_up"].samples[0].value == 1
    assert {"dataset_partitions", "dataset_late", "dataset_missing_companies", "quota_used_calls"} <= told.keys()


def test_a_key_lets_in(prepared: Database) -> None:
    with connected(conninfo(prepared.url)) as engine:
        key = keys.create(engine, "research")
    with served(application(conninfo(prepared.api_url), api_open_on_loopback=False)) as client:
        assert client.get("/api/v1/datasets", headers={"X-API-Key": key}).status_code == 200
        assert client.get("/api/v1/datasets").status_code == 401


def test_a_table_that_the_role_may_not_read_yet_is_no_mistake_of_ours(
    prepared: Database, client: httpx2.Client
) -> None:
    with connected(conninfo(prepared.url)) as engine, engine.begin() as connection:
        connection.execute(text("revoke select on suspend_d from stock_assistant_api"))
    answer = client.get("/api/v1/datasets/suspend_d/rows?limit=7")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/migrations-pending")
    prepared.prepare()
    assert client.get("/api/v1/datasets/suspend_d/rows?limit=7").status_code == 200


def test_keys_that_may_not_be_read_let_nobody_in_and_are_no_mistake_of_ours(prepared: Database) -> None:
    with connected(conninfo(prepared.url)) as engine, engine.begin() as connection:
        connection.execute(text("revoke execute on function api_keys() from stock_assistant_api"))
    with served(application(conninfo(prepared.api_url), api_open_on_loopback=False)) as client:
        answer = client.get("/api/v1/datasets", headers={"X-API-Key": "sa_x"})
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/migrations-pending")
    prepared.prepare()
