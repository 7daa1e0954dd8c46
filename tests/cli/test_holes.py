"""Rows that are lost are found by name, said by the API, and landed again with the fewest calls."""

from __future__ import annotations

import json
import random
from contextlib import nullcontext
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import main, services
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import SHANGHAI, settings
from stock_assistant_pipelines.warehouse.database import Database, NoDatabase
from stock_assistant_pipelines.warehouse.tables import COVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.ingest import Ingest
    from stock_assistant_pipelines.sandbox.server import Running

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
FIRST, LAST = date(2026, 2, 11), date(2026, 3, 4)
LOST_DAY = date(2026, 2, 26)


@pytest.fixture
def installation(
    database: Database, sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """What the command finds in its environment. It is the evening of 4 March 2026."""
    for name, value in {
        "DATABASE_URL": database.url.render_as_string(hide_password=False),
        "TUSHARE_TOKEN": TOKEN,
        "TUSHARE_BASE_URL": sandbox.url,
        "DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    for name in (
        "DAGSTER_HOME",
        "DAGSTER_PG_URL",
        "DAGSTER_STORAGE_DIR",
        "DAGSTER_EVENT_BATCH_SIZE",
        services.PATIENT_BACKFILLS,
    ):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
    monkeypatch.setattr(calendar, "now", lambda: NOW)
    settings.cache_clear()
    yield database
    settings.cache_clear()


def holes(*words: str) -> tuple[int, str]:
    """Run the command."""
    result = CliRunner().invoke(main, ["holes", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def named(*words: str) -> dict[tuple[str, str], list[str] | None]:
    """The holes that the command names: by dataset and day, the missing keys; None for all of them."""
    _, output = holes(*words, "--json")
    return {(hole["dataset"], hole["day"]): hole["missing"] for hole in json.loads(output)}


def lose(engine: Engine) -> dict[tuple[str, str], Any]:
    """Delete 30 random rows of `daily` and a whole day."""
    chance = random.Random(7)
    with engine.begin() as connection:
        rows = connection.execute(
            text("select trade_date, ts_code from daily where trade_date <> :day order by 1, 2"), {"day": LOST_DAY}
        ).all()
        expected: dict[tuple[str, str], Any] = {("daily", LOST_DAY.isoformat()): None}
        for day, code in chance.sample(rows, 30):
            expected.setdefault(("daily", day.isoformat()), []).append(code)
            connection.execute(
                text("delete from daily where trade_date = :day and ts_code = :code"), {"day": day, "code": code}
            )
        connection.execute(text("delete from daily where trade_date = :day"), {"day": LOST_DAY})
    return {hole: sorted(codes) if codes else None for hole, codes in expected.items()}


def test_lost_rows_are_named_exactly_and_landed_again_with_the_fewest_calls(
    installation: Database, ingest: Ingest, engine: Engine, sandbox: Running
) -> None:
    for name in ("daily", "adj_factor"):
        days = ingest.calendar(CATALOG[name], [LAST]).between(FIRST, LAST)
        assert all(entry.settled for entry in ingest.land(CATALOG[name], days))
    assert holes() == (0, "No hole: every published trading day and report period that is kept is whole.\n")
    with engine.connect() as connection:
        before = connection.execute(text("select md5(string_agg(d::text, '|' order by d::text)) from daily d")).scalar()

    expected = lose(engine)
    assert named() == expected
    assert named("--deep") == expected
    code, shown = holes("daily")
    assert code == 1
    assert str(LOST_DAY) in shown
    with engine.connect() as connection:
        query = select(COVERAGE.c.partition, COVERAGE.c.status).where(COVERAGE.c.dataset == "daily")
        statuses = {row.partition: row.status for row in connection.execute(query)}
    assert {statuses[day] for _, day in expected if day != LOST_DAY.isoformat()} == {"partial"}
    assert statuses[LOST_DAY.isoformat()] == "empty"

    sandbox.forget()
    code, output = holes("--fix", "--yes")
    assert code == 0, output
    assert "No hole is left." in output
    assert sandbox.stats()["calls"]["daily"] <= 2, "a call for the lost day, and one for the codes of all others"
    with engine.connect() as connection:
        after = connection.execute(text("select md5(string_agg(d::text, '|' order by d::text)) from daily d")).scalar()
    assert after == before


def test_lost_rows_that_nobody_could_expect_are_found_and_their_day_is_fetched_whole(
    installation: Database, ingest: Ingest, engine: Engine
) -> None:
    days = [date(2026, 3, 3), LAST]
    assert all(entry.settled for entry in ingest.land(CATALOG["suspend_d"], days))
    with engine.begin() as connection:
        before = connection.execute(
            text("select count(*) from suspend_d where trade_date = :day"), {"day": LAST}
        ).scalar()
        assert before
        connection.execute(text("delete from suspend_d where trade_date = :day"), {"day": LAST})
        connection.execute(
            text("update coverage set landed = landed + 1 where dataset = 'daily' and partition = :day"),
            {"day": days[0].isoformat()},
        )
    code, _ = holes("daily", "suspend_d")
    assert code == 1
    with engine.connect() as connection:
        query = select(COVERAGE.c.status).where(COVERAGE.c.dataset == "daily", COVERAGE.c.partition == "2026-03-03")
        assert connection.execute(query).scalar_one() == "partial"
    assert holes("daily", "suspend_d")[0] == 1, "a second look forgets nothing"
    assert holes("daily", "suspend_d", "--fix", "--yes")[0] == 0
    with engine.connect() as connection:
        after = connection.execute(
            text("select count(*) from suspend_d where trade_date = :day"), {"day": LAST}
        ).scalar()
    assert after == before


def test_days_that_a_calendar_of_every_second_day_hid_are_landed_by_the_same_fix(
    installation: Database, ingest: Ingest, engine: Engine, sandbox: Running
) -> None:
    sandbox.inject("half:api=trade_cal", "half:api=daily")
    days = [date(2026, 2, 26), date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3), LAST]
    entries = list(ingest.land(CATALOG["daily"], days))
    assert not any(entry.settled for entry in entries), entries
    sandbox.heal()
    code, output = holes("daily", "--from", str(days[0]), "--to", str(LAST), "--fix", "--yes")
    assert (code, output.splitlines()[-1]) == (0, "No hole is left.")
    with engine.connect() as connection:
        landed = connection.execute(text("select distinct trade_date from daily order by 1")).scalars().all()
    assert landed == days


def test_a_day_that_was_never_asked_for_is_a_hole(installation: Database, ingest: Ingest) -> None:
    days = ingest.calendar(CATALOG["adj_factor"], [LAST]).between(FIRST, LAST)
    for entry in ingest.land(CATALOG["adj_factor"], [days[0], days[1], *days[4:]]):
        assert entry.settled
    assert named("adj_factor") == {("adj_factor", day.isoformat()): None for day in days[2:4]}
    assert named("adj_factor", "--from", str(days[4])) == {}


def test_without_a_token_the_sandbox_of_the_services_is_asked(
    installation: Database, ingest: Ingest, sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ingest.calendar(CATALOG["adj_factor"], [LAST]).between(FIRST, LAST)
    assert all(entry.settled for entry in ingest.land(CATALOG["adj_factor"], [days[0], *days[2:]]))
    for name in ("TUSHARE_TOKEN", "TUSHARE_BASE_URL", "TUSHARE_POINTS"):
        monkeypatch.setenv(name, "")
    settings.cache_clear()
    monkeypatch.setattr(services, "alone_or_not", lambda _: nullcontext(False))  # others hold the lock
    (tmp_path / services.SANDBOX).write_text(sandbox.url)
    code, output = holes("adj_factor", "--fix", "--yes")
    assert (code, output.splitlines()[-1]) == (0, "No hole is left.")


def test_where_there_is_no_database_none_is_made(
    postgres: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DATABASE_URL": "", "DATA_DIR": str(tmp_path), "TUSHARE_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    code, output = holes("--fix", "--yes")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert output.startswith("Error: there is no database stock_assistant, and nothing to look at: ")
    with pytest.raises(NoDatabase):
        Database(postgres.set(database="stock_assistant"), embedded=True).require()
    settings.cache_clear()


def test_an_unknown_dataset_and_a_range_the_wrong_way_round_are_one_line(installation: Database) -> None:
    told = "stock_basic is no dataset with trading days or report periods; there are suspend_d, daily"
    assert told in holes("stock_basic")[1]
    assert "exchange them" in holes("daily", "--from", "2026-03-01", "--to", "2026-02-01")[1]


def test_reports_that_are_lost_are_found_and_landed_again(
    installation: Database, engine: Engine, ingest: Ingest, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = [date(2025, 9, 30), date(2025, 6, 30), date(2025, 3, 31)]
    monkeypatch.setenv("TUSHARE_POINTS", "5000")
    ingest.now, ingest.points = (lambda: NOW), 5000
    assert all(entry.settled for entry in ingest.land(CATALOG["income"], ended))
    words = ("income", "--from", "2025-03-31", "--to", "2025-09-30")
    assert holes(*words)[0] == 0
    with engine.begin() as connection:
        connection.execute(text("delete from income where end_date = '2025-06-30'"))
        connection.execute(text("delete from income where ts_code = '000001.SZ' and end_date = '2025-09-30'"))
    code, output = holes(*words, "--json")
    found = {each["day"]: each for each in json.loads(output)}
    assert code == 1
    assert found.keys() == {"2025-06-30", "2025-09-30"}
    assert (found["2025-06-30"]["status"], found["2025-09-30"]["missing"]) == ("missing", ["000001.SZ"])
    code, output = holes(*words)
    assert "1 period" in output
    sandbox.forget()
    code, output = holes(*words, "--fix", "--yes")
    assert (code, "No hole is left." in output) == (0, True), output
    assert "2 periods take" in output
    assert not {call["api"] for call in sandbox.calls()} - {"income", "income_vip", "stock_basic", "disclosure_date"}


def test_reports_that_are_lost_are_landed_again_company_by_company_where_the_points_are_few(
    installation: Database, engine: Engine, ingest: Ingest, sandbox: Running
) -> None:
    ended = date(2025, 9, 30)
    ingest.now, ingest.points = (lambda: NOW), 5000
    assert all(entry.settled for entry in ingest.land(CATALOG["fina_indicator"], [ended]))
    companies = text("select ts_code from fina_indicator group by 1 order by 1")
    with engine.begin() as connection:
        before = connection.execute(companies).scalars().all()
        lost = {"lost": [before[0], before[-1]]}
        connection.execute(text("delete from fina_indicator where ts_code = any(:lost)"), lost)
    sandbox.forget()
    code, output = holes("fina_indicator", "--from", str(ended), "--to", str(ended), "--fix", "--yes")
    assert (code, "No hole is left." in output) == (0, True), output
    asked = [call["params"].get("ts_code") for call in sandbox.calls() if call["api"] == "fina_indicator"]
    assert sorted(asked) == before
    assert "fina_indicator_vip" not in sandbox.stats()["calls"]
    with engine.connect() as connection:
        assert connection.execute(companies).scalars().all() == before


def test_reports_before_the_first_that_is_kept_are_no_hole(installation: Database, ingest: Ingest) -> None:
    ingest.now, ingest.points = (lambda: NOW), 5000
    assert all(entry.settled for entry in ingest.land(CATALOG["forecast"], [date(2025, 9, 30), date(2025, 12, 31)]))
    assert holes("forecast") == (0, "No hole: every published trading day and report period that is kept is whole.\n")
    assert holes("forecast", "--from", "2025-06-30")[0] == 1
