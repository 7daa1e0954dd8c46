"""Everything that Compose starts, as it starts it: a run is asked for in Dagster's UI, and the API serves what it landed."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from deploy.native.client import Client
from deploy.native.installation import installed
from deploy.native.machine import missing
from deploy.prepare import prepare
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.sandbox.server import running as sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVING = ("postgres", "migrate", "code", "webserver", "daemon", "api-1", "api-2", "nginx")
KEEPING = ("backup",)
WATCHING = ("exporter", "postgres-exporter", "receiver", "alertmanager", "prometheus")
SERVICES = (*SERVING, *KEEPING, *WATCHING)
"""All but Grafana, which cannot be had here."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(reason := missing(SERVICES)), reason=str(reason)),
]

PARTS = ("dagster", "landing", "research", "alerts", "postgres", "disks", "code servers", "certificates", "backups")
"""What the exporter tells of."""

SANDBOX_PORT = 9000
ROBOT = ("10.214.1.1", 9999)
"""Where the way out leads to the machine, and a channel listens."""
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
    secrets = {"tushare_token": TOKEN, "alert_urls": "json://{}:{}/".format(*ROBOT)}
    with installed(SERVICES, variables, secrets) as found:
        yield found


@pytest.fixture(scope="module")
def operator(client: Client) -> Client:
    password = (client.machine.directory / "secrets/ui_password").read_text()
    given = base64.b64encode(f"admin:{password}".encode()).decode()
    return Client(client.machine, {"Authorization": f"Basic {given}"})


class Robot(BaseHTTPRequestHandler):
    """A channel that takes whatever it is told."""

    told: list[str]

    def do_POST(self) -> None:
        self.told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def told(client: Client) -> Iterator[list[str]]:
    """What the channel is told."""
    messages: list[str] = []
    robot = type("Telling", (Robot,), {"told": messages})
    server = ThreadingHTTPServer(ROBOT, robot, bind_and_activate=False)
    server.socket = client.machine.networks.listen("outside", ROBOT[1])
    assert server.socket.getsockname() == ROBOT
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield messages
    server.shutdown()
    server.server_close()
    thread.join()


def prometheus(client: Client, path: str) -> Any:
    """Ask Prometheus, from where it is."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = client.machine.networks.connect("127.0.0.1", 9090, "prometheus")
    connection.request("GET", path)
    return json.load(connection.getresponse())["data"]


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
    roles = {f"stock_assistant_{role}" for role in ("writer", "dagster", "api", "backup", "monitor")}
    assert {"stock_assistant_dagster", "stock_assistant_api"} <= set(found) <= roles


def test_the_code_server_and_the_daemon_are_reached_from_nowhere_outside(client: Client) -> None:
    networks = client.machine.networks
    with pytest.raises(OSError, match="unreachable"):
        networks.connect(networks.addresses["code"]["inside"], 4000, timeout=2)
    with pytest.raises(OSError, match=r"unreachable|timed out"):
        networks.connect(networks.addresses["code"]["inside"], 4000, "nginx", timeout=2)


def test_prometheus_reaches_all_that_it_is_to_ask(client: Client) -> None:
    def standing() -> dict[str, str]:
        targets = prometheus(client, "/api/v1/targets")["activeTargets"]
        return {target["labels"]["instance"]: target["health"] for target in targets}

    found = until(lambda: standing() if "unknown" not in standing().values() else None)
    assert found.pop("grafana:3000") == "down"
    assert set(found.values()) == {"up"}, found
    assert {"api-1:9100", "api-2:9100", "exporter:9101", "postgres-exporter:9187"} <= set(found)


def test_the_exporter_can_read_every_part_that_is_there(client: Client) -> None:
    found = prometheus(client, "/api/v1/query?query=stock_assistant_exporter_up")["result"]
    parts = {each["metric"]["part"]: each["value"][1] for each in found}
    assert parts == dict.fromkeys(PARTS, "1")
    expiry = prometheus(client, "/api/v1/query?query=stock_assistant_certificate_expiry_timestamp_seconds")["result"]
    assert len(expiry) == 3  # of nginx, of PostgreSQL, and of the authority


def test_the_backups_are_made_and_the_last_dump_is_restored(client: Client) -> None:
    def known() -> dict[str, str]:
        found = prometheus(client, "/api/v1/query?query=stock_assistant_backup_ok")["result"]
        return {each["metric"]["kind"]: each["value"][1] for each in found}

    assert until(lambda: known() if "restore_test" in known() else None) == dict.fromkeys(
        ("wal", "dump", "base", "restore_test"), "1"
    ), client.machine.tail("backup")


def test_the_exporter_measures_the_disks_and_reads_nothing_of_what_lies_on_them(client: Client) -> None:
    found = prometheus(client, "/api/v1/query?query=stock_assistant_disk_size_bytes")["result"]
    disks = {each["metric"]["path"] for each in found if float(each["value"][1]) > 0}
    assert disks == {"/var/lib/stock-assistant", "/var/lib/postgresql", "/var/lib/backups"}
    for closed in ("/var/lib/postgresql/data", "/var/lib/backups/wal", "/var/lib/backups/incoming"):
        assert client.machine.run("backup" if "backups" in closed else "postgres", "ls", closed).returncode == 0
        assert "Permission denied" in client.machine.run("exporter", "ls", closed).stderr


def test_certificates_that_were_renewed_are_shown_when_their_services_are_made_anew(client: Client) -> None:
    machine, before = client.machine, shown(client)
    for name in before:  # as if they were about to end
        (machine.directory / f"secrets/{name}_certificate").unlink()
    prepare(machine.directory, [client.address])
    assert shown(client) == before
    for name in before:
        machine.restart(name)
    after = shown(client)
    assert {name for name in before if after[name] != before[name]} == {"postgres", "nginx"}
    until(lambda: Client(machine, client.headers).ask("/api/v1/datasets").status == 200)


def shown(client: Client) -> dict[str, str]:
    """The certificates that PostgreSQL and nginx show."""
    asked = {"postgres": ["127.0.0.1:5432", "-starttls", "postgres"], "nginx": ["127.0.0.1:8443"]}
    told = {name: client.machine.run(name, "openssl", "s_client", "-connect", *words) for name, words in asked.items()}
    return {
        name: each.stdout.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0] for name, each in told.items()
    }


def test_an_alert_that_fires_arrives_at_the_operators_channel(client: Client, told: list[str]) -> None:
    for name in ("api-1", "api-2"):  # the last test of this file: nobody starts them again
        client.machine.stop(name)
    until(lambda: [message for message in told if "ApiDown" in message])
