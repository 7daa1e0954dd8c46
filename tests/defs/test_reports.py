"""Report periods in Dagster: one run lands many, and each evening asks for what companies have disclosed."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from sqlalchemy import delete, select, text, update

from stock_assistant_pipelines import clock as pure
from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs import alerts, clock, disclosed
from stock_assistant_pipelines.defs.fill import fill_config
from stock_assistant_pipelines.defs.resources import AHEAD, Platform
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.ingest.evening import Evening
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from code_location import CodeLocation
    from sqlalchemy import Engine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.settings import Settings

FIRST, LAST = "2025-06-30", "2025-09-30"
BOTH = {"2025-06-30", "2025-09-30"}
FIXED = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
"""Where the clock of the sandbox stands in the other tests."""


@pytest.fixture
def installation(installation: Settings) -> Settings:
    """With the points for whole periods: a call in place of one for each company."""
    return installation.model_copy(update={"tushare_points": 5000})


@pytest.fixture
def today(sandbox: Running) -> Iterator[Running]:
    """The sandbox at this very day: a run of Dagster knows no other."""
    sandbox.set_clock(None)
    yield sandbox
    sandbox.set_clock(FIXED)


def newest(location: CodeLocation, name: str, partition: str) -> dict[str, Any]:
    """The metadata of the newest materialization or observation of a partition."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), asset_partitions=[partition])
    told = [
        *location.instance.fetch_materializations(wanted, limit=1).records,
        *location.instance.fetch_observations(wanted, limit=1).records,
    ]
    record = max(told, key=lambda one: one.storage_id)
    event = record.asset_materialization or record.event_log_entry.asset_observation
    assert event is not None
    return {key: value.value for key, value in event.metadata.items()}


def run_disclosed(location: CodeLocation) -> dg.ExecuteInProcessResult:
    job = location.repository.get_job("disclosed")
    return job.execute_in_process(instance=location.instance, raise_on_error=False)


def scheduled(location: CodeLocation, name: str, at: datetime) -> dg.SensorResult | Any:
    """What a schedule asks for."""
    schedule = next(one for one in disclosed.build_schedules(Platform(location.settings)) if one.name == name)
    with dg.build_schedule_context(instance=location.instance, scheduled_execution_time=at) as context:
        return schedule.evaluate_tick(context)


def test_one_run_lands_many_periods_after_the_plan_that_they_are_judged_by(
    location: CodeLocation, today: Running
) -> None:
    result = location.run("disclosure_date", "income", "balancesheet", first=FIRST, last=LAST)
    assert result.success
    for name in ("disclosure_date", "income", "balancesheet"):
        assert location.materialized(name) == BOTH
    made = [call["api"] for call in today.calls() if call["api"] != "stock_basic"]
    assert made[:2] == ["disclosure_date"] * 2
    assert made.count("disclosure_date") == 2, "whoever needs the plan finds it there"


def test_a_period_shows_what_arrived_and_from_whom(location: CodeLocation, today: Running) -> None:
    location.run("income", first=FIRST, last=LAST)
    shown = newest(location, "income", LAST)
    assert shown["status"] == "complete"
    assert shown["companies"] == shown["expected"] == len({*shown["arrived"]}) + max(0, shown["companies"] - 50)
    assert shown["dagster/partition_row_count"] == shown["inserted"] > shown["companies"]
    assert shown["rows"].endswith("/datasets/income/rows?period=20250930")
    location.run("income", first=FIRST, last=LAST, refetch=True)
    again = newest(location, "income", LAST)
    assert (again["inserted"], again["updated"]) == (0, 0)
    assert "arrived" not in again


def test_who_is_missing_is_named_and_the_run_fails(location: CodeLocation, today: Running) -> None:
    location.run("disclosure_date", first=FIRST, last=LAST)
    today.inject("half:api=income")
    result = location.run("income", first=FIRST, last=LAST)
    assert not result.success
    assert location.materialized("income") == set()
    for period in BOTH:
        shown = newest(location, "income", period)
        assert shown["status"] == "partial"
        assert shown["missing"] == len(shown["missing_keys"])
    today.heal()
    assert location.run("income", first=FIRST, last=LAST).success
    assert location.materialized("income") == BOTH


