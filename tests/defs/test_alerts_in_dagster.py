"""The sensor `alerts`: what it tells of the coverage, and of runs that ended without a partition to blame."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from sqlalchemy import text

from stock_assistant_pipelines.alerts import outbox
from stock_assistant_pipelines.defs import alerts
from stock_assistant_pipelines.defs.fill import fill_config
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from code_location import CodeLocation
    from sqlalchemy import Engine

    from stock_assistant_pipelines.alerts.outbox import Alert
    from stock_assistant_pipelines.sandbox.server import Running

CANARY = "canary4f1c9a77"
DAY = date(2026, 3, 3)


class Watch:
    """The sensor, from tick to tick."""

    def __init__(self, location: CodeLocation, engine: Engine, **words: list[str] | str) -> None:
        self.location, self.engine = location, engine
        self.settings = Settings(**(location.settings.model_dump() | words))
        self.cursor: str | None = None
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(SHANGHAI) + self.ahead

    def tick(self) -> str:
        """What one tick says."""
        sensor = alerts.build_sensor(Platform(self.settings), now=self.now)
        with dg.build_sensor_context(instance=self.location.instance, cursor=self.cursor) as context:
            told = sensor.evaluate_tick(context)
        self.cursor = told.cursor
        assert told.run_requests == []
        return str(told.skip_message)

    def opened(self) -> dict[str, Alert]:
        with self.engine.connect() as connection:
            return {alert.cause: alert for alert in outbox.alerts(connection)}

    def crashes(self) -> list[Alert]:
        """What is told of runs."""
        return [alert for cause, alert in self.opened().items() if cause.startswith("failed:run of ")]

    def fill(self, tags: dict[str, str] | None = None, **days: list[date]) -> dg.ExecuteInProcessResult:
        """Run the job `fill`."""
        job = self.location.repository.get_job("fill")
        instance, config = self.location.instance, fill_config(days)
        return job.execute_in_process(instance=instance, run_config=config, raise_on_error=False, tags=tags)

    def land(self, name: str, day: date) -> dg.ExecuteInProcessResult:
        """Run an asset's partition as the UI does."""
        job = self.location.repository.get_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.location.instance,
            asset_selection=[dg.AssetKey(name)],
            partition_key=day.isoformat(),
            raise_on_error=False,
        )


@pytest.fixture
def watch(location: CodeLocation, engine: Engine) -> Watch:
    watch = Watch(location, engine)
    watch.tick()
    return watch


def test_it_says_that_nobody_is_told_and_keeps_the_table(watch: Watch) -> None:
    assert watch.tick() == "0 alerts are open; ALERT_URLS is not set, so nobody is told"


def test_a_run_that_names_its_partitions_is_told_by_their_cause_alone(watch: Watch, sandbox: Running) -> None:
    sandbox.inject("permission:api=adj_factor")
    assert not watch.fill(adj_factor=[DAY]).success
    watch.tick()
    assert watch.opened().keys() == {"permission:PermissionDenied"}


def test_a_run_that_crashed_is_told_until_a_later_one_of_its_job_does_its_work(watch: Watch, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("alter table daily rename to elsewhere"))
    crashed = watch.fill(daily=[DAY])
    assert not crashed.success
    watch.tick()
    watch.tick()
    (alert,) = (alert for cause, alert in watch.opened().items() if cause == "failed:run of fill")
    assert crashed.run_id in alert.body
    assert 'relation "daily" does not exist' in alert.body
    with engine.begin() as connection:
        connection.execute(text("alter table elsewhere rename to daily"))
    assert watch.fill(daily=[DAY]).success
    watch.tick()
    assert "failed:run of fill" not in watch.opened()


@contextmanager
def gone(engine: Engine, table: str) -> Iterator[None]:
    """As long as the block lasts, runs over a dataset crash."""
    with engine.begin() as connection:
        connection.execute(text(f"alter table {table} rename to elsewhere"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"alter table elsewhere rename to {table}"))


def test_a_crash_is_told_though_another_run_of_its_job_did_other_work(watch: Watch, engine: Engine) -> None:
    earlier, later = DAY - timedelta(days=1), DAY + timedelta(days=1)
    with gone(engine, "daily"):
        crashed = watch.fill(daily=[earlier])
    watch.fill(adj_factor=[earlier])
    watch.fill(daily=[DAY])
    watch.tick()
    assert crashed.run_id in watch.opened()["failed:run of fill"].body, "another dataset, and another day"
    watch.fill(daily=[earlier, DAY, later], adj_factor=[DAY])
    watch.tick()
    assert watch.crashes() == []


