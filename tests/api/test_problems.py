"""Every error is an RFC 9457 problem of a documented kind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import httpx2
import pytest
from small_market import application, connected, make_database
from sqlalchemy import text

from api import problems
from api.database import _problem

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy.engine import URL

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.mark.parametrize("kind", problems.KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_documented_with_its_status(kind: problems.Kind) -> None:
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if f"`{kind.type}`" in line]
    assert len(lines) == 1
    assert f"| {int(kind.status)} |" in lines[0]


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1", "/api/v1/", "/api/v1/stocks/", "/api/v2/stocks", "/static-offline-docs/x"]
)
def test_an_unknown_path_is_a_problem(client: httpx2.Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["type"]) == (404, "/problems/unknown-path")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["instance"] == path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_is_a_problem_that_says_what_is_allowed(client: httpx2.Client, method: str) -> None:
    response = client.request(method, "/api/v1/stocks")
    assert (response.status_code, response.json()["type"]) == (405, "/problems/method-not-allowed")
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_mistake_of_the_server_is_a_problem_that_shows_nothing_of_it(
    market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("api.standing.of_snapshot", fail)
    response = ask(market, "/api/v1/calendar")
    assert (response.status_code, response.json()["type"]) == (500, "/problems/internal-error")
    assert "secret" not in response.text


def test_a_query_that_takes_too_long_is_a_problem(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.driver.SESSION", {"statement_timeout": "1ms"})
    monkeypatch.setattr("api.standing.QUERY", text("select pg_sleep(1)"))
    response = ask(market, "/api/v1/datasets/trade_cal/coverage")
    assert (response.status_code, response.json()["type"]) == (503, "/problems/took-too-long")
    assert int(response.headers["Retry-After"]) > 0


def test_a_full_pool_is_a_problem_at_once(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.database.POOL_SECONDS", 0.05)
    app = application(market, api_pool_size=1)

    async def crowd() -> httpx2.Response:
        async with app.state.database.read() as connection, client_of(app) as client:
            await connection.execute(text("select 1"))
            return await client.get("/api/v1/datasets")

    response = asyncio.run(crowd())
    assert (response.status_code, response.json()["type"]) == (503, "/problems/overloaded")
    assert int(response.headers["Retry-After"]) > 0


def test_missing_tables_are_a_problem_that_says_to_migrate(postgres: URL) -> None:
    url = make_database(postgres, "unmigrated")
    with connected(url) as engine, engine.begin() as connection:
        connection.execute(text("drop table coverage"))
    response = ask(url, "/api/v1/datasets")
    assert (response.status_code, response.json()["type"]) == (503, "/problems/migrations-pending")


def test_a_mistake_in_a_query_is_not_taken_for_a_problem_of_the_database() -> None:
    assert _problem(asyncpg.exceptions.DivisionByZeroError()) is None


def client_of(app: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost")


def ask(url: str, path: str) -> httpx2.Response:
    """Ask an application of its own once, without a server between."""
    app = application(url)

    async def once() -> httpx2.Response:
        async with client_of(app) as client:
            response = await client.get(path)
        await app.state.database.engine.dispose()
        return response

    return asyncio.run(once())
