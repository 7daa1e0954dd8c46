"""A running sandbox, and a client that asks it as Tushare is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from stock_assistant_pipelines.sandbox.market.days import Days
from stock_assistant_pipelines.sandbox.market.listing import LARGEST
from stock_assistant_pipelines.sandbox.market.sessions import sessions
from stock_assistant_pipelines.sandbox.server import TOKEN, Running, running

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = "20251218"
NOW = datetime(2025, 12, 18, 18, 0)  # noqa: DTZ001 - the sandbox reads it as Shanghai's
REAL_DATA = Path(__file__).parents[2].parent / "shared" / "data" / "tushare"


@dataclass
class Client:
    """Asks one sandbox over one connection."""

    sandbox: Running
    http: httpx2.Client

    def post(self, api: str, fields: str = "", token: str = TOKEN, **params: Any) -> httpx2.Response:
        body = {"api_name": api, "token": token, "params": params, "fields": fields}
        return self.http.post(f"{self.sandbox.url}/{api}", json=body)

    def ask(self, api: str, fields: str = "", token: str = TOKEN, **params: Any) -> dict[str, Any]:
        return self.post(api, fields, token, **params).json()

    def data(self, api: str, fields: str = "", **params: Any) -> dict[str, Any]:
        envelope = self.ask(api, fields, **params)
        assert envelope["code"] == 0, envelope["msg"]
        return envelope["data"]

    def rows(self, api: str, fields: str = "", **params: Any) -> list[dict[str, Any]]:
        data = self.data(api, fields, **params)
        assert not data["has_more"], "the test asks for more rows than one answer holds"
        return [dict(zip(data["fields"], item, strict=True)) for item in data["items"]]


@pytest.fixture(scope="session")
def shared_client() -> Iterator[Client]:
    with running(stocks=200, now=NOW, quota=False) as sandbox, httpx2.Client(timeout=10, trust_env=False) as http:
        yield Client(sandbox, http)


@pytest.fixture
def client(shared_client: Client) -> Iterator[Client]:
    """A sandbox of 200 stocks at 2025-12-18 18:00, without faults and with empty statistics."""
    shared_client.sandbox.heal()
    shared_client.sandbox.set_clock(NOW)
    shared_client.sandbox.forget()
    yield shared_client
    shared_client.sandbox.heal()
    shared_client.sandbox.set_clock(NOW)


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not REAL_DATA.is_dir():
        pytest.skip("real Tushare rows are not here: ../shared/data/tushare beside the repository")
    return REAL_DATA


@pytest.fixture(scope="session")
def codes(shared_client: Client) -> list[str]:
    return [row["ts_code"] for status in "LDP" for row in shared_client.rows("stock_basic", list_status=status)]


@pytest.fixture(scope="session")
def largest() -> Days:
    """The largest market, from inside."""
    return Days(1, LARGEST, sessions())
