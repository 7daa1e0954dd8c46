"""What Dagster is told of the catalog."""

from __future__ import annotations

from datetime import date, datetime

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs.partitions import TRADING_DAYS, days
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
    assert (spec.partitions_def is TRADING_DAYS) == dataset.partitioned


def test_partitions_are_weekdays_that_appear_at_six_in_the_evening_in_shanghai() -> None:
    def last(*moment: int) -> str | None:
        with partition_loading_context(effective_dt=datetime(*moment, tzinfo=SHANGHAI)):  # type: ignore[misc,arg-type]
            return TRADING_DAYS.get_last_partition_key()

    assert last(2026, 9, 25, 17, 59) == "2026-09-24"
    assert last(2026, 9, 25, 18, 0) == "2026-09-25"
    assert last(2026, 9, 28, 17, 0) == "2026-09-25"
    assert TRADING_DAYS.get_first_partition_key() == "1990-12-19"


def test_the_days_of_a_run_are_landed_newest_first() -> None:
    assert days(["2026-03-03", "2026-03-05", "2026-03-04"]) == [date(2026, 3, 5), date(2026, 3, 4), date(2026, 3, 3)]


def test_the_schedule_asks_for_the_day_that_has_closed(repository: dg.RepositoryDefinition) -> None:
    schedule = repository.get_schedule_def("after_the_close")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 18 * * 1-5", "Asia/Shanghai")
    evening = datetime(2026, 3, 4, 18, 30, tzinfo=SHANGHAI)
    context = dg.build_schedule_context(scheduled_execution_time=evening, repository_def=repository)
    requested = schedule.evaluate_tick(context).run_requests
    assert [(request.partition_key, request.run_key) for request in requested or ()] == [("2026-03-04", "2026-03-04")]
