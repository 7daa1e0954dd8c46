"""`stock-assistant alerts`: the table, and the test of the channels."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from stock_assistant_pipelines.alerts.delivery import deliver
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.settings import Settings, settings
from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.database import Database


class _Robot(BaseHTTPRequestHandler):
    """WeCom's robots: that with the key `good` takes everything, others nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        good = self.path.endswith("key=good")
        answer = {"errcode": 0, "errmsg": "ok"} if good else {"errcode": 93000, "errmsg": "invalid webhook url"}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[str]:
    """Where the robots are."""
    with HTTPServer(("127.0.0.1", 0), _Robot) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _installation(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()
    yield
    settings.cache_clear()


def alerts(*words: str) -> tuple[int, str]:
    """Run the command."""
    settings.cache_clear()
    result = CliRunner().invoke(main, ["alerts", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def test_nothing_is_wrong() -> None:
    assert alerts() == (
        0,
        "Nothing is wrong, and nothing was.\nALERT_URLS is not set, so nobody is told: see docs/alerts.md\n",
    )


def test_what_is_open_is_shown_with_what_became_of_it(
    engine: Engine, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_URLS", f"wecombot://good?base={gateway} wecombot://gone-away?base={gateway}")
    with engine.begin() as connection:
        coverage.book(connection, [Coverage("daily", "2026-03-03", Status.FAILED, now(), cause="BadToken")])
    deliver(engine, Settings.load(), now())
    code, shown = alerts()
    assert code == 0
    assert "权限 PERMISSION: 令牌无效 the token is refused: daily" in shown
    assert "refused once, errcode 93000: invalid webhook url" in shown
    with engine.begin() as connection:
        coverage.book(connection, [Coverage("daily", "2026-03-03", Status.COMPLETE, now())])
    deliver(engine, Settings.load(), now())
    assert "not told, it passed" in alerts()[1]


def test_the_channels_are_tried_and_each_answer_is_shown(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_URLS", f"wecombot://good?base={gateway}")
    code, shown = alerts("--test")
    assert (code, shown.split()[1:]) == (0, ["accepted", "errcode", "0:", "ok"])
    monkeypatch.setenv("ALERT_URLS", f"wecombot://good?base={gateway}\nwecombot://gone-away?base={gateway}")
    code, shown = alerts("--test")
    assert code == 1
    assert "refused   errcode 93000: invalid webhook url" in shown
    assert "gone-away" not in shown


def test_without_a_channel_there_is_nothing_to_try() -> None:
    assert alerts("--test") == (
        1,
        "Error: ALERT_URLS is not set, so there is no channel to test: see docs/alerts.md\n",
    )


def test_an_address_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_URLS", "nonsense://hush-0a1b2c3d")
    code, shown = alerts()
    assert code == 1
    assert shown.startswith("Error: ALERT_URLS: number 1 (nonsense://…)")
    assert (shown.count("\n"), "hush" in shown) == (1, False)
