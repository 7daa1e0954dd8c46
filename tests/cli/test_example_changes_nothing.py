"""An unchanged copy of `.env.example` changes nothing of what `up` and `demo` start with."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.cli.demo import _answer
from stock_assistant_pipelines.cli.up import _links
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / ".env.example"


class Refusal(BaseHTTPRequestHandler):
    """An API that asks everybody for a key."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[str]:
    """The address of such an API."""
    with HTTPServer((services.LOOPBACK, 0), Refusal) as server:
        Thread(target=server.handle_request).start()
        yield f"http://{services.LOOPBACK}:{server.server_port}"


def served(env_file: Path | None, data: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a service that `up` starts beside this `.env`, which it reads as well."""
    settings = Settings(_env_file=env_file, data_dir=data)
    database = Database(make_url("postgresql://postgres@/stock_assistant_sandbox"), embedded=True)
    machine = services.machine(settings, database, api_port=8001, ui_port=3001, sandbox_port=3002, stocks=50)
    with monkeypatch.context() as context:
        for name, value in {**machine.environment, **_links(settings, 3001, 8001)}.items():
            context.setenv(name, value)
        return Settings(_env_file=env_file)


def test_an_unchanged_copy_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = served(None, tmp_path, monkeypatch)
    assert (without.api_open_on_loopback, without.api_drain_seconds) == (True, 0)
    assert (without.api_url, without.dagster_url) == ("http://127.0.0.1:8001", "http://127.0.0.1:3001")
    assert served(EXAMPLE, tmp_path, monkeypatch) == without


def test_what_is_set_goes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = tmp_path / ".env"
    env.write_text("API_OPEN_ON_LOOPBACK=false\nAPI_DRAIN_SECONDS=8\nAPI_URL=https://stock.example\nDAGSTER_URL=\n")
    settings = served(env, tmp_path, monkeypatch)
    assert (settings.api_open_on_loopback, settings.api_drain_seconds) == (False, 8)
    assert (settings.api_url, settings.dagster_url) == ("https://stock.example", "http://127.0.0.1:3001")


def test_an_api_that_asks_for_a_key_ends_the_demo_with_a_line(refusing: str) -> None:
    with pytest.raises(services.ServiceError) as told:
        _answer(f"{refusing}/api/v1/daily")
    assert str(told.value) == (
        f"the API answers 401 Unauthorized to {refusing}/api/v1/daily: leave API_OPEN_ON_LOOPBACK empty"
    )
