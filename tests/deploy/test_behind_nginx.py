"""The API as Compose starts it, and as others reach it: two replicas behind nginx, with TLS, keys and a PostgreSQL with TLS."""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from deploy.native.client import HTTP, Answer, Client
from deploy.native.installation import READING, installed
from deploy.native.machine import missing
from deploy.native.sample import STOCK
from drill.load import Load, in_turn, kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.native.machine import Machine

pytestmark = pytest.mark.skipif(bool(reason := missing(READING)), reason=str(reason))

LEFT_ALONE = 2.5
"""Seconds for which nginx does not ask a replica that was away, and some more."""

BARS = f"/api/v1/stocks/{STOCK}/daily"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with installed(READING, {"HSTS": "max-age=60", "HTTPS_PORT": "8443"}) as found:
        yield found


@pytest.fixture(scope="module")
def machine(client: Client) -> Machine:
    return client.machine


def question(client: Client) -> dict[str, object]:
    return {"api_name": "daily", "token": client.headers["X-API-Key"], "params": {"ts_code": STOCK}, "fields": "close"}


def told(machine: Machine, request: str, *services: str) -> dict[str, object]:
    """The line of a request in the logs of services, which write it when the answer has gone."""
    deadline = time.monotonic() + 20
    while True:
        logs = "\n".join(machine.started[name].log.read_text() for name in services)
        found = [line for line in logs.splitlines() if f'"request_id":"{request}"' in line and line.endswith("}")]
        if found or time.monotonic() > deadline:
            (line,) = found
            answer: dict[str, object] = json.loads(line)
            return answer
        time.sleep(0.05)


def test_rows_come_as_json(client: Client) -> None:
    answer = client.ask(BARS)
    assert (answer.status, len(answer.json()["items"])) == (200, 3)


