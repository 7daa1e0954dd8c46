"""What is told of Dagster is what its storage holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from dagster import DagsterRunStatus as Run
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.scheduler.instigation import TickStatus

if TYPE_CHECKING:
    from conftest import Installation

HOUR = 3600.0


def test_an_idle_dagster_has_no_queue_and_no_age(home: Installation) -> None:
    told = home.tell()
    assert told("exporter_up", part="dagster") == 1
    assert told("dagster_queue_length") == 0
    assert told("dagster_backfills") == 0
    assert told("dagster_queue_oldest_timestamp_seconds") is None
    assert told("dagster_backfill_oldest_timestamp_seconds") is None


def test_the_queue_has_a_length_and_the_age_of_who_waits_longest(home: Installation) -> None:
    for ago in (60, 600):
        home.storage.run("market", Run.QUEUED, ago=ago)
    home.storage.run("market", Run.STARTED, ago=3000)
    told = home.tell()
    assert told("dagster_queue_length") == 2
    assert told("dagster_runs", job="market", status="queued") == 2
    assert told("dagster_runs", job="market", status="started") == 1
    assert told("dagster_runs", job="market", status="starting") == 0
    assert told("dagster_queue_oldest_timestamp_seconds") == pytest.approx(time.time() - 600, abs=30)
    assert told("dagster_run_oldest_timestamp_seconds", job="market") == pytest.approx(time.time() - 3000, abs=30)


def test_ended_runs_are_counted_for_an_hour_and_for_a_day(home: Installation) -> None:
    for ago in (0.1 * HOUR, 2 * HOUR, 23 * HOUR, 25 * HOUR):
        home.storage.run("market", Run.FAILURE, ago=ago)
    told = home.tell()
    assert told("dagster_runs_last_hour", job="market", status="failure") == 1
    assert told("dagster_runs_last_day", job="market", status="failure") == 3
    assert told("dagster_runs_last_day", job="market", status="success") == 0


def test_what_is_usual_is_told_of_jobs_that_ran_well_often_enough(home: Installation) -> None:
    for took in (10, 20, 30, 40, 50):
        home.storage.run("market", Run.SUCCESS, ago=HOUR, took=took)
        home.storage.run("old", Run.SUCCESS, ago=15 * 24 * HOUR, took=took)
    home.storage.run("market", Run.FAILURE, ago=HOUR, took=5000)
    home.storage.run("rare", Run.SUCCESS, ago=HOUR, took=10)
    told = home.tell()
    assert told("dagster_run_usual_seconds", job="market", quantile="0.5") == pytest.approx(30)
    assert told("dagster_run_usual_seconds", job="market", quantile="0.95") == pytest.approx(48)
    assert told("dagster_run_usual_seconds", job="rare", quantile="0.5") is None
    assert told("dagster_run_usual_seconds", job="old", quantile="0.5") is None


def test_daemons_and_backfills_have_moments(home: Installation) -> None:
    home.storage.beat("SENSOR", time.time() - 500)
    home.storage.backfill("open", BulkActionStatus.REQUESTED, time.time() - 900)
    home.storage.backfill("over", BulkActionStatus.COMPLETED_SUCCESS, time.time() - 9000)
    told = home.tell()
    beat = told("dagster_daemon_heartbeat_timestamp_seconds", daemon="sensor")
    assert beat == pytest.approx(time.time() - 500, abs=30)
    assert told("dagster_backfills") == 1
    assert told("dagster_backfill_oldest_timestamp_seconds") == pytest.approx(time.time() - 900, abs=30)


def test_a_sensor_is_told_by_its_last_tick_that_is_over(home: Installation) -> None:
    home.storage.sensor("alerts", TickStatus.SKIPPED, TickStatus.FAILURE, TickStatus.STARTED)
    home.storage.sensor("follow", TickStatus.FAILURE, TickStatus.SUCCESS)
    home.storage.sensor("silent", TickStatus.FAILURE, stopped=True)
    told = home.tell()
    assert told("dagster_tick_failed", kind="sensor", name="alerts") == 1
    assert told("dagster_tick_failed", kind="sensor", name="follow") == 0
    assert told("dagster_tick_failed", kind="sensor", name="silent") is None
    at = told("dagster_tick_timestamp_seconds", kind="sensor", name="alerts")
    assert at == pytest.approx(time.time() - 30, abs=30)
