"""Canaries: secrets that are planted everywhere, in an installation in which everything also fails, come out nowhere."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
import pytest
from stored import rows

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.sandbox.server import running
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.sandbox.server import Running

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
DAY = "2026-03-04"
STOCK_ASSISTANT = str(Path(sys.executable).with_name("stock-assistant"))

CANARIES = {
    "token": "canary-tushare-7c1e",
    "password": "canary/pass wörd%7c2e",
    "model": "canary-model-7c3e",
    "fallback": "canary-fallback-7c4e",
    "news": "canary-bocha-7c5e",
    "robot": "canaryrobot7c6e0a1b2c3d",
    "wrong key": "sa_canarywrongkey7c7e0a1b2c3d4e5f6a7b8c9d0e1f2a",
}
"""What is planted."""

LAUNCH = """
mutation Launch($what: ExecutionParams!) {
  launchRun(executionParams: $what) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""

EVERYTHING = """
query Everything {
  runsOrError { ... on Runs { results { runId jobName status runConfigYaml tags { key value } } } }
  assetNodes { description metadataEntries { label description } assetMaterializations { metadataEntries { label description
    ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url } ... on JsonMetadataEntry { jsonString } } } }
  instance { info daemonHealth { allDaemonStatuses { lastHeartbeatErrors { message stack } } } }
}"""

EVENTS = """
query Events($run: ID!) {
  logsForRun(runId: $run) { ... on EventConnection { events { __typename ... on MessageEvent { message }
    ... on ExecutionStepFailureEvent { error { message stack errorChain { error { message stack } } } }
    ... on RunFailureEvent { error { message stack causes { message stack } } } } } }
}"""

TICKS = """
query Ticks($where: RepositorySelector!) {
  sensorsOrError(repositorySelector: $where) { ... on Sensors { results { name
    sensorState { ticks { error { message stack } } } } } }
}"""

WHERE = {"repositoryLocationName": services.LOCATION, "repositoryName": "__repository__"}


class Mean(BaseHTTPRequestHandler):
    """A server that refuses everything and repeats all that it was sent; but for one interface it passes Tushare's calls on."""

    sandbox = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = f"refused: {self.path} {dict(self.headers)} {body.decode()}"
        if self.path.startswith("/dataapi"):
            if b"stk_limit" not in body and "stk_limit" not in self.path:
                asked = urllib.request.Request(
                    self.sandbox + self.path, body, {"Content-Type": self.headers["Content-Type"]}
                )
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    self._answer(answer.status, answer.read())
                return
            self._answer(200, json.dumps({"code": 50101, "msg": sent, "data": None}).encode())
            return
        self._answer(
            401, json.dumps({"error": {"message": sent, "code": "refused"}, "msg": sent, "message": sent}).encode()
        )

    def do_GET(self) -> None:
        self.do_POST()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def in_background(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on loopback; gives the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Installation:
    """The services of one machine, and all that comes out of them."""

    def __init__(self, ui: int, api: int, machine: services.Machine, directory: Path) -> None:
        self.ui = f"http://127.0.0.1:{ui}"
        self.api = f"http://127.0.0.1:{api}"
        self.machine = machine
        self.directory = directory
        self.said: dict[str, str] = {}
        """What was shown, by where."""

    def ask(self, query: str, **variables: Any) -> Any:
        """Ask Dagster, and keep the answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.ui}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read().decode()
        self.said[f"graphql {query.split()[1]} {len(self.said)}"] = text
        assert "errors" not in json.loads(text), text[:2000]
        return json.loads(text)["data"]

    def launch(self, job: str, config: dict[str, Any] | None = None, assets: list[str] | None = None) -> str:
        """Launch a run of a day; return its id."""
        selector = {**WHERE, "jobName": job}
        if assets:
            selector["assetSelection"] = [{"path": [name]} for name in assets]
        tags = [{"key": "dagster/partition", "value": DAY}] if assets else []
        what = {"selector": selector, "runConfigData": json.dumps(config or {}), "executionMetadata": {"tags": tags}}
        return str(self.ask(LAUNCH, what=what)["launchRun"]["run"]["runId"])

    def command(self, *words: str) -> str:
        """Run a command, and keep what it says."""
        done = subprocess.run(
            [STOCK_ASSISTANT, *words],
            cwd=self.directory,
            env=self.machine.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said[f"stock-assistant {words[0]}"] = done.stdout + done.stderr
        return done.stdout

    def call(self, path: str, body: bytes | None = None, **headers: str) -> None:
        """Ask the API, and keep the answer."""
        request = urllib.request.Request(self.api + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                told = answer.read().decode("utf-8", "replace") + str(answer.headers)
        except urllib.error.HTTPError as error:
            told = error.read().decode("utf-8", "replace") + str(error.headers)
        self.said[f"api {len(self.said)}"] = told

    def look_at_processes(self) -> None:
        """Keep the command lines of all processes."""
        for process in psutil.process_iter(["cmdline", "name"]):
            self.said.setdefault("processes", "")
            self.said["processes"] += " ".join(process.info["cmdline"] or []) + f" {process.info['name']}\n"


@contextmanager
def installation(database: Database, sandbox: Running, mean: str, directory: Path) -> Iterator[Installation]:
    """An installation whose every secret is a canary."""
    database.create()
    url = database.url.set(password=CANARIES["password"])
    settings = Settings(_env_file=None, data_dir=directory)
    ui, api, code = (services.free_port() for _ in range(3))
    environment = services.environment(settings, Database(url)) | {
        "TUSHARE_TOKEN": CANARIES["token"],
        "TUSHARE_BASE_URL": f"{mean}/dataapi",
        "TUSHARE_CALLS_PER_MINUTE": "0",
        "LLM_PROVIDER": "other",
        "LLM_MODEL": "m",
        "LLM_BASE_URL": f"{mean}/v1",
        "LLM_API_KEY": CANARIES["model"],
        "LLM_PRICES": '{"m": {"asked": "1", "cached": "1", "answered": "1"}}',
        "LLM_FALLBACKS": json.dumps(
            [{"provider": "other", "model": "m", "api_key": CANARIES["fallback"], "base_url": f"{mean}/v2"}]
        ),
        "BOCHA_API_KEY": CANARIES["news"],
        "BOCHA_BASE_URL": mean,
        "ALERT_URLS": f"feishu://{CANARIES['robot']}?base={mean}",
        "API_OPEN_ON_LOOPBACK": "false",
        "API_DRAIN_SECONDS": "0",
        "LOG_LEVEL": "debug",
    }
    logs = directory / "logs"
    known = services.workspace(Path(environment["DAGSTER_HOME"]), code)
    first = [
        services.code_location(logs, code),
        services.api(logs, api, "/api/v1"),
        services.webserver(logs, known, ui),
    ]
    machine = services.Machine(first, services.daemon(logs, known), environment)
    with machine.running():
        yield Installation(ui, api, machine, directory)


def written(canary: str) -> list[str]:
    """A canary in the ways in which it may be written."""
    ways = {canary, quote(canary), quote(canary, safe=""), json.dumps(canary)[1:-1], repr(canary)[1:-1]}
    return [*ways, base64.b64encode(canary.encode()).decode()[:-4]]


def files(directory: Path) -> Iterator[tuple[str, str]]:
    """Every file below a directory."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def test_what_is_planted_comes_out_nowhere(database: Database) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sa-canary-", dir="/tmp") as place,
        running(stocks=50, quota=False, now=NOW, token=CANARIES["token"]) as sandbox,
        in_background(Mean) as mean,
    ):
        Mean.sandbox = sandbox.root
        directory = Path(place)
        with installation(database, sandbox, mean, directory) as here:
            made = here.command("keys", "create", "canary", "--json")
            assert made, here.said
            secret = json.loads(made)["key"]
            here.said.clear()  # which shows the key, this once
            runs = [
                here.launch("__ASSET_JOB", assets=["daily"]),
                here.launch("__ASSET_JOB", assets=["stk_limit"]),
            ]
            _wait(here, runs)
            runs.append(
                here.launch(
                    "research_stocks", {"ops": {"write_reports": {"config": {"ts_codes": ["000001.SZ"], "as_of": DAY}}}}
                )
            )
            here.look_at_processes()
            states = _wait(here, runs)
            here.command("alerts", "--test")
            here.command("holes", "--from", DAY, "--to", DAY)
            path = "/api/v1/stocks/000001.SZ/daily"
            wrong = CANARIES["wrong key"]
            here.call(path, Authorization=f"Bearer {secret}")
            here.call(path, **{"X-API-Key": wrong})
            here.call(f"{path}?token={wrong}&start={quote(CANARIES['token'])}", Authorization=f"Bearer {secret}")
            here.call("/tushare", json.dumps({"api_name": "daily", "token": wrong, "params": {}}).encode())
            here.call("/api/v1/health", Authorization=f"Bearer {secret}")
            here.ask(EVERYTHING)
            here.ask(TICKS, where=WHERE)
            for run in runs:
                here.ask(EVENTS, run=run)
            for page in ("/", "/runs", "/assets"):
                with urllib.request.urlopen(here.ui + page, timeout=60) as answer:
                    here.said[f"page {page}"] = answer.read().decode()
            for url in (database.url, database.url.set(database=f"{database.url.database}_dagster")):
                here.said[f"database {url.database}"] = "\n".join(rows(conninfo(url)))
        said = {**here.said, **dict(files(directory / "logs")), **dict(files(directory / "dagster"))}
    assert states == {"SUCCESS", "FAILURE"}
    assert "refused" in "".join(said.values()), "nothing has failed as it was meant to"
    shown = [
        (where, name, text[max(0, at - 150) : at + 80])
        for where, text in said.items()
        for name, canary in {**CANARIES, "key": secret}.items()
        for way in written(canary)
        if (at := text.find(way)) >= 0
    ]
    assert shown == []
    seen = [where for where, text in said.items() if runs[1] in text]  # which would be seen, and is no secret
    for where in ("code-location.log", "graphql Everything", f"database {database.url.database}_dagster"):
        assert any(where in each for each in seen), where
    assert any("ExecutionStepFailureEvent" in text for where, text in said.items() if "graphql Events" in where)
    assert "dagster-webserver" in said["processes"]
    assert '"key":"canary"' in said[str(directory / "logs" / "api.log")]
    for line in said[str(directory / "logs" / "code-location.log")].splitlines():
        if '"run_id"' in line:
            json.loads(line)


def _wait(here: Installation, runs: list[str]) -> set[str]:
    """Wait until runs have ended; look at the processes meanwhile."""
    while True:
        told = here.ask(EVERYTHING)["runsOrError"]["results"]
        states = {run["runId"]: run["status"] for run in told}
        if all(states[run] in {"SUCCESS", "FAILURE", "CANCELED"} for run in runs):
            return {states[run] for run in runs}
        here.look_at_processes()
        here.machine.check()
        time.sleep(1)
