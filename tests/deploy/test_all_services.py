"""Everything that Compose starts, as it starts it: a run is asked for in Dagster's UI, and the API serves what it landed."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import pytest

from deploy.native.client import Client
from deploy.native.installation import installed
from deploy.native.machine import missing
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.sandbox.server import running as sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICES = ("postgres", "migrate", "code", "webserver", "daemon", "api-1", "api-2", "nginx")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(reason := missing(SERVICES)), reason=str(reason)),
]

SANDBOX_PORT = 9000
LAUNCH = """
mutation ($selection: [AssetKeyInput!]!) {
  launchPipelineExecution(executionParams: {mode: "default", selector: {
    repositoryLocationName: "grpc:code:4000", repositoryName: "__repository__", pipelineName: "__ASSET_JOB",
    assetSelection: $selection}}) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""
RUN = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    variables = {"TUSHARE_BASE_URL": f"http://127.0.0.1:{SANDBOX_PORT}/dataapi", "TUSHARE_POINTS": "5000"}
    with installed(SERVICES, variables, {"tushare_token": TOKEN}) as found:
        yield found


@pytest.fixture(scope="module")
def operator(client: Client) -> Client:
    password = (client.machine.directory / "secrets/ui_password").read_text()
    given = base64.b64encode(f"admin:{password}".encode()).decode()
    return Client(client.machine, {"Authorization": f"Basic {given}"})


def asked(operator: Client, query: str, **variables: Any) -> Any:
    answer = operator.ask("/dagster/graphql", {"query": query, "variables": variables})
    assert answer.status == 200, answer.body
    return answer.json()["data"]


def until(ready: Callable[[], Any], seconds: float = 300) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


@pytest.mark.parametrize("way", ["/dagster/", "/dagster/server_info", "/dagster/graphql"])
def test_dagster_answers_nobody_without_a_password(client: Client, way: str) -> None:
    answer = Client(client.machine, client.headers).ask(way)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="Dagster"')


def test_dagster_answers_nobody_with_another_password(client: Client) -> None:
    wrong = base64.b64encode(b"admin:admin").decode()
    assert Client(client.machine).ask("/dagster/", Authorization=f"Basic {wrong}").status == 401


def test_dagsters_pages_come_under_their_path(operator: Client) -> None:
    assert operator.ask("/dagster").headers["location"] == "/dagster/"
    page = operator.ask("/dagster/runs")
    assert page.status == 200
    assert b"/dagster/" in page.body


def test_a_run_is_told_over_a_websocket(operator: Client) -> None:
    lines = [
        "GET /dagster/graphql HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: graphql-ws",
        f"Authorization: {operator.headers['Authorization']}",
    ]
    with operator.connect() as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 101 ")


def test_a_run_that_is_asked_for_in_the_ui_lands_rows_that_the_api_serves(client: Client, operator: Client) -> None:
    networks = client.machine.networks
    with networks.within(networks.namespaces["code"]), sandbox(process=True, port=SANDBOX_PORT, stocks=60, quota=False):
        launched = asked(operator, LAUNCH, selection=[{"path": ["index_basic"]}])["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run = launched["run"]["runId"]
        ended = {"SUCCESS", "FAILURE", "CANCELED"}
        status = until(lambda: {asked(operator, RUN, run=run)["runOrError"]["status"]} & ended)
    assert status == {"SUCCESS"}, client.machine.tail("code")
    assert client.ask("/api/v1/datasets/index_basic/rows?limit=3").json()["meta"]["rows"] == 3


def test_no_role_but_its_own_is_used(client: Client) -> None:
    asked = "select distinct usename from pg_stat_activity where client_addr is not null and backend_type = 'client backend'"
    found = client.machine.run("postgres", "psql", "-At", "-U", "postgres", "-c", asked).stdout.split()
    assert set(found) <= {f"stock_assistant_{role}" for role in ("writer", "dagster", "api", "monitor")}


def test_the_code_server_and_the_daemon_are_reached_from_nowhere_outside(client: Client) -> None:
    networks = client.machine.networks
    with pytest.raises(OSError, match="unreachable"):
        networks.connect(networks.addresses["code"]["inside"], 4000, timeout=2)
    with pytest.raises(OSError, match=r"unreachable|timed out"):
        networks.connect(networks.addresses["code"]["inside"], 4000, "nginx", timeout=2)