def test_the_checks_of_reports(location: CodeLocation, today: Running) -> None:
    result = location.run("balancesheet", first=FIRST, last=LAST)
    told = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert told.keys() == {"complete", "keys", "versions", "nulls", "ann_after_period", "balance", "fresh"}
    assert {name for name, one in told.items() if not one.passed} <= {"ann_after_period", "fresh"}
    assert told["balance"].description == "it holds on 2 days"


def test_versions_that_are_gone_are_found_by_the_next_run(
    location: CodeLocation, today: Running, engine: Engine
) -> None:
    location.run("forecast", first=FIRST, last=LAST)
    table = METADATA.tables["forecast"]
    with engine.begin() as connection:
        connection.execute(
            update(table).where(table.c.end_date == date(2025, 9, 30)).values(end_date=date(2020, 9, 30))
        )
        connection.execute(
            update(COVERAGE).where(COVERAGE.c.dataset == "forecast").values(landed=COVERAGE.c.landed + 1)
        )
    today.inject("empty:api=forecast")
    result = location.run("forecast", first=FIRST, last=LAST, refetch=True)
    assert not result.success
    (told,) = (one for one in result.get_asset_check_evaluations() if one.check_name == "versions")
    assert (told.passed, told.metadata["rows"].value) == (False, 2)


def test_the_evening_lands_what_was_disclosed_of_the_open_periods(
    location: CodeLocation, today: Running, engine: Engine
) -> None:
    now = datetime.now(SHANGHAI)
    newest_period = periods(now.date() - timedelta(days=200), now.date() - timedelta(days=1))[-1].isoformat()
    location.run("income", "fina_audit", first=FIRST, last=LAST)
    with engine.begin() as connection:
        connection.execute(delete(COVERAGE).where(COVERAGE.c.partition == newest_period))
    today.forget()
    result = run_disclosed(location)
    assert result.success
    shown = newest(location, "disclosure_date", newest_period)
    assert shown["dagster/partition_row_count"]
    shown = newest(location, "income", newest_period)
    assert (shown["status"], shown.get("missing", 0)) == ("complete", 0)
    made = {call["api"] for call in today.calls()}
    assert made <= {"stock_basic", "disclosure_date", "income", "income_vip", "fina_audit"}
    assert "daily" not in made


def evening_run(location: CodeLocation, evening: datetime) -> dg.ExecuteInProcessResult:
    job = location.repository.get_job("disclosed")
    tags = {**AHEAD, disclosed.EVENING: evening.isoformat()}
    return job.execute_in_process(instance=location.instance, raise_on_error=False, tags=tags)


def going_on(location: CodeLocation, after: timedelta) -> dg.SensorResult | Any:
    """What is asked for to go on with the evening, so long from now."""
    sensor = disclosed.build_sensor(Platform(location.settings), now=lambda: datetime.now(UTC) + after)
    with dg.build_sensor_context(instance=location.instance) as context:
        return sensor.evaluate_tick(context)


