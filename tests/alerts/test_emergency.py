"""That the disk is full is told past the table, which cannot be written: to each channel, and not each minute."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from booked import TODAY, at
from sqlalchemy import text

from stock_assistant_pipelines.alerts import emergency
from stock_assistant_pipelines.defs.alerts import build_sensor
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from datetime import datetime

    from booked import Book
    from robot_server import Robots
    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.database import Database

FULL = """
create function no_space() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
create trigger no_space before insert on alert execute function no_space()
"""


@pytest.fixture
def platform(database: Database, robots: Robots, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """An installation with two channels, of which nobody has told anything yet."""
    monkeypatch.setattr(emergency, "_told", {})
    urls = [f"dingtalk://first?base={robots.url}", f"wecombot://second?base={robots.url}"]
    return Platform(Settings(database_url=database.url.render_as_string(hide_password=False), alert_urls=urls))


def tick(platform: Platform, now: datetime) -> str:
    """What the sensor says at a moment."""
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        return str(build_sensor(platform, now=lambda: now).evaluate_tick(context).skip_message)


def test_each_channel_hears_of_a_full_disk_once_and_again_while_it_lasts(
    platform: Platform, robots: Robots, engine: Engine, book: Book
) -> None:
    book.put("daily", TODAY, Status.DISABLED, "PermissionDenied")
    with engine.begin() as connection:
        connection.execute(text(FULL))
    robots.behaviour["second"] = "refuse"
    assert tick(platform, at(19)).startswith("channels told past the table: 1. PostgreSQL's disk is full")
    del robots.behaviour["second"]
    tick(platform, at(19) + timedelta(minutes=1))
    tick(platform, at(19) + timedelta(minutes=2))
    (first,), (second,) = robots.texts("first"), robots.texts("second")
    assert "free space on it" in first
    assert "free space on it" in second
    tick(platform, at(19) + emergency.AGAIN)
    assert len(robots.texts("first")) == 2
