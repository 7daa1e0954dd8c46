"""What an answer and a log line bear, and what is not let as far as a route."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from logged import logging_to
from small_market import application, served
from sqlalchemy import text

from api.gate import LARGEST_BODY, LONGEST_URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

LIVE = "/api/v1/health/live"
PATHS = [
    LIVE,
    "/docs",
    "/redoc",
    "/api/v1/datasets",
    "/api/v1/nothing",
    "/api/v1/openapi.json",
    "/static-offline-docs/swagger-ui.css",
]


class Log:
    """The log as it is written: one line of JSON after the other."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def requests(self) -> list[dict[str, Any]]:
        told = [json.loads(line) for line in self.lines]
        return [one for one in told if one["logger"] == "api.access"]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    with logging_to(log.stream):
        yield log


# --- ids


def test_every_answer_has_an_id_of_its_own(client: httpx2.Client) -> None:
    ids = {client.get(path).headers["X-Request-ID"] for path in PATHS}
    assert len(ids) == len(PATHS)


@pytest.mark.parametrize("sent", ["0a1b2c3d", "b3c1-77.x_Y" * 5, "550e8400-e29b-41d4-a716-446655440000"])
def test_an_id_that_is_one_is_taken_over(client: httpx2.Client, sent: str) -> None:
    response = client.get("/api/v1/nothing", headers={"X-Request-ID": sent})
    assert response.headers["X-Request-ID"] == response.json()["request_id"] == sent


@pytest.mark.parametrize("sent", ["short", "x" * 65, "with blank 123", "-leading-dash", 'quo"te-12345', "a" * 8 + "\t"])
def test_another_is_not(client: httpx2.Client, sent: str) -> None:
    assert client.get(LIVE, headers={"X-Request-ID": sent.strip()}).headers[
        "X-Request-ID"
    ] != sent.strip() or sent.endswith("\t")


