"""Workers in processes of their own against a server that refuses every call too many, and what an onlooker sees."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from rings import Account, call

from stock_assistant_pipelines import cli
from stock_assistant_pipelines.cli.quota import run
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI, Settings, settings
from stock_assistant_pipelines.tushare.errors import Throttled, Window
from stock_assistant_pipelines.tushare.quota import account
from stock_assistant_pipelines.warehouse.revision import UPGRADE

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database

WORKER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pydantic import SecretStr
from stock_assistant_pipelines.tushare.quota import Limits, SharedQuota
from stock_assistant_pipelines.tushare.transport import Transport

conninfo, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with (
    SharedQuota(conninfo, "one", Limits(120), window=1.0, patience=0.5) as quota,
    Transport(SecretStr("sandbox"), url, quota=quota) as transport,
    ThreadPoolExecutor(3) as threads,
):
    ask = lambda _: transport.page("daily", {"trade_date": "20260303", "ts_code": "600000.SH"}, ("ts_code",))
    print(len(list(threads.map(ask, range(count)))))
"""


def worker(account: Account, sandbox: Running, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, account.conninfo, sandbox.url, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_together_are_never_refused_even_when_one_is_killed(database: Database) -> None:
    one = Account(database, "one")
    now = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
    with running(stocks=50, points=120, window=1.0, now=now) as sandbox:
        victim = worker(one, sandbox, 10_000)
        others = [worker(one, sandbox, 60) for _ in range(2)]
        while sandbox.stats()["calls"].get("daily", 0) < 70:
            assert victim.poll() is None
            time.sleep(0.02)
        victim.kill()
        victim.wait()
        assert [int(other.communicate(timeout=60)[0]) for other in others] == [60, 60]
        assert sandbox.stats()["rejections"] == {}


@pytest.fixture
def configured(database: Database, sandbox: Running) -> Settings:
    url: URL = database.url
    return Settings(
        _env_file=None,
        database_url=SecretStr(url.render_as_string(hide_password=False)),
        tushare_base_url=sandbox.url,
        tushare_token=SecretStr(TOKEN),
        tushare_points=120,
    )


@pytest.mark.parametrize("urgent", [False, True])
def test_the_runs_of_the_platform_keep_to_the_quota(configured: Settings, database: Database, urgent: bool) -> None:
    platform = Platform(configured)
    with platform.ingest("a run", urgent=urgent) as ingest:
        ingest.transport.page("daily", {"trade_date": "20260303"}, ("ts_code",))
    used = Account(database, account(configured.tushare_base_url, TOKEN)).usage()
    assert (used.calls_per_minute, used.used, used.calls_today, used.calls_per_day) == (50, 1, 1, 8000)


def test_the_command_shows_limits_use_and_pauses(
    configured: Settings, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    mine = Account(database, account(configured.tushare_base_url, TOKEN))
    with mine.worker(5, window=60.0, points=120) as quota:
        call(quota)
        call(quota, "adj_factor")
        quota.throttled(Throttled("adj_factor", Window.HOUR, "too much"))
    run(configured, watch=False)
    lines = {line.split()[0]: " ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["daily"].startswith("daily 5 1 4 ")
    assert "1 of 8,000" in lines["daily"]
    assert lines["adj_factor"].startswith("adj_factor 5 1 0 ")
    assert "paused until" in lines["adj_factor"]
    assert "Shanghai: too much" in lines["adj_factor"]


def test_the_command_says_when_nothing_was_asked(configured: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    run(configured, watch=False)
    assert "nothing of the quota is used" in capsys.readouterr().out


def test_the_command_says_what_to_do_where_there_are_no_tables(postgres: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.render_as_string(hide_password=False))
    settings.cache_clear()
    try:
        done = CliRunner().invoke(cli.main, ["quota"])
    finally:
        settings.cache_clear()
    assert done.exit_code == 1
    assert done.output == f"Error: the tables are not there yet: {UPGRADE}\n"
