"""The API as it runs: as the role that can only read what is served. Every route answers, and keys are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import small_reports
from small_market import application, connected, fill, served

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse import keys
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from fastapi import FastAPI
    from sqlalchemy.engine import URL

VALUES = {"{ts_code}": "600519.SH", "{statement}": "income"}
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


def test_a_key_lets_in(prepared: Database) -> None:
    with connected(conninfo(prepared.url)) as engine:
        key = keys.create(engine, "research")
    with served(application(conninfo(prepared.api_url), api_open_on_loopback=False)) as client:
        assert client.get("/api/v1/datasets", headers={"X-API-Key": key}).status_code == 200
        assert client.get("/api/v1/datasets").status_code == 401