def test_a_run_of_the_ui_is_told_until_its_assets_partition_is_landed(watch: Watch, engine: Engine) -> None:
    with gone(engine, "daily"):
        assert not watch.land("daily", DAY).success
    for name, day in (("adj_factor", DAY), ("daily", DAY - timedelta(days=1))):
        assert watch.land(name, day).success
    watch.tick()
    (alert,) = watch.crashes()
    assert alert.body.startswith("daily\n")
    assert watch.land("daily", DAY).success
    watch.tick()
    assert watch.crashes() == []


def test_a_crash_ends_when_what_it_left_is_done_by_whichever_runs(watch: Watch, engine: Engine) -> None:
    with gone(engine, "stk_limit"):
        assert not watch.fill(daily=[DAY], stk_limit=[DAY], index_daily=[DAY]).success
    watch.tick()
    (alert,) = watch.crashes()
    assert alert.body.startswith("index_daily\nstk_limit\n"), "of daily, the run had reported what landed"
    watch.fill(stk_limit=[DAY])
    watch.tick()
    assert watch.crashes()[0].body.startswith("index_daily\n")
    watch.fill(index_daily=[DAY])
    watch.tick()
    assert watch.crashes() == []


def test_a_crash_that_another_dataset_joins_is_told_again(watch: Watch, engine: Engine) -> None:
    for name, telling in (("daily", 1), ("adj_factor", 2)):
        with gone(engine, name):
            watch.fill(**{name: [DAY]})
        watch.tick()
        assert watch.opened()["failed:run of fill"].telling == telling


def test_a_crash_that_is_mended_by_itself_ends_no_other(watch: Watch) -> None:
    final = watch.fill(unknown=[])
    watch.tick()
    again = {"dagster/will_retry": "true", "dagster/root_run_id": final.run_id}
    watch.fill(again, unknown=[])
    watch.tick()
    assert final.run_id in watch.opened()["failed:run of fill"].body


def test_a_run_that_does_the_work_in_the_place_of_one_that_crashed_ends_it(watch: Watch) -> None:
    crashed = watch.fill(unknown=[])
    watch.tick()
    watch.fill({"dagster/root_run_id": crashed.run_id}, daily=[DAY])
    watch.tick()
    assert watch.crashes() == []


def test_an_error_is_told_without_the_secrets_of_the_settings(location: CodeLocation, engine: Engine) -> None:
    watch = Watch(location, engine, tushare_token=CANARY)
    watch.tick()
    watch.fill(**{f"of {CANARY}": []})
    watch.tick()
    assert "the catalog has no of ***" in watch.opened()["failed:run of fill"].body
    assert CANARY not in str(watch.cursor).partition('"work"')[0]


def test_a_crash_is_told_for_a_day_and_one_from_before_the_first_tick_is_not(watch: Watch) -> None:
    assert not watch.fill(unknown=[]).success
    watch.tick()
    assert "the catalog has no unknown" in watch.opened()["failed:run of fill"].body
    watch.cursor = None
    assert watch.tick().startswith("0 alerts")
    assert not watch.fill(unknown=[]).success
    watch.tick()
    watch.ahead = timedelta(days=1)
    assert watch.tick().startswith("0 alerts")


def test_a_crash_that_dagster_mends_by_starting_the_run_again_is_not_told(watch: Watch) -> None:
    crashed = watch.fill({"dagster/will_retry": "true"}, unknown=[])
    assert watch.tick().startswith("0 alerts")
    watch.location.instance.add_run_tags(crashed.run_id, {"dagster/will_retry": "false"})  # there was none to start
    assert watch.tick().startswith("1 alert")


def test_no_secret_reaches_dagster(location: CodeLocation, engine: Engine) -> None:
    urls = [f"wecombot://{CANARY}?base=http://127.0.0.1:9", f"dingtalk://{CANARY}/?base=http://127.0.0.1:9"]
    watch = Watch(location, engine, alert_urls=urls)
    watch.tick()
    assert not watch.fill(unknown=[]).success
    told = watch.tick()
    assert "0 messages accepted, 2 refused by 2 channels" in told
    with engine.connect() as connection:
        kept = str(connection.execute(text("select * from alert_channel")).all())
    assert "Connection refused" in kept
    assert CANARY not in f"{told} {watch.cursor} {kept}"


def test_an_address_that_is_none_ends_the_ticks_with_one_line_and_runs_are_followed_all_the_same(
    location: CodeLocation, engine: Engine
) -> None:
    watch = Watch(location, engine, alert_urls=[f"nonsense://{CANARY}"])
    assert watch.tick().startswith("ALERT_URLS: number 1 (nonsense://…)")
    assert not watch.fill(unknown=[]).success
    assert watch.tick().startswith("ALERT_URLS: number 1 (nonsense://…)")
    assert "failed:run of fill" in watch.opened()
    with pytest.raises(SettingsError, match=r"ALERT_URLS: number 1 \(nonsense://…\)") as caught:
        watch.tick()
    assert CANARY not in "".join(traceback.format_exception(caught.value))
