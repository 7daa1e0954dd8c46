"""Input that means harm: SQL in every text, paths that lead elsewhere, sizes that nobody can mean. It finds nothing."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from research_reports import PUBLISHED
from small_market import application, served

from api.gate import LARGEST_BODY
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.protocol.query import CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

INJECTED = (
    "600519.SH' or '1'='1",
    "600519.SH') or ('1'='1",
    "600519.SH'; drop table daily; --",
    "' union select null, version() --",
    "'||(select pg_sleep(30))||'",
    '"; select 1; --',
    "600519.SH\\' or 1=1 --",
    "\\",
    "'",
    "%",
    "_",
    "$1",
    ":limit",
    "%(limit)s",
    "E'\\x27'",
    "{0}",
)
"""Texts that would find rows, wait, or break the query, were they ever part of it."""

MISTAKE = "服务器出错"
REFUSED = {400, 404, 406, 414, 422}


@pytest.fixture(scope="module")
def reported(research: str) -> Iterator[httpx2.Client]:
    """A client of the API over the small market and its reports."""
    with served(application(research)) as client:
        yield client


# --- SQL


def texts(document: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Every text that a route takes: the path, where it stands, its name, and whether any text may be asked for."""
    for path, operations in document["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            schemas = [parameter["schema"], *parameter["schema"].get("anyOf", [])]
            if found := [schema for schema in schemas if schema.get("type") == "string"]:
                free = not {"pattern", "enum", "const"} & {key for schema in found for key in schema}
                yield path, parameter["in"], parameter["name"], free


def filled(path: str, **chosen: str) -> str:
    known = {"dataset": "daily", "ts_code": "600519.SH", "statement": "income", "report_id": PUBLISHED, **chosen}
    for name, value in known.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    return path


def asked(reported: httpx2.Client, path: str, place: str, name: str, value: str) -> httpx2.Response:
    """Ask a route with one text, and with what it requires beside it."""
    if place == "path":
        return reported.get(filled(path, **{name: value}))
    needed = {"/api/v1/daily": {"trade_date": "20240103"}, "/api/v1/statements/{statement}": {"period": "20231231"}}
    return reported.get(filled(path), params={**needed.get(path, {}), name: value})


def test_no_text_is_ever_part_of_a_query(reported: httpx2.Client) -> None:
    found = list(texts(reported.get("/api/v1/openapi.json").json()))
    assert {("/api/v1/stocks", "query", "q", True), ("/api/v1/datasets/daily/rows", "query", "ts_code", True)} <= {
        *found
    }
    before = reported.get("/api/v1/datasets/daily/rows").json()["items"]
    for path, place, name, free in found:
        for value in INJECTED if free else INJECTED[:1]:
            response = asked(reported, path, place, name, value)
            what = f"{path} {name}={value}: {response.status_code} {response.text[:300]}"
            assert response.status_code in {200, *REFUSED}, what
            if response.status_code == 200:
                assert response.json()["items"] == [], what
    assert reported.get("/api/v1/datasets/daily/rows").json()["items"] == before


@pytest.mark.parametrize("api", ["daily", "stock_basic", "income"])
def test_nor_is_one_of_tushares_protocol(reported: httpx2.Client, api: str) -> None:
    def told(params: dict[str, str], **words: str) -> dict[str, Any]:
        response = reported.post("/tushare", json={"api_name": api, "params": params, "fields": CODE, **words})
        assert response.status_code == 200
        envelope: dict[str, Any] = response.json()
        assert MISTAKE not in envelope["msg"], (params, words)
        return envelope

    all_of_them = told({})["data"]
    for name in (*CATALOG[api].key, "name", "start_date", "limit", "offset"):
        for value in INJECTED:
            envelope = told({name: value})
            nothing = envelope["code"] != 0 or envelope["data"]["items"] == []
            ignored = name != CODE and envelope["data"] == all_of_them
            assert nothing or ignored, (name, value, envelope)
    for value in INJECTED:
        told({}, fields=value)
        told({}, api_name=value)
        told({}, token=value)


@pytest.mark.parametrize("value", INJECTED)
def test_nor_is_one_of_a_page(reported: httpx2.Client, value: str) -> None:
    found = reported.get("/stocks", params={"q": value})
    assert found.status_code == 200
    assert "600519.SH</a>" not in found.text
    assert reported.get(f"/stocks/{quote(value, safe='')}").status_code in REFUSED
    assert reported.get(f"/datasets/{quote(value, safe='')}").status_code in REFUSED


def test_a_page_repeats_no_markup_that_was_sent(reported: httpx2.Client) -> None:
    for path in ("/stocks", "/stocks/{}", "/datasets/{}", "/pages/{}"):
        sent = "\"><script>alert('x')</script>"
        response = reported.get(path.format(quote(sent, safe="")), params={} if "{}" in path else {"q": sent})
        assert "<script>alert" not in response.text or "json" in response.headers["content-type"]


# --- paths


PATHS = (
    "/api/v1/../v1/datasets",
    "/api/v1/health/live/../../datasets",
    "/api/v1/health/live/%2e%2e/%2e%2e/datasets",
    "/api/v1/health/live%2f..%2f..%2fdatasets",
    "/api/v1/health/live;/datasets",
    "/api/v1/health/live%00",
    "/api/v1/health/live/",
    "//api/v1/datasets",
    "/api/v1//datasets",
    "/api/v1/./datasets",
    "/api/v1/datasets/",
    "/API/v1/datasets",
    "/api/v1/datasets/%00",
    "/api/v1/datasets/daily%00/rows",
    "/api/v1/datasets/..%2f..%2fetc%2fpasswd",
    "/api/v1/stocks/..%2f..",
    "/api/v1/stocks/%c0%ae%c0%ae",
    "/api/v1/stocks/%ff%fe",
    "/api/v1/stocks/%",
    "/api/v1/stocks/%u0041",
    "/api/v1/stocks/600519.SH%0d%0aX-Injected: yes",
    "/pages/../api/pages/routes.py",
    "/pages/%2e%2e/routes.py",
    "/pages/..%2froutes.py",
    "/pages/..%5croutes.py",
    "/pages//etc/passwd",
    "/pages/%2fetc%2fpasswd",
    "/pages/style.css%00.html",
    "/static/../../etc/passwd",
    "/static-offline-docs/..%2f..%2f..%2f__init__.py",
    "/static-offline-docs/%2e%2e/%2e%2e/__init__.py",
    "/tushare/../api/v1/datasets",
)
"""Paths that would lead elsewhere, if anybody put them in order."""


def fetched(client: httpx2.Client, sent: bytes) -> tuple[int, bytes, bytes]:
    """Send a request as it stands: clients put paths in order before they ask. Returns status, head and body."""
    with closing(socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=20)) as raw:
        raw.sendall(sent)
        parts = []
        while part := raw.recv(65_536):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


