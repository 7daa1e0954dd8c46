"""Keys: who is let in, by what, and for how long after a key was revoked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from small_market import application, connected, make_database, served
from sqlalchemy import text
from starlette.requests import Request

from api import keys as module
from api.access import Origin
from api.keys import KEYLESS, Admission, Visit, admit
from api.problems import Problem
from stock_assistant_pipelines.warehouse import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from fastapi import FastAPI
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

PATH = "/api/v1/datasets"


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    with connected(database) as engine:
        yield engine
        with engine.begin() as connection:
            connection.execute(text("delete from api_key"))


@pytest.fixture(scope="module")
def served_app(database: str) -> FastAPI:
    """The API, closed to everybody without a key."""
    return application(database, api_open_on_loopback=False)


@pytest.fixture(scope="module")
def running(served_app: FastAPI) -> Iterator[httpx2.Client]:
    with served(served_app) as client:
        yield client


@pytest.fixture
def client(running: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> httpx2.Client:
    """A client of it, for which keys are looked up again at once."""
    monkeypatch.setattr(module, "AGAIN", 0.0)
    return running


@pytest.fixture
def app(database: str) -> FastAPI:
    """The same, not served."""
    return application(database, api_open_on_loopback=False)


def status(client: httpx2.Client, key: str) -> int:
    return client.get(PATH, headers={"Authorization": f"Bearer {key}"}).status_code


SENT = [
    lambda key: {"Authorization": f"Bearer {key}"},
    lambda key: {"authorization": f"bearer  {key}"},
    lambda key: {"X-API-Key": key},
    lambda key: {"Authorization": "Basic dTpw", "X-API-Key": key},
]
CLOSED = [
    "/",
    "/docs",
    "/redoc",
    "/api/v1/openapi.json",
    "/api/v1/health",
    "/api/v1/nothing",
    "/static-offline-docs/swagger-ui.css",
]


@pytest.mark.parametrize("send", SENT)
def test_a_key_lets_in(client: httpx2.Client, engine: Engine, send: Any) -> None:
    assert client.get(PATH, headers=send(keys.create(engine, "research"))).status_code == 200


def test_without_a_key_nobody_is_let_in_and_told_how(client: httpx2.Client) -> None:
    response = client.get(PATH)
    assert (response.status_code, response.json()["type"]) == (401, "/problems/unauthenticated")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="stock-assistant"'
    assert "stock-assistant keys create" in response.json()["detail"]


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_path_is_closed(client: httpx2.Client, path: str, method: str) -> None:
    assert client.request(method, path).status_code == 401


@pytest.mark.parametrize("path", [f"/api/v1/health/{name}" for name in ("live", "ready", "startup")])
def test_what_watches_the_process_needs_no_key(client: httpx2.Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("sent", ["sa_wrong", "x" * 5000, "sa_ÿ", "a,b", "' or 1=1"])
def test_another_key_is_refused(client: httpx2.Client, engine: Engine, sent: str) -> None:
    keys.create(engine, "research")
    response = client.get(PATH, headers={"Authorization": f"Bearer {sent}".encode("latin-1")})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert sent not in response.text


@pytest.mark.parametrize("name", ["key", "api_key", "token", "access_token"])
def test_a_key_in_the_url_is_none(client: httpx2.Client, engine: Engine, name: str) -> None:
    assert client.get(PATH, params={name: keys.create(engine, "research")}).status_code == 401


def test_a_wrong_key_is_refused_where_none_is_needed(database: str) -> None:
    with served(application(database)) as client:
        assert client.get(PATH).status_code == 200
        assert status(client, "sa_wrong") == 401


def test_a_key_that_was_just_made_is_good_and_one_that_is_revoked_is_not(
    client: httpx2.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status(client, keys.create(engine, "first")) == 200
    second = keys.create(engine, "second")
    assert status(client, second) == 200
    keys.revoke(engine, "second")
    monkeypatch.setattr(module, "AGED", 0.0)
    assert status(client, second) == 401


def test_a_key_ends_with_its_time_although_it_is_still_in_memory(
    client: httpx2.Client, engine: Engine, served_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.create(engine, "guest", datetime.now(UTC) + timedelta(hours=1))
    assert status(client, key) == 200
    for name in ("FRESH", "AGED"):
        monkeypatch.setattr(module, name, 60.0)
    ring = served_app.state.admission.ring
    (known,) = ring._keys.values()
    past = datetime.now(UTC) - timedelta(seconds=1)
    ring._keys = dict.fromkeys(ring._keys, module.Key(known.name, known.per_minute, past))
    assert status(client, key) == 401


def test_expired_keys_are_not_read(client: httpx2.Client, engine: Engine) -> None:
    assert status(client, keys.create(engine, "guest", datetime.now(UTC) - timedelta(seconds=1))) == 401


# --- in memory


class Counted:
    """The database, which counts how often it is read, and fails when it is told to."""

    def __init__(self, database: Any) -> None:
        self.database, self.reads, self.broken = database, 0, False

    async def fetch(self, query: str) -> Any:
        self.reads += 1
        if self.broken:
            raise Problem(module.problems.DATABASE_UNAVAILABLE, "It is away.")
        return await self.database.fetch(query)


def found(app: FastAPI, steps: Any) -> Counted:
    """Run these steps with a ring over a counted database."""
    counted = Counted(app.state.database)

    async def run() -> None:
        await steps(module.KeyRing(counted), counted)  # type: ignore[arg-type]

    asyncio.run(run())
    return counted


def test_the_database_is_asked_once_for_many_requests(app: FastAPI, engine: Engine) -> None:
    key = keys.create(engine, "research").encode()

    async def steps(ring: module.KeyRing, _: Counted) -> None:
        assert all(await asyncio.gather(*(ring.find(key) for _ in range(50))))
        assert all([await ring.find(key) for _ in range(50)])

    assert found(app, steps).reads == 1


def test_guesses_do_not_ask_the_database_each(app: FastAPI, engine: Engine) -> None:
    async def steps(ring: module.KeyRing, _: Counted) -> None:
        assert not any([await ring.find(b"sa_%d" % guess) for guess in range(100)])

    assert found(app, steps).reads == 1


def test_keys_that_age_are_read_again_beside_the_request(
    app: FastAPI, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.create(engine, "research").encode()
    monkeypatch.setattr(module, "FRESH", 0.0)

    async def steps(ring: module.KeyRing, _: Counted) -> None:
        await ring.find(key)
        keys.revoke(engine, "research")
        assert await ring.find(key)  # not waited for
        assert ring._reading
        await ring._reading
        assert await ring.find(key) is None

    found(app, steps)


def test_while_the_database_is_away_known_keys_stay_good_and_at_last_do_not(
    app: FastAPI, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.create(engine, "research").encode()

    async def steps(ring: module.KeyRing, counted: Counted) -> None:
        await ring.find(key)
        counted.broken = True
        monkeypatch.setattr(module, "AGED", 0.0)
        assert [bool(await ring.find(key)) for _ in range(20)] == [True] * 20
        assert counted.reads == 2  # and not once more for each request
        monkeypatch.setattr(module, "LOST", 0.0)
        with pytest.raises(Problem, match="away"):
            await ring.find(key)

    found(app, steps)


def test_keys_are_read_although_all_connections_are_taken(
    database: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.database.POOL_SECONDS", 0.05)
    app = application(database, api_pool_size=1)
    key = keys.create(engine, "research").encode()

    async def run() -> None:
        async with app.state.database.read() as connection:
            await connection.execute(text("select 1"))
            assert await module.KeyRing(app.state.database).find(key)
        await app.state.database.engine.dispose()

    asyncio.run(run())


def test_before_the_keys_could_be_read_nobody_is_let_in(postgres: URL) -> None:
    url = make_database(postgres, "keyless_unmigrated")
    with connected(url) as engine, engine.begin() as connection:
        connection.execute(text("drop function api_keys()"))
    with served(application(url, api_open_on_loopback=False)) as client:
        assert status(client, "sa_any") == 503


# --- the key in the body


def asked(app: FastAPI, token: str | None, *, keyless: bool = False, key: module.Key | None = None) -> module.Key:
    """Let somebody in as a route does that takes the key out of the body."""
    visit = Visit("1", Origin("127.0.0.1", allowed=True, keyless=keyless), key)
    request = Request({"type": "http", "app": app, "state": {"visit": visit}})

    admitted = asyncio.run(admit(request, token))
    assert visit.key == admitted
    return admitted


def test_the_token_of_a_body_is_a_key(app: FastAPI, engine: Engine) -> None:
    assert asked(app, keys.create(engine, "research", per_minute=7)).per_minute == 7
    for token in ("sa_wrong", "", None, "\ud800"):
        with pytest.raises(Problem) as caught:
            asked(app, token)
        assert caught.value.kind == module.problems.UNAUTHENTICATED


def test_a_program_of_this_machine_may_send_the_token_it_has(app: FastAPI) -> None:
    assert asked(app, "4f5c" * 14, keyless=True) == KEYLESS
    with pytest.raises(Problem):
        asked(app, "sa_wrong", keyless=True)


def test_who_came_in_by_a_header_is_in(app: FastAPI) -> None:
    assert asked(app, "anything", key=module.Key("research")) == module.Key("research")


def test_the_gate_leaves_the_paths_of_tushare_to_their_route(app: FastAPI) -> None:
    with served(app) as client:
        assert client.post("/tushare/daily", json={"token": "sa_wrong"}).json()["code"] == 40101
        assert client.post("/tushares", json={}).status_code == 401


def test_on_loopback_a_key_in_the_body_is_looked_at_as_well(database: str, engine: Engine) -> None:
    app = application(database)

    def refused(token: str) -> bool:
        return bool(client.post("/tushare", json={"token": token}).json()["code"] == 40101)

    with served(app) as client:
        assert refused("sa_wrong")
        assert not refused("4f5c" * 14)
        app.state.admission.ring = module.KeyRing(app.state.database)  # as though nobody had asked yet
        assert not refused(keys.create(engine, "research"))


# --- limits by key


def test_each_key_has_its_own_limit(database: str, engine: Engine) -> None:
    few, many = keys.create(engine, "few", per_minute=2), keys.create(engine, "many", per_minute=0)
    plain = keys.create(engine, "plain")
    with served(application(database, api_open_on_loopback=False, api_calls_per_minute=3)) as client:
        assert [status(client, few) for _ in range(4)] == [200, 200, 429, 429]
        assert [status(client, plain) for _ in range(4)] == [200, 200, 200, 429]
        assert [status(client, many) for _ in range(6)] == [200] * 6
        refused = client.get(PATH, headers={"X-API-Key": few})
    assert refused.json()["type"] == "/problems/rate-limited"
    assert 0 < int(refused.headers["Retry-After"]) <= 30
    assert refused.headers["RateLimit-Policy"] == '"key";q=2;w=60'
    assert refused.headers["RateLimit"].startswith('"key";r=0;t=')


def test_who_guesses_is_limited_by_his_address(database: str) -> None:
    with served(application(database, api_open_on_loopback=False, api_calls_per_minute=3)) as client:
        assert [status(client, f"sa_{guess}") for guess in range(4)] == [401, 401, 401, 429]


def test_an_admission_needs_no_database_where_no_key_is_sent() -> None:
    admission = Admission(None, 0)  # type: ignore[arg-type]
    visit = Visit("1", Origin("127.0.0.1", allowed=True, keyless=True))
    assert asyncio.run(admission.admit(visit, None)) == KEYLESS