# --- headers


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_keeps_browsers_out_of_trouble(client: httpx2.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert ("script-src" in policy) == (path in {"/docs", "/redoc"})
    assert "http" not in policy
    assert "server" not in headers


def test_a_page_may_bring_a_policy_of_its_own(market: str) -> None:
    app = application(market)

    @app.get("/page")
    async def page() -> Any:
        from starlette.responses import HTMLResponse

        return HTMLResponse("", headers={"Content-Security-Policy": "default-src 'self'"})

    with served(app) as client:
        assert client.get("/page").headers.get_list("Content-Security-Policy") == ["default-src 'self'"]


def test_a_mistake_of_ours_has_them_too_and_is_found_in_the_log(
    market: str, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr("api.standing.of_snapshot", fail)
    with served(application(market)) as client:
        response = client.get("/api/v1/calendar")
    assert (response.status_code, response.headers["X-Content-Type-Options"]) == (500, "nosniff")
    told = [json.loads(line) for line in log.lines if response.json()["request_id"] in line]
    assert any("RuntimeError: a mistake" in one.get("traceback", "") for one in told)
    assert any(one.get("status") == 500 for one in told)


def test_who_is_counted_is_told(market: str) -> None:
    with served(application(market, api_calls_per_minute=60)) as client:
        first, second = client.get("/api/v1/datasets"), client.head("/api/v1/nothing")
    assert first.headers["RateLimit-Policy"] == '"address";q=60;w=60'
    assert first.headers["RateLimit"].startswith('"address";r=59;t=1')
    assert second.headers["RateLimit"].startswith('"address";r=58')


def test_other_origins_that_are_let_in_learn_why_they_are_refused(market: str) -> None:
    app = application(market, backend_cors_origins=["https://a.example"], api_open_on_loopback=False)
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    with served(app) as client:
        assert client.options("/api/v1/datasets", headers=asked).status_code == 200  # it cannot bear a key
        refused = client.get("/api/v1/datasets", headers={"Origin": "https://a.example"})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "RateLimit" in refused.headers["Access-Control-Expose-Headers"]


# --- what is not let in


def test_addresses_that_are_not_listed_are_refused(market: str) -> None:
    app = application(market, api_allowed_addresses="10.0.0.0/8", api_trusted_proxies="127.0.0.1")
    with served(app) as client:
        refused = client.get(LIVE, headers={"X-Forwarded-For": "203.0.113.9"})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/address-not-allowed")
        assert client.get(LIVE, headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Server": "proxy"},
        {"Via": "1.1 proxy"},
        {"Forwarded": ""},
        {"Host": "api.example"},
    ],
)
def test_a_proxy_on_this_machine_does_not_open_it_to_the_world(client: httpx2.Client, headers: dict[str, str]) -> None:
    assert client.get("/api/v1/datasets").status_code == 200
    assert client.get("/api/v1/datasets", headers=headers).status_code == 401


def test_an_address_that_anybody_may_invent_opens_nothing(market: str) -> None:
    with served(application(market, api_allowed_addresses="10.0.0.0/8")) as client:
        assert client.get(LIVE, headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 403


def test_long_urls_and_large_bodies_are_refused(client: httpx2.Client) -> None:
    for path in ("/" + "a" * LONGEST_URL, "/api/v1/stocks?q=" + "a" * LONGEST_URL):
        response = client.get(path)
        assert (response.status_code, response.json()["type"]) == (414, "/problems/url-too-long")
    response = client.post("/api/v1/stocks", content=b"x" * (LARGEST_BODY + 1))
    assert (response.status_code, response.json()["type"]) == (413, "/problems/body-too-large")
    response = client.post("/api/v1/stocks", content=iter([b"x"]))
    assert (response.status_code, response.json()["type"]) == (400, "/problems/bad-request")
    assert client.post("/api/v1/stocks", content=b"x" * LARGEST_BODY).status_code == 405


# --- the log


def test_a_line_tells_a_request_and_nothing_that_was_sent(market: str, log: Log) -> None:
    secret = "hush-0a1b2c3d"
    headers = {
        "Authorization": f"Bearer {secret}",
        "X-API-Key": secret,
        "Cookie": secret,
        "User-Agent": secret,
        "X-Request-ID": "watched-1",
    }
    with served(application(market)) as client:
        client.get(f"/api/v1/stocks/600519.SH/daily?token={secret}", headers=headers)
        answered = client.get("/api/v1/stocks/600519.SH/daily", params={"start": "20240102"})
        client.get(f"/{secret}")
        client.head("/api/v1/stocks/600519.SH")
    assert secret not in "".join(log.lines)
    refused, good, unknown, head = log.requests
    assert (refused["status"], refused["request_id"], refused["key"]) == (401, "watched-1", None)
    assert {name: good[name] for name in ("method", "route", "status", "bytes", "key", "address", "level")} == {
        "method": "GET",
        "route": "/api/v1/stocks/{ts_code}/daily",
        "status": 200,
        "bytes": len(answered.content),
        "key": None,
        "address": "127.0.0.1",
        "level": "info",
    }
    assert good["ms"] > 0
    assert good["request_id"] == answered.headers["X-Request-ID"]
    assert (unknown["status"], unknown["route"]) == (404, None)
    assert (head["method"], head["route"]) == ("HEAD", "/api/v1/stocks/{ts_code}")


def test_a_line_tells_a_page_and_not_the_routes_that_it_asks(market: str, log: Log) -> None:
    with served(application(market)) as client:
        for path in ("/stocks", "/stocks?q=600519", "/stocks/999999.SH"):
            client.get(path)
    assert [line["route"] for line in log.requests] == ["/stocks", "/stocks", "/stocks/{ts_code}"]


def test_a_line_names_the_key(database: str, log: Log) -> None:
    from small_market import connected

    from stock_assistant_pipelines.warehouse import keys

    with connected(database) as engine:
        key = keys.create(engine, "research")
        with served(application(database, api_open_on_loopback=False)) as client:
            client.get("/api/v1/datasets", headers={"X-API-Key": key})
        with engine.begin() as connection:
            connection.execute(text("delete from api_key"))
    assert log.requests[0]["key"] == "research"
    assert key not in "".join(log.lines)
