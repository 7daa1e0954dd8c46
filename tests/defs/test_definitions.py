"""What Dagster is told of the catalog."""

from __future__ import annotations

import warnings
from datetime import date, datetime

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from stock_assistant_pipelines import clock, definitions
from stock_assistant_pipelines.calendar import periods, weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD, MARKET_OPENED
from stock_assistant_pipelines.defs import partitions
from stock_assistant_pipelines.defs.partitions import APPEARS, REPORT_PERIODS, TRADING_DAYS, days
from stock_assistant_pipelines.defs.resources import AHEAD, urgent
from stock_assistant_pipelines.settings import SHANGHAI, Settings

CANARY = "canary-4f1c9a"


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    settings = Settings(tushare_token=CANARY, database_url=f"postgresql://reader:{CANARY}@db/stocks")
    return definitions.build(settings).get_repository_def()


def test_the_code_location_can_be_sent_to_the_webserver_and_tells_no_secret(
    repository: dg.RepositoryDefinition,
) -> None:
    sent = serialize_value(RepositorySnap.from_def(repository))
    assert '"daily_basic"' in sent
    assert CANARY not in sent


@pytest.mark.parametrize("dataset", CATALOG.values(), ids=CATALOG)
def test_an_asset_says_what_a_row_is_and_what_its_columns_mean(repository: dg.RepositoryDefinition, dataset) -> None:  # type: ignore[no-untyped-def]
    spec = repository.assets_defs_by_key[dg.AssetKey(dataset.api)].get_asset_spec(dg.AssetKey(dataset.api))
    assert dataset.row in (spec.description or "")
    assert (spec.group_name, spec.kinds, spec.owners) == (dataset.family, {"tushare", "postgres"}, ["team:data"])
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == list(dataset.fields)
    for column, declared in zip(columns, dataset.columns, strict=True):
        assert declared.title in column.description
        assert (declared.unit or "") in column.description
    assert spec.partitions_def is partitions.of(dataset)


def test_partitions_are_weekdays_that_appear_in_the_morning_before_anything_is_published() -> None:
    def last(*moment: int) -> str | None:
        with partition_loading_context(effective_dt=datetime(*moment, tzinfo=SHANGHAI)):  # type: ignore[misc,arg-type]
            return TRADING_DAYS.get_last_partition_key()

    assert last(2026, 9, 25, 8, 29) == "2026-09-24"
    assert last(2026, 9, 25, 8, 30) == "2026-09-25"
    assert last(2026, 9, 28, 8, 0) == "2026-09-25"
    assert TRADING_DAYS.get_first_partition_key() == "1990-12-19"
    assert min(clock.publications(list(CATALOG.values()))) >= APPEARS


def test_a_report_period_is_there_when_it_has_ended_and_its_key_is_its_last_day() -> None:
    def keys(*moment: int) -> list[str]:
        with partition_loading_context(effective_dt=datetime(*moment, tzinfo=SHANGHAI)):  # type: ignore[misc,arg-type]
            return list(REPORT_PERIODS.get_partition_keys())

    assert keys(2026, 3, 31, 23, 58)[-1] == "2025-12-31"
    assert keys(2026, 4, 1, 0, 0)[-1] == "2026-03-31"
    assert keys(2026, 4, 1, 0, 0) == [day.isoformat() for day in periods(FIRST_PERIOD, date(2026, 3, 31))]


def test_the_keys_are_all_weekdays_whatever_the_hour_at_which_they_appear() -> None:
    """Those of 18:00, as before, are the same: what was materialised under a key stays so."""
    now = datetime(2026, 9, 25, 20, 0, tzinfo=SHANGHAI)
    with partition_loading_context(effective_dt=now):
        keys = TRADING_DAYS.get_partition_keys()
    assert keys == [day.isoformat() for day in weekdays(MARKET_OPENED, now.date())]


def test_the_days_of_a_run_are_landed_newest_first() -> None:
    assert days(["2026-03-03", "2026-03-05", "2026-03-04"]) == [date(2026, 3, 5), date(2026, 3, 4), date(2026, 3, 3)]


def test_there_is_a_schedule_for_each_time_of_publication_the_evening_the_reports_their_outcomes_and_one_that_tidies(
    repository: dg.RepositoryDefinition,
) -> None:
    found = {one.name: one.cron_schedule for one in repository.schedule_defs}
    assert found == {
        "published_0840": "55 8 * * 1-5",
        "published_0920": "35 9 * * 1-5",
        "published_1600": "15 16 * * 1-5",
        "published_1700": "15 17 * * 1-5",
        "look_again": "0 20 * * 1-5",
        "reports": "0 21 * * *",
        "reports_again": "0 22 * * 6",
        "outcomes": "30 22 * * 1-5",
        "tidy_weekly": "0 4 * * 0",
    }
    assert {one.execution_timezone for one in repository.schedule_defs} == {"Asia/Shanghai"}
    assert {one.default_status for one in repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}


def test_nothing_that_dagster_deprecates_is_used() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        definitions.build(Settings()).get_repository_def()


@pytest.mark.parametrize(
    ("tags", "goes_first"),
    [
        (AHEAD, True),
        ({}, False),
        ({"dagster/priority": "-1"}, False),
        ({"dagster/priority": "soon"}, False),
        ({**AHEAD, "dagster/backfill": "abcdefgh"}, False),
    ],
)
def test_the_runs_of_the_clock_go_first_where_calls_are_scarce_and_backfills_never(
    tags: dict[str, str], goes_first: bool
) -> None:
    assert urgent(tags) is goes_first
