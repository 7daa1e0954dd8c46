"""A person logs in with a browser: the key in a cookie, what that opens and what it does not, and where it leads."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import chromium
import pytest
from small_market import application, connected, served
from sqlalchemy import text

from api import keys as module
from api.session import COOKIE, LONGEST, within
from stock_assistant_pipelines.warehouse import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def key(market: str) -> Iterator[str]:
    """A key of the small market."""
    with connected(market) as engine:
        yield keys.create(engine, "person")
        with engine.begin() as connection:
            connection.execute(text("delete from api_key"))


@pytest.fixture(scope="module")
def running(market: str, key: str) -> Iterator[httpx2.Client]:
    """The API, closed to everybody without a key."""
    with served(application(market, api_open_on_loopback=False)) as client:
        yield client


@pytest.fixture
def client(running: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> httpx2.Client:
    """A client of it with no cookie yet, for which keys are looked up again at once."""
    monkeypatch.setattr(module, "AGAIN", 0.0)
    running.cookies.clear()
    return running


def log_in(client: httpx2.Client, given: str, way: str = "", **headers: str) -> httpx2.Response:
    return client.post("/login" + (f"?next={way}" if way else ""), data={"key": given}, headers={**OWN, **headers})


def cookie(key: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={key}"}


# --- the way in


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/", "/login"),
        ("/stocks/600519.SH?range=all&lang=zh", "/login?next=/stocks/600519.SH%3Frange%3Dall%26lang%3Dzh"),
        ("/stocks/%E8%8C%85?q=%2F", "/login?next=/stocks/%25E8%258C%2585%3Fq%3D%252F"),
        ("/docs", "/login?next=/docs"),
        ("//evil.example/", "/login"),
        ("/stocks?q=" + "a" * LONGEST, "/login"),
    ],
)
def test_a_person_without_a_key_is_led_to_the_form_and_back(
    client: httpx2.Client, key: str, path: str, way: str
) -> None:
    host = str(client.base_url).rstrip("/")
    asked = client.get(host + path, headers=PERSON)
    assert (asked.status_code, asked.headers["Location"]) == (303, way)
    assert asked.headers["Cache-Control"] == "no-store"
    form = client.get(way, headers=PERSON)
    action = re.search(r'<form class="login" action="([^"]*)" method="post">', form.text)
    assert action
    assert action[1] == way
    answer = client.post(action[1], data={"key": key}, headers=OWN)
    back = path if "next" in way else "/"
    assert (answer.status_code, answer.headers["Location"]) == (303, back)
    assert "Location" not in client.get(host + back, headers=PERSON).headers


def test_a_proxy_that_knows_its_users_by_a_password_is_no_program(client: httpx2.Client) -> None:
    asked = client.get("/stocks", headers={**PERSON, "Authorization": "Basic dTpw"})
    assert (asked.status_code, asked.headers["Location"]) == (303, "/login?next=/stocks")


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, {**PERSON, "X-API-Key": "sa_wrong"}])
def test_a_program_is_told_by_a_problem(client: httpx2.Client, headers: dict[str, str]) -> None:
    refused = client.get("/stocks", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/unauthenticated")
    assert client.post("/stocks", headers=PERSON).status_code == 401


def test_the_form_and_what_it_loads_are_open_and_nothing_else(client: httpx2.Client) -> None:
    form = client.get("/login")
    assert form.status_code == 200
    loaded = re.findall(r'(?:href|src)="(/pages/[^"]+)"', form.text)
    assert len(loaded) == 3
    for path in loaded:
        assert client.get(path).status_code == 200
    for path in ("/", "/stocks", "/login/", "/login/x", "/pages/x", "/pages/../stocks", "/docs", "/api/v1/datasets"):
        assert client.get(path).status_code == 401, path


@pytest.mark.parametrize(
    ("headers", "overheard"),
    [
        ({}, False),
        ({"Host": "stocks.lan"}, True),
        ({"Host": "stocks.lan", "X-Forwarded-Proto": "https"}, False),
        ({"Host": "stocks.lan", "X-Forwarded-Proto": "https, http"}, True),
    ],
)
def test_a_connection_that_is_not_encrypted_is_said_to_be_so(
    client: httpx2.Client, headers: dict[str, str], *, overheard: bool
) -> None:
    assert ("not encrypted" in client.get("/login", headers=headers).text) == overheard


# --- the cookie


@pytest.mark.parametrize(("told", "secure"), [("https", True), ("http", False), (None, False)])
def test_the_cookie_is_out_of_reach(client: httpx2.Client, key: str, told: str | None, *, secure: bool) -> None:
    answer = log_in(client, key, **({"X-Forwarded-Proto": told} if told else {}))
    kept = answer.headers["Set-Cookie"].split("; ")
    assert kept[0] == f"{COOKIE}={key}"
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=2592000"} <= set(kept)
    assert ("Secure" in kept) == secure
    assert not any(part.startswith("Domain") for part in kept)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_cookie_is_good_for_reading_alone(client: httpx2.Client, key: str) -> None:
    for path in ("/", "/stocks", "/docs", "/api/v1/datasets"):
        assert client.get(path, headers=cookie(key)).status_code == 200, path
        assert client.head(path, headers=cookie(key)).status_code == 200, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert client.request(method, "/api/v1/datasets", headers=cookie(key)).status_code == 401, method
    call = {"api_name": "daily", "params": {"ts_code": "600519.SH"}, "fields": ""}
    answered = client.post("/tushare", json=call, headers=cookie(key)).json()
    assert answered["code"] != 0
    assert client.post("/tushare", json={**call, "token": key}).json()["code"] == 0


def test_a_header_goes_before_the_cookie(client: httpx2.Client, key: str) -> None:
    assert client.get("/api/v1/datasets", headers={**cookie(key), "X-API-Key": "sa_wrong"}).status_code == 401
    assert client.get("/api/v1/datasets", headers={**cookie("sa_wrong"), "X-API-Key": key}).status_code == 200


def test_where_no_key_is_needed_an_old_cookie_does_no_harm(market: str) -> None:
    with served(application(market)) as client:
        assert client.get("/api/v1/datasets", headers=cookie("sa_gone")).status_code == 200


def test_a_key_that_was_revoked_leads_to_the_form_which_says_so(client: httpx2.Client) -> None:
    there = client.get("/stocks", headers={**PERSON, **cookie("sa_gone")})
    assert (there.status_code, there.headers["Location"]) == (303, "/login?next=/stocks")
    form = client.get("/login", headers=cookie("sa_gone"))
    assert "not good any more" in form.text
    assert "not good any more" not in client.get("/login").text


def test_who_is_logged_in_goes_on_at_once(client: httpx2.Client, key: str) -> None:
    there = client.get("/login?next=/docs", headers=cookie(key))
    assert (there.status_code, there.headers["Location"]) == (303, "/docs")


def test_logging_out_forgets_the_key(client: httpx2.Client, key: str) -> None:
    assert 'action="/logout"' not in client.get("/login").text
    log_in(client, key)
    assert 'action="/logout"' in client.get("/stocks").text
    out = client.post("/logout", headers=OWN)
    assert (out.status_code, out.headers["Location"]) == (303, "/login")
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert client.get("/stocks").status_code == 401


# --- what is refused


@pytest.mark.parametrize("given", ["", "sa_wrong", "x" * 60_000, "\udc80é"])
def test_a_wrong_key_is_told_and_not_kept(client: httpx2.Client, given: str) -> None:
    body = b"key=" + given.encode("utf-8", "surrogateescape")
    answer = client.post("/login?next=/docs", content=body, headers=OWN)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Set-Cookie" not in answer.headers
    assert "No key of this server is like this one" in answer.text
    assert given == "" or given not in answer.text
    assert 'action="/login?next=/docs"' in answer.text


def test_tries_count_for_the_address(market: str, key: str) -> None:
    with served(application(market, api_open_on_loopback=False, api_calls_per_minute=3)) as client:
        assert [log_in(client, f"sa_{number}").status_code for number in range(4)] == [401, 401, 401, 429]
        assert log_in(client, key).status_code == 429
        assert client.get("/api/v1/datasets", headers={"X-API-Key": key}).status_code == 200, "a key has its own"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://a.example"}, 303),
        ({"Origin": "https://evil.example", "Host": "a.example"}, 400),
        ({"Origin": "null", "Host": "a.example"}, 400),
        ({"Origin": "https://a.example", "Host": "a.example"}, 303),
        ({"Origin": "https://a.example", "Host": "10.0.0.1", "X-Forwarded-Host": "a.example"}, 303),
        ({}, 303),
    ],
)
def test_a_form_of_another_sites_page_is_refused(
    client: httpx2.Client, key: str, headers: dict[str, str], status: int
) -> None:
    for path in ("/login", "/logout"):
        answer = client.post(path, data={"key": key}, headers=headers)
        assert answer.status_code == status
        assert ("Set-Cookie" in answer.headers) == (status == 303)


@pytest.mark.parametrize("body", [b"&".join([b"key=a"] * 11), b"{}", b"\xff\xfe"])
def test_what_is_no_form_is_refused(client: httpx2.Client, body: bytes) -> None:
    assert client.post("/login", content=body, headers=OWN).status_code in {400, 401}


@pytest.mark.parametrize(
    "way",
    [
        "//evil.example",
        "/\\evil.example",
        "/x\\..\\evil",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a b",
        "/é",
        "evil.example",
        "",
        "/" * 2,
        "/" + "a" * LONGEST,
    ],
)
def test_nobody_is_led_elsewhere(client: httpx2.Client, key: str, way: str) -> None:
    assert within(way) is None
    answer = client.post("/login", params={"next": way}, data={"key": key}, headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("way", ["/", "/stocks?q=a&x=/b//c", "/a%2F%2Fb", "/~a:b@c#d", "/[]"])
def test_a_way_on_this_host_is_kept(way: str) -> None:
    assert within(way) == way


# --- the browser


@pytest.mark.skipif(chromium.found() is None, reason=chromium.ABSENT)
@pytest.mark.parametrize("script", [True, False])
def test_a_person_logs_in_looks_and_logs_out(client: httpx2.Client, key: str, *, script: bool) -> None:
    program = chromium.found()
    assert program
    host = str(client.base_url).rstrip("/")
    with chromium.browsing(program) as tab:
        tab("Emulation.setScriptExecutionDisabled", value=not script)
        tab.open(f"{host}/stocks/600519.SH?adjust=none")
        assert tab.texts("h1") == ["Log in"]
        for given, heading in (("sa_wrong", "Log in"), (key, "贵州茅台 600519.SH")):
            tab.run("document.querySelector('#key').focus()")
            tab("Input.insertText", text=given)
            tab.click(".login button")
            assert tab.texts("h1") == [heading]
        assert tab.run("location.search") == "?adjust=none"
        (kept,) = tab("Network.getCookies", urls=[host])["cookies"]
        assert (kept["name"], kept["value"]) == (COOKIE, key)
        assert (kept["httpOnly"], kept["sameSite"], kept["session"]) == (True, "Strict", False)
        assert kept["expires"] > datetime.now(UTC).timestamp() + 29 * 86_400
        tab.open(f"{host}/api/v1/datasets")
        assert tab.run("JSON.parse(document.body.textContent).length") > 5
        tab.resize(360, 740, phone=True)
        tab.open(f"{host}/")
        assert tab.run("document.documentElement.scrollWidth") == 360
        tab.click("form[action='/logout'] button")
        assert tab.texts("h1") == ["Log in"]
        assert tab("Network.getCookies", urls=[host])["cookies"] == []
        tab.open(f"{host}/stocks")
        assert tab.texts("h1") == ["Log in"]
        assert [line for line in tab.complaints if "401" not in line] == []
