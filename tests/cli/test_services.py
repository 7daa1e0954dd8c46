"""`demo` and `up` from end to end, as a newcomer starts them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from stock_assistant_pipelines.cli.demo import _last_days
from stock_assistant_pipelines.cli.services import ServiceError, free_port
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running

pytestmark = pytest.mark.timeout(900)

STOCK_ASSISTANT = str(Path(sys.executable).with_name("stock-assistant"))


@pytest.fixture(scope="module")
def data() -> Iterator[str]:
    """A data directory in which no service has run yet. Its path is short: PostgreSQL's socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="sa-cli-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        yield f"{directory}/data"


def left_behind(data: str) -> list[str]:
    """The processes that still work for a data directory."""
    found = []
    for process in psutil.process_iter(["environ", "cmdline"]):
        environment = process.info["environ"] or {}
        command = " ".join(process.info["cmdline"] or [])
        if process.pid != os.getpid() and (environment.get("DATA_DIR") == data or data in command):
            found.append(command)
    return found


def demo(data: str) -> str:
    done = subprocess.run(
        [STOCK_ASSISTANT, "demo", "--days", "5", "--stocks", "50"],
        cwd=os.path.dirname(data),  # away from the .env of whoever runs the tests
        env={**os.environ, "DATA_DIR": data},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def row(output: str, dataset: str) -> list[int]:
    """A dataset in the summary: partitions, complete, rows, inserted, updated, unchanged, calls, missing."""
    line = next(line for line in output.splitlines() if line.split()[:1] == [dataset])
    return [int(figure.replace(",", "")) for figure in line.split()[1:]]


def reports(output: str) -> list[str]:
    """The ids of the research reports."""
    return re.findall(r"stock-assistant replay (\S+)", output)


def test_the_demo_lands_a_market_writes_of_it_and_leaves_nothing_running(data: str) -> None:
    output = demo(data)
    assert "SANDBOX DATA" in output
    partitions, complete, rows, inserted, *_ = row(output, "daily")
    assert partitions == complete >= 5
    assert rows == inserted > 150
    assert output.count('"source": "sandbox: synthetic"') >= 3
    assert "COMPLETED_SUCCESS" in output
    assert left_behind(data) == []
    written = reports(output)
    assert len(set(written)) == 3
    assert "Research reports of " in output
    assert "by rules, not a model (规则生成，并非模型)" in output
    assert all(f"/research/{report_id} " in output for report_id in written)
    assert output.count(" calls, CNY ") == 3
    assert ", news, synthesis); " in output, "pages are invented for a made-up market"
    replayed = subprocess.run(
        [STOCK_ASSISTANT, "replay", *written],
        cwd=os.path.dirname(data),
        env={**os.environ, "DATA_DIR": data},
        capture_output=True,
        text=True,
        check=False,
    )
    assert replayed.stdout == "".join(f"{report_id}: the same, byte for byte\n" for report_id in written)


@pytest.mark.slow
def test_the_demo_writes_nothing_the_second_time(data: str) -> None:
    first, second = demo(data), demo(data)
    _, _, rows, *_ = row(first, "daily")
    _, _, again, inserted, updated, unchanged, calls, missing = row(second, "daily")
    assert again == unchanged == rows
    assert (inserted, updated, missing) == (0, 0, 0)
    assert calls == 5
    assert reports(second) == reports(first), "what stands is not made again"


def test_without_the_trading_days_the_demo_says_why_in_a_line(engine: Engine, sandbox: Running) -> None:
    settings = Settings(tushare_token="mistyped", tushare_base_url=sandbox.url)
    with pytest.raises(ServiceError) as told:
        _last_days(settings, engine, 5)
    assert "check TUSHARE_TOKEN" in str(told.value)
    assert "\n" not in str(told.value)
    assert "mistyped" not in str(told.value)


@pytest.mark.slow
def test_a_demo_with_a_token_that_is_not_known_says_so_in_a_line(data: str, sandbox: Running) -> None:
    done = subprocess.run(
        [STOCK_ASSISTANT, "demo", "--days", "5"],
        cwd=os.path.dirname(data),
        env={**os.environ, "DATA_DIR": data, "TUSHARE_TOKEN": "mistyped", "TUSHARE_BASE_URL": sandbox.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "check TUSHARE_TOKEN" in done.stderr
    assert "mistyped" not in done.stderr
    assert left_behind(data) == []


def test_up_serves_until_it_is_interrupted_and_leaves_nothing_running(data: str) -> None:
    ui, api = free_port(), free_port()
    command = [STOCK_ASSISTANT, "up", "--ui-port", str(ui), "--api-port", str(api), "--stocks", "50"]
    environment = {**os.environ, "DATA_DIR": data}
    away = os.path.dirname(data)
    with subprocess.Popen(command, cwd=away, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        model = None
        for line in process.stdout:
            model = re.search(r"rules, not a model .*: (http://\S+)/v1", line) or model
            if "Ctrl-C" in line:
                break
        assert model is not None
        with urllib.request.urlopen(f"{model[1]}/_sandbox/health") as response:
            assert json.load(response)["note"] == "rules, not a model"
        with urllib.request.urlopen(f"http://127.0.0.1:{api}/api/v1/health") as response:
            assert json.load(response)["status"] in {"ok", "degraded"}
        with urllib.request.urlopen(f"http://127.0.0.1:{ui}/server_info") as response:
            assert "dagster_version" in json.load(response)
        second = subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "is taken" in second.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    deadline = time.monotonic() + 10
    while left_behind(data) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(data) == []