def get(client: httpx2.Client, path: str, headers: bytes = b"") -> tuple[int, bytes, bytes]:
    return fetched(
        client, b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n" % (path.encode(), headers)
    )


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_elsewhere(client: httpx2.Client, path: str) -> None:
    status, head, body = get(client, path)
    assert status in REFUSED | {405}, body
    assert b"x-injected" not in head.lower()
    assert b"import" not in body
    assert b"root:" not in body


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_past_the_gate(closed: httpx2.Client, path: str) -> None:
    status, _, _ = get(closed, path)
    assert status in {400, 401}


@pytest.fixture(scope="module")
def closed(market: str) -> Iterator[httpx2.Client]:
    """A client of the API that asks for a key, which the client has not."""
    with served(application(market, api_open_on_loopback=False)) as client:
        yield client


@pytest.mark.parametrize(
    "target", ["http://elsewhere/api/v1/datasets", "//elsewhere/api/v1/datasets", "*", "elsewhere:443"]
)
def test_a_target_that_is_no_path_is_not_answered_with_data(closed: httpx2.Client, target: str) -> None:
    status, _, _ = get(closed, target)
    assert status in {400, 401}


# --- sizes


@pytest.mark.parametrize(
    "query",
    [
        "datasets/daily/rows?limit=1000000&start=19901219",
        "datasets/daily/rows?limit=1000000&order=desc",
        "datasets/daily/coverage?start=19901219&limit=1000",
        "datasets/daily/holes?start=19901219",
        "stocks/600519.SH/daily?start=19901219&adjust=qfq",
        "market?start=19901219",
        "calendar?start=19901219",
        "stocks?limit=10000&offset=1000000",
    ],
)
def test_the_widest_ranges_are_answered(client: httpx2.Client, query: str) -> None:
    assert client.get(f"/api/v1/{query}").status_code == 200