def test_an_evening_that_nobody_answers_fails_is_told_and_goes_on_after_an_hour(
    location: CodeLocation, today: Running, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    evening = datetime.now(SHANGHAI) - timedelta(seconds=1)
    monkeypatch.setattr(pure, "last_filings", lambda _: evening)
    location.run("forecast", first=FIRST, last=LAST)
    assert run_disclosed(location).success
    assert "did not fail" in going_on(location, timedelta()).skip_message
    today.inject("throttle_day:api=forecast")
    failed = evening_run(location, evening := datetime.now(SHANGHAI))
    today.heal()
    open_now = [period.isoformat() for period in pure.may_be_open(evening.date())]
    with engine.connect() as connection:
        booked = connection.execute(
            select(COVERAGE.c.status).where(COVERAGE.c.dataset == "forecast", COVERAGE.c.partition.in_(open_now))
        ).scalars()
        assert {*booked} == {Status.COMPLETE}, "as of before"
    assert not failed.success
    assert "forecast" in str(alerts._error(location.instance, failed.run_id)), "no coverage tells it"
    assert "a short time ago" in going_on(location, timedelta()).skip_message
    (request,) = going_on(location, timedelta(hours=1, minutes=1)).run_requests
    assert request.tags[disclosed.EVENING] == evening.isoformat()
    assert evening_run(location, evening).success
    assert "did not fail" in going_on(location, timedelta(hours=2)).skip_message


@pytest.fixture
def at(today: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the clocks of the sandbox and of the runs."""
    ingest, moment = Platform.ingest, [FIXED]

    @contextmanager
    def ticking(self: Platform, run_id: str, *, urgent: bool = False) -> Iterator[Ingest]:
        with ingest(self, run_id, urgent=urgent) as walk:
            walk.now = lambda: moment[0]
            yield walk

    def set_to(now: datetime) -> None:
        moment[0] = now
        today.set_clock(now)

    monkeypatch.setattr(Platform, "ingest", ticking)
    return set_to


def observed(location: CodeLocation, name: str) -> dict[str, Any]:
    """The metadata of the newest observation of a dataset as a whole."""
    records = location.instance.fetch_observations(dg.AssetKey(name), limit=20).records
    record = next(one for one in records if one.partition_key is None)
    observation = record.event_log_entry.asset_observation
    assert observation is not None
    return {key: value.value for key, value in observation.metadata.items()}


def test_with_no_period_open_what_was_announced_arrives_and_is_shown(
    location: CodeLocation, at: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    evening, annual = datetime(2025, 6, 10, 21, 0, tzinfo=SHANGHAI), "2024-12-31"
    at(evening - timedelta(days=1))
    location.run("dividend", first=annual, last=annual)
    rows = newest(location, "dividend", annual)["dagster/partition_row_count"]
    at(evening)
    monkeypatch.setattr(Ingest, "open_periods", lambda *_: [])
    assert evening_run(location, evening).success
    shown = observed(location, "dividend")
    assert shown["announced"]["imp_ann_date=2025-06-10"] == shown["inserted"] == 2
    assert shown["calls"] == len(shown["announced"]) == 64, "by both days, from tomorrow back"
    assert shown["arrived"] == {annual: ["300001.SZ", "603001.SH"]}
    partition = newest(location, "dividend", annual)
    assert (partition["dagster/partition_row_count"], partition["inserted"]) == (rows + 2, 2)
    assert partition["arrived"] == ["300001.SZ", "603001.SH"]


def test_a_day_of_announcement_that_nobody_answers_for_fails_the_run_and_is_told(
    location: CodeLocation, at: Callable[[datetime], None], sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    evening, annual = datetime(2025, 6, 10, 21, 0, tzinfo=SHANGHAI), "2024-12-31"
    at(evening)
    location.run("dividend", first=annual, last=annual)
    monkeypatch.setattr(Ingest, "open_periods", lambda *_: [])
    sandbox.inject("throttle_day:api=dividend")
    failed = evening_run(location, evening)
    sandbox.heal()
    assert not failed.success
    assert "dividend ann_date=2025-06-11" in str(alerts._error(location.instance, failed.run_id))
    assert len(observed(location, "dividend")["unanswered"]) < 10, "and the others are not asked"
    assert evening_run(location, evening).success
    assert "unanswered" not in observed(location, "dividend")


def test_a_weekly_fetch_that_nobody_answers_is_told_though_all_is_complete(
    location: CodeLocation, today: Running
) -> None:
    wanted = [date.fromisoformat(LAST), date.fromisoformat(FIRST)]
    location.run("forecast", first=FIRST, last=LAST)
    today.inject("throttle_day:api=forecast")
    job = location.repository.get_job("fill")
    config = fill_config({"forecast": wanted}, refetch=True)
    failed = job.execute_in_process(instance=location.instance, run_config=config, raise_on_error=False)
    today.heal()
    assert not failed.success
    told = str(alerts._error(location.instance, failed.run_id))
    assert "complete as of an earlier answer, and was not answered for now" in told, "no coverage tells it"
    assert f"the first: forecast {LAST}" in told or f"the first: forecast {FIRST}" in told, "whichever came first"


def test_a_dataset_that_breaks_keeps_the_others_not_from_being_asked(
    location: CodeLocation, today: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    location.run("forecast", "express", first=FIRST, last=LAST)
    increment = Evening.increment

    def breaking(self: Evening, dataset: Dataset, *words: Any, **more: Any) -> Iterator[Any]:
        if dataset.api == "forecast":
            raise RuntimeError("it broke")
        yield from increment(self, dataset, *words, **more)

    monkeypatch.setattr(Evening, "increment", breaking)
    today.forget()
    result = run_disclosed(location)
    assert not result.success
    assert "it broke" in str(alerts._error(location.instance, result.run_id))
    assert {call["api"] for call in today.calls()} & {"express", "express_vip"}


def test_an_evening_without_reports_asks_for_none(location: CodeLocation, today: Running) -> None:
    at = datetime(2026, 10, 20, 21, 0, tzinfo=SHANGHAI)
    for name in ("reports", "reports_again"):
        told = scheduled(location, name, at)
        assert told.skip_message == "no report has landed yet: start with a backfill"
    assert run_disclosed(location).success
    assert not today.calls()


def test_each_evening_one_run_is_asked_for_and_each_week_one_for_every_dataset(
    location: CodeLocation, today: Running
) -> None:
    location.run("income", "forecast", first=FIRST, last=LAST)
    at = datetime(2026, 10, 24, 21, 0, tzinfo=SHANGHAI)
    (request,) = scheduled(location, "reports", at).run_requests
    assert (request.run_key, request.job_name, AHEAD.items() <= request.tags.items()) == ("2026-10-24", None, True)
    requests = scheduled(location, "reports_again", at).run_requests
    asked = [one.run_config["ops"]["land_days"]["config"] for one in requests]
    assert [list(one["days"]) for one in asked] == [["disclosure_date"], ["income"], ["forecast"]]
    wanted = [period.isoformat() for period in pure.last_periods(at.date())]
    assert len(wanted) == 8
    assert {tuple(*one["days"].values()) for one in asked} == {tuple(wanted)}
    assert all(one["refetch"] for one in asked)


def test_the_weekly_fetch_finds_silent_corrections_and_writes_nothing_else(
    location: CodeLocation, today: Running, engine: Engine
) -> None:
    wanted = pure.last_periods(datetime.now(SHANGHAI).date())
    location.run("income", first=wanted[-1].isoformat(), last=wanted[0].isoformat())
    with engine.begin() as connection:
        changed = connection.execute(
            text(
                "update income set revenue = revenue + 1, digest = md5(digest) where ts_code = '000001.SZ'"
                " and end_date = '2025-09-30' and report_type = '1' and update_flag is not null returning 1"
            )
        ).rowcount
    assert changed
    request = next(
        one
        for one in scheduled(location, "reports_again", datetime.now(SHANGHAI)).run_requests
        if "income" in one.run_config["ops"]["land_days"]["config"]["days"]
    )
    job = location.repository.get_job("fill")
    job.execute_in_process(instance=location.instance, run_config=request.run_config, raise_on_error=False)
    shown = newest(location, "income", LAST)
    assert (shown["inserted"], shown["updated"], shown["arrived"]) == (changed, changed, ["000001.SZ"])
    others = [newest(location, "income", period.isoformat()) for period in wanted if period != date(2025, 9, 30)]
    assert {(one["inserted"], one["updated"]) for one in others} == {(0, 0)}


def test_what_an_error_kept_from_being_complete_is_caught_up(
    location: CodeLocation, today: Running, engine: Engine
) -> None:
    location.run("disclosure_date", first=FIRST, last=LAST)
    today.inject("throttle_day:api=income")
    location.run("income", first=FIRST, last=LAST)
    today.heal()
    sensor = clock.build_sensor(Platform(location.settings), now=lambda: datetime.now(UTC) + timedelta(days=1, hours=3))
    with dg.build_sensor_context(instance=location.instance) as context:
        (request,) = sensor.evaluate_tick(context).run_requests or [None]
    assert request is not None
    config = request.run_config["ops"]["land_days"]["config"]
    assert config["days"]["income"] == [LAST, FIRST]
    assert config["failed"], "and only what failed"
    with engine.connect() as connection:
        booked = connection.execute(text("select distinct status from coverage where dataset = 'income'")).scalars()
        assert [*booked] == [Status.DEFERRED]
    job = location.repository.get_job("fill")
    config = {"ops": {"land_days": {"config": {"days": {"income": [LAST, FIRST]}}}}}
    assert job.execute_in_process(instance=location.instance, run_config=config, raise_on_error=False).success
    assert location.materialized("income") == BOTH


def test_the_weekly_fetch_takes_the_last_two_years() -> None:
    assert pure.last_periods(date(2026, 11, 21)) == periods(date(2024, 12, 31), date(2026, 9, 30))[::-1]
    assert pure.last_periods(date(2026, 1, 1)) == periods(date(2024, 3, 31), date(2025, 12, 31))[::-1]
    assert all(CATALOG[name].by_period for name in ("income", "disclosure_date"))
