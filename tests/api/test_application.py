"""The application as a whole: what it imports, what it needs, how it is reached."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from small_market import application, served
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.app import create_app
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    import httpx2

HEAVY = {"alembic", "dagster", "exchange_calendars", "numpy", "pandas", "psycopg", "psycopg2", "tushare"}
START = """
import json, sys, time
began = time.perf_counter()
from api.app import create_app
create_app().openapi()
print(json.dumps({"seconds": time.perf_counter() - began, "modules": sorted(sys.modules)}))
"""


def test_the_api_starts_without_what_only_the_pipelines_need() -> None:
    environment = {**os.environ, "DATABASE_URL": "postgresql://postgres@/absent?host=/nowhere"}
    done = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    print(f"imported and built in {told['seconds']:.2f} s")
    assert not HEAVY & {module.partition(".")[0] for module in told["modules"]}
    assert not [module for module in told["modules"] if module.startswith("stock_assistant_pipelines.tushare")]


def test_without_a_database_the_start_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "POSTGRES_SERVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="DATABASE_URL: takes the URL"):
        create_app(Settings(_env_file=None))


def test_the_session_cannot_write(market: str) -> None:
    app = application(market)

    async def write() -> None:
        async with app.state.database.read() as connection:
            await connection.execute(text("delete from daily"))

    with pytest.raises(DBAPIError, match="read-only transaction"):
        asyncio.run(write())


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_pages_load_nothing_from_elsewhere(client: httpx2.Client, page: str) -> None:
    html = client.get(page).text
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert sources
    for source in sources:
        assert source.startswith("/"), source
        assert client.get(source).status_code == 200
    assert "//" not in re.sub(r"<!--.*?-->|//\s", "", html.partition("<body>")[2]).replace("</", "")


def test_head_is_answered_like_get_without_a_body(client: httpx2.Client) -> None:
    for path in ("/api/v1/stocks", "/api/v1/health/live", "/api/v1/nothing"):
        head, get = client.head(path), client.get(path)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers["content-length"] == str(len(get.content))


def test_options_say_what_is_allowed(client: httpx2.Client) -> None:
    response = client.options("/api/v1/stocks")
    assert (response.status_code, response.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


def test_browsers_of_other_origins_are_not_let_in_by_default(client: httpx2.Client) -> None:
    response = client.get("/api/v1/health/live", headers={"Origin": "https://example.org"})
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"Origin": "https://example.com"}, "Disallowed CORS origin: "),
        ({"Access-Control-Request-Method": "POST"}, "Disallowed CORS method: "),
        ({"Access-Control-Request-Headers": "X-Other"}, "Disallowed CORS headers: "),
    ],
)
def test_a_browser_that_may_not_ask_is_told_so_by_a_problem(market: str, asked: dict[str, str], words: str) -> None:
    app = application(market, backend_cors_origins=["https://example.org"])
    plain = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    with served(app) as client:
        assert client.options("/api/v1/calendar", headers=plain).status_code == 200
        refused = client.options("/api/v1/calendar", headers=plain | asked)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/cors-refused")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["detail"].startswith(words)
    assert ("Access-Control-Allow-Origin" in refused.headers) is ("Origin" not in asked)
    assert "Origin" in refused.headers["Vary"]
    assert refused.json()["request_id"] == refused.headers["X-Request-ID"]


def test_configured_origins_may_read_the_source(market: str) -> None:
    app = application(market, backend_cors_origins=["https://example.org"])
    with served(app) as client:
        response = client.get("/api/v1/calendar", headers={"Origin": "https://example.org"})
        assert response.headers["access-control-allow-origin"] == "https://example.org"
        assert "X-Data-Source" in response.headers["access-control-expose-headers"]
        refused = client.get("/api/v1/calendar", headers={"Origin": "https://example.com"})
        assert "access-control-allow-origin" not in refused.headers