@pytest.mark.parametrize("number", ["1" + "0" * 30, "9" * 5000, "-1", "1e9", "0x10", "NaN", "inf", "²", "1.5", ""])
def test_numbers_that_cannot_be_are_refused(client: httpx2.Client, number: str) -> None:
    for query in ("stocks?limit=", "stocks?offset=", "datasets/daily/rows?limit=", "datasets/daily/coverage?keys="):
        response = client.get(f"/api/v1/{query}{quote(number)}")
        assert response.status_code == 422, (query, response.text)
    assert client.get("/", params={"year": number}).status_code == 422


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 10**30},
        {"offset": 10**30},
        {"limit": -1},
        {"offset": -(10**18)},
        {"limit": 1e308},
        {"limit": "9" * 1000},
        {"start_date": "00000000", "end_date": "99999999"},
        {"ts_code": ",".join(f"{code:06}.SZ" for code in range(5000))},
        {"ts_code": "600519.SH" * 5000},
        {"ts_code": ["600519.SH"] * 1000},
        {"ts_code": {"$ne": ""}},
        {"trade_date": "\0"},
        {"trade_date": True},
        {f"p{at}": at for at in range(3000)},
    ],
)
def test_calls_of_any_size_are_answered_in_the_envelope(client: httpx2.Client, params: dict[str, Any]) -> None:
    response = client.post("/tushare", json={"api_name": "daily", "params": params})
    assert response.status_code == 200
    assert MISTAKE not in response.json()["msg"], response.json()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"params":' * 6_000,
        b'{"api_name":"daily","params":{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}}",
        b'{"api_name":"\\ud800"}',
        b'{"api_name":"daily","params":{"limit":' + b"9" * 50_000 + b"}}",
        b'{"api_name":"daily","params":{"limit":1e999}}',
        b"\xff\xfe\x00",
        b"",
        b"null",
        b"0" * LARGEST_BODY,
    ],
)
def test_a_body_that_is_no_call_is_refused_in_the_envelope(client: httpx2.Client, body: bytes) -> None:
    response = client.post("/tushare", content=body)
    assert response.status_code == 200
    assert response.json()["code"] != 0
    assert MISTAKE not in response.json()["msg"]


@pytest.mark.parametrize("name", ["", "%0A", "a%0Ab%0A", "%00", "a%2Fb", "%C2%85"])
def test_an_interface_of_any_name_is_refused_in_the_envelope(client: httpx2.Client, name: str) -> None:
    response = client.post(f"/tushare/{name}", json={})
    assert response.status_code == 200
    assert (response.json()["code"] != 0, MISTAKE in response.json()["msg"]) == (True, False)


@pytest.mark.parametrize("size", [str(LARGEST_BODY + 1), "9" * 18])
@pytest.mark.parametrize("path", ["/api/v1/datasets", "/"])
def test_a_huge_body_is_refused_before_it_comes(client: httpx2.Client, path: str, size: str) -> None:
    status, _, body = get(client, path, b"Content-Length: %b\r\n" % size.encode())
    assert (status, json.loads(body)["type"]) == (413, "/problems/body-too-large")


@pytest.mark.parametrize("size", ["9" * 5000, "-1", "1e3", "+5", "0x10"])
def test_a_size_that_is_none_is_not_http(client: httpx2.Client, size: str) -> None:
    status, _, _ = get(client, "/api/v1/datasets", b"Content-Length: %b\r\n" % size.encode())
    assert status == 400


# --- headers


@pytest.mark.parametrize(
    "headers",
    [
        b"Accept: " + b",".join(b"a/b%d;q=0.%d" % (at, at) for at in range(1500)) + b",*/*;q=0.1\r\n",
        b"Accept: " + b"," * 20_000 + b"*/*\r\n",
        b"Accept: */*;q=1e999;q=nan\r\nAccept: ;;;=,\r\n",
        b"Accept: */*\r\n" * 1_500,
        b"Accept-Encoding: " + b"gzip;q=" * 3_000 + b"\r\n",
        b"Accept-Language: " + b"zh;q=0.1," * 3_000 + b"\r\n",
        b"If-None-Match: " + b'"a",' * 5_000 + b"\r\n",
        b"X-Request-ID: " + b"a" * 20_000 + b"\r\n",
        b"X-Request-ID: a\xff\xfe\x01\r\n".replace(b"\x01", b""),
        b"X-Forwarded: \r\n".replace(b"X-Forwarded", b"X-Nothing"),
        b"Cookie: lang=" + b"z" * 20_000 + b"; lang=\xff\r\n",
        b"Range: bytes=0-0," + b"1-1," * 3_000 + b"\r\n",
        b"X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /api/v1/health\r\nX-Rewrite-URL: /docs\r\n",
    ],
)
def test_headers_of_any_form_change_no_answer(client: httpx2.Client, headers: bytes) -> None:
    for path in ("/api/v1/calendar", "/"):
        status, _, body = get(client, path, headers)
        assert status in {200, 406}, body[:500]


def test_a_thousand_requests_at_once_are_answered_in_turn(client: httpx2.Client) -> None:
    one = b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    _, _, rest = fetched(client, one * 999 + last)
    assert rest.count(b"HTTP/1.1 200") == 999
