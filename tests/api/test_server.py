"""`python -m api`: serves, writes its log as JSON, and stops when it is told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from api.connections import MOST

COMMAND = [sys.executable, "-P", "-m", "api"]
LIVE = "/api/v1/health/live"
ABSENT = "postgresql://postgres@/absent?host=/nowhere"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_it_serves_and_its_log_is_json(tmp_path: Path) -> None:
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    metrics = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "DATABASE_URL": ABSENT, "METRICS_ADDRESS": metrics, "API_DRAIN_SECONDS": "0"}
    command = [*COMMAND, "--port", str(port)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60
        while status(root + LIVE) != 200:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert status(f"{root}/api/v1/datasets?token=hush-0a1b2c3d") == 401
        with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=10) as response:
            text = response.read().decode()
        assert 'stock_assistant_http_problems_total{problem="unauthenticated"} 1.0' in text
        assert "stock_assistant_database_up 0.0" in text
        files = next(
            line for line in Path(f"/proc/{process.pid}/limits").read_text().splitlines() if "open files" in line
        )
        soft, hard = (int(word) for word in files.split()[3:5])
        assert soft >= min(MOST, hard)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    lines = [json.loads(line) for line in out.splitlines()]
    assert b"hush" not in out + err
    assert {line["status"] for line in lines if line["logger"] == "api.access"} == {200, 401}
    assert any("Uvicorn running" in line.get("message", "") for line in lines)
    assert err == b""


def test_a_start_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(COMMAND, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "DATABASE_URL: takes the URL" in done.stderr


def test_a_start_without_the_address_of_the_metrics_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {
            **os.environ,
            "DATABASE_URL": ABSENT,
            "METRICS_ADDRESS": f"127.0.0.1:{taken.getsockname()[1]}",
        }
        done = subprocess.run(COMMAND, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Error: METRICS_ADDRESS: cannot listen there: Address already in use\n"