def test_rows_come_as_csv(client: Client) -> None:
    answer = client.ask(BARS, Accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.body.startswith(b"ts_code,trade_date,")


def test_rows_come_in_tushares_protocol(client: Client) -> None:
    answer = Client(client.machine).ask("/tushare", question(client))
    assert (answer.status, answer.json()["code"], len(answer.json()["data"]["items"])) == (200, 0, 3)


def test_a_person_sees_a_page_with_his_key_and_is_led_to_the_login_without(client: Client) -> None:
    assert b"<!doctype html>" in client.ask("/", Accept="text/html").body.lower()
    led = Client(client.machine).ask("/", Accept="text/html")
    assert (led.status, led.headers["location"]) == (303, "/login")


def test_browsers_are_told_to_come_by_https_where_the_operator_says_so(client: Client) -> None:
    assert client.ask(BARS).headers["strict-transport-security"] == "max-age=60"


def test_without_a_key_nobody_is_answered_whatever_he_says_of_himself(client: Client) -> None:
    stranger = Client(client.machine)
    assert stranger.ask(BARS).status == 401
    said = {"X_Forwarded_For": "127.0.0.1", "X_Real_IP": "127.0.0.1", "Forwarded": "for=127.0.0.1", "Host": "localhost"}
    assert stranger.ask(BARS, **said).status == 401


def test_http_is_led_to_https_by_the_same_way(client: Client) -> None:
    answer = client.ask(f"{BARS}?start=20240102", port=HTTP)
    assert (answer.status, answer.headers["location"]) == (308, f"https://localhost:8443{BARS}?start=20240102")


def test_the_certificate_is_good_for_our_names_only(client: Client) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        client.connect(name="elsewhere.example")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_before_1_2_is_refused(client: Client) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    plain = client.machine.networks.connect(client.address, 8443)
    with plain, pytest.raises((ssl.SSLError, ConnectionResetError)):
        old.wrap_socket(plain)


def test_the_api_knows_who_asks(client: Client, machine: Machine) -> None:
    answer = client.ask(BARS, X_Request_ID="asked-by-a-test", X_Forwarded_For="203.0.113.9")
    assert answer.headers["x-request-id"] == "asked-by-a-test"
    assert told(machine, "asked-by-a-test", "api-1", "api-2")["address"] == machine.networks.gateway("public")
    assert told(machine, "asked-by-a-test", "nginx")["status"] == 200


def test_no_log_of_nginx_holds_what_stands_in_a_query_or_a_header(client: Client, machine: Machine) -> None:
    client.ask(f"{BARS}?token=planted-in-the-query", Authorization="Bearer planted-in-a-header")
    client.ask("/api/v1/nothing", X_Request_ID="planted in an id")
    client.ask("/api/v1/nothing", X_Request_ID="-planted-and-not-taken-over")
    client.ask(BARS, X_Request_ID="the-one-after-these")
    assert told(machine, "the-one-after-these", "nginx")["path"] == BARS
    log = machine.started["nginx"].log.read_text()
    assert "planted" not in log
    assert client.headers["X-API-Key"] not in log


def test_what_is_too_large_is_refused_in_the_form_of_a_problem(client: Client) -> None:
    answer = client.ask("/tushare", {"api_name": "x" * 70_000})
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["status"] == 413


def test_who_is_not_on_the_operators_list_is_refused(client: Client, machine: Machine) -> None:
    rules = machine.directory / "deploy/nginx/local/test.conf"
    rules.write_text("deny all;\n")
    try:
        assert machine.run("nginx", "nginx", "-c", "/etc/nginx/nginx.conf", "-s", "reload").returncode == 0
        answer = _until(lambda: Client(machine, client.headers).ask(BARS), 403)
        assert answer.json()["title"] == "Forbidden"
    finally:
        rules.unlink()
        machine.run("nginx", "nginx", "-c", "/etc/nginx/nginx.conf", "-s", "reload")
    _until(lambda: Client(machine, client.headers).ask(BARS), 200)


def _until(ask: Callable[[], Answer], status: int) -> Answer:
    deadline = time.monotonic() + 20
    while (answer := ask()).status != status:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


def test_from_outside_nothing_is_reached_but_nginx(client: Client, machine: Machine) -> None:
    addresses = machine.networks.addresses
    for service, port in (("postgres", 5432), ("api-1", 8000), ("api-1", 9100), ("api-2", 8000)):
        for address in addresses[service].values():
            with pytest.raises(OSError, match="unreachable"):
                machine.networks.connect(address, port, timeout=2)


def test_who_is_in_nginx_reaches_no_database_and_no_metrics(machine: Machine) -> None:
    networks = machine.networks
    with networks.connect(networks.addresses["api-1"]["edge"], 8000, "nginx"):
        pass
    for service in ("postgres", "api-1"):
        with pytest.raises(OSError, match=r"timed out|unreachable"):
            networks.connect(networks.addresses[service]["inside"], 9100, "nginx", timeout=0.5)


def test_the_api_speaks_tls_to_the_database_and_nobody_gets_in_without(machine: Machine) -> None:
    asked = "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null"
    assert machine.run("postgres", "psql", "-At", "-U", "postgres", "-c", asked).stdout.strip() == "t"
    plain = machine.run("postgres", "psql", "host=127.0.0.1 user=postgres sslmode=disable", "-c", "select 1")
    assert "no encryption" in plain.stderr


def test_services_have_no_right_and_no_file_to_write_to(machine: Machine) -> None:
    for name in ("postgres", "api-1", "nginx"):
        status = machine.run(name, "cat", f"/proc/{machine.started[name].process.pid}/status").stdout
        said = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert said["Uid"].split()[0] != "0"
        assert {said[kind] for kind in ("CapPrm", "CapEff", "CapBnd", "CapInh")} == {"0" * 16}
        assert said["NoNewPrivs"] == "1"
        assert machine.run(name, "touch", "/etc/planted").returncode != 0


def test_replicas_are_started_again_one_after_the_other_and_no_request_fails(client: Client, machine: Machine) -> None:
    paths = [BARS, f"{BARS}?format=csv", "/tushare"]
    ways = [kept(Client(machine, client.headers), {"/tushare": question(client)}) for _ in range(2)]
    with Load(in_turn(paths), ways, pause=0.05) as load:
        for name in ("api-1", "api-2"):
            before = load.answered
            assert machine.restart(name) == 0
            assert load.answered > before
            time.sleep(LEFT_ALONE)
    assert load.failures == []


def test_where_nobody_answers_it_is_said_as_a_problem(client: Client, machine: Machine) -> None:
    for name in ("api-1", "api-2"):  # the last test of this file: nobody starts them again
        machine.stop(name)
    answer = Client(machine, client.headers).ask(BARS)
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.headers["retry-after"] == "5"
