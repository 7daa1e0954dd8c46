"""The check `fresh` follows the clock: it goes red when nothing runs, and no old day turns it green."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import databases
import pytest

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs import freshness
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from code_location import CodeLocation
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.ingest import Ingest
    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database

PASSED, WARNED, FAILED = "passed", "WARN", "ERROR"


@pytest.fixture(scope="module")
def before(postgres: URL, sandbox_server: Running) -> Iterator[str]:
    """A database of two days of bars, up to the day before the holidays of the Spring Festival."""
    with databases.landed(postgres, sandbox_server, {"daily": [date(2026, 2, 12), date(2026, 2, 13)]}) as template:
        yield template


@pytest.fixture
def database(request: pytest.FixtureRequest, postgres: URL, before: str) -> Iterator[Database]:
    """A copy of it for a test of an installation that keeps the bars; an empty one for the others."""
    with databases.copied(postgres, before if "landed" in request.fixturenames else "template") as database:
        yield database


@pytest.fixture
def landed(ingest: Ingest) -> Ingest:
    """An installation that keeps the bars."""
    return ingest


def look(location: CodeLocation, moment: datetime) -> str:
    """Let the sensor look, and return what it says."""
    sensor = freshness.build_sensor(Platform(location.settings), now=lambda: moment)
    with dg.build_sensor_context(instance=location.instance) as context:
        return sensor.evaluate_tick(context).skip_message or ""


def shown(location: CodeLocation, name: str = "daily") -> str | None:
    """What Dagster shows of the check."""
    key = dg.AssetCheckKey(dg.AssetKey(name), freshness.FRESH)
    record = location.instance.get_latest_asset_check_evaluation_record(key)
    if record is None or record.event is None or record.event.dagster_event is None:
        return None
    said = record.event.dagster_event.asset_check_evaluation_data
    return PASSED if said.passed else said.severity.value


def test_it_goes_red_by_the_clock_when_nothing_runs_first_as_a_warning(landed: Ingest, location: CodeLocation) -> None:
    found = []
    for moment in ((13, 20, 0), (23, 23, 0), (24, 19, 29), (24, 19, 30), (24, 20, 29), (24, 20, 30), (25, 9, 0)):
        look(location, datetime(2026, 2, *moment, tzinfo=SHANGHAI))  # type: ignore[misc,arg-type]
        found.append(shown(location))
    assert found == [PASSED, PASSED, PASSED, WARNED, WARNED, FAILED, FAILED]


def test_a_verdict_is_told_once_and_says_what_is_late(landed: Ingest, location: CodeLocation) -> None:
    late = datetime(2026, 2, 25, 9, 0, tzinfo=SHANGHAI)
    said = look(location, late)
    assert "daily: 2026-02-24 should be complete by 19:30, and was never asked for" in said
    assert "the last complete day is 2026-02-13, trading days behind: 1" in said
    assert look(location, late + timedelta(minutes=1)) == "as before"


def test_no_old_day_turns_it_green_and_the_day_that_is_due_does(landed: Ingest, location: CodeLocation) -> None:
    late = datetime(2026, 2, 25, 9, 0, tzinfo=SHANGHAI)
    look(location, late)
    assert all(entry.settled for entry in landed.land(CATALOG["daily"], [date(2026, 2, 11)]))
    assert look(location, late) == "as before"
    assert shown(location) == FAILED
    assert all(entry.settled for entry in landed.land(CATALOG["daily"], [date(2026, 2, 24)]))
    look(location, late)
    assert shown(location) == PASSED


def test_a_run_says_it_too_and_the_sensor_corrects_what_a_run_said(landed: Ingest, location: CodeLocation) -> None:
    look(location, datetime(2026, 2, 13, 20, 0, tzinfo=SHANGHAI))
    assert location.run("daily", first="2026-02-13", last="2026-02-13").success  # the run's clock is the real one
    assert shown(location) == FAILED
    look(location, datetime(2026, 2, 13, 20, 0, tzinfo=SHANGHAI))
    assert shown(location) == PASSED


def test_who_is_days_behind_is_not_excused_by_a_day_that_is_only_just_due(
    landed: Ingest, location: CodeLocation
) -> None:
    look(location, datetime(2026, 2, 25, 19, 40, tzinfo=SHANGHAI))
    assert shown(location) == FAILED


def test_what_nobody_landed_is_not_judged(landed: Ingest, location: CodeLocation) -> None:
    look(location, datetime(2026, 2, 25, 9, 0, tzinfo=SHANGHAI))
    assert shown(location, "adj_factor") is None


def test_where_the_calendar_ends_it_says_so(landed: Ingest, location: CodeLocation) -> None:
    said = look(location, datetime(2027, 2, 25, 9, 0, tzinfo=SHANGHAI))
    assert "daily: trade_cal does not reach today" in said
    assert shown(location) == WARNED


def test_reports_go_red_in_the_morning_after_an_evening_that_nobody_answered(
    ingest: Ingest, location: CodeLocation
) -> None:
    """The sandbox's companies still disclose the year 2025 on 4 March 2026."""
    evening = datetime(2026, 3, 4, 21, 0, tzinfo=SHANGHAI)
    ingest.now = lambda: evening
    periods = [date(2025, 9, 30), date(2025, 12, 31)]
    list(ingest.land(CATALOG["income"], periods))
    found = []
    for hours in (9, 9 + 24, 9 + 25):
        said = look(location, evening + timedelta(hours=hours))
        found.append(shown(location, "income"))
    assert found == [PASSED, WARNED, FAILED]
    assert "income: nobody was answered about 2025-12-31 in the evening of 2026-03-05" in said
    assert shown(location, "forecast") is None
