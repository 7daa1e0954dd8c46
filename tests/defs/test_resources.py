"""What an asset works with, when the database is not as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster import RetryRequested
from pydantic import SecretStr
from sqlalchemy import text

from stock_assistant_pipelines.alerts import emergency
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.warehouse import space
from stock_assistant_pipelines.warehouse.database import NotMigrated
from stock_assistant_pipelines.warehouse.space import DiskFull

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.settings import Settings


def test_tables_of_another_version_are_told_with_what_to_do(installation: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("alter table coverage drop column cause"))
    with (
        pytest.raises(NotMigrated, match="run `stock-assistant db upgrade`"),
        Platform(installation).look() as connection,
    ):
        connection.execute(text("select cause from coverage"))


def test_other_mistakes_are_told_as_they_are(installation: Settings) -> None:
    with pytest.raises(Exception, match="syntax error"), Platform(installation).look() as connection:
        connection.execute(text("selekt 1"))


def test_a_run_that_finds_no_space_tells_it_and_waits_before_dagster_hears_of_it(
    installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    monkeypatch.setattr(emergency, "tell", lambda *_: done.append("told"))
    monkeypatch.setattr(space, "wait", lambda _: done.append("waited"))
    platform = Platform(installation.model_copy(update={"alert_urls": [SecretStr("feishu://token")]}))
    with pytest.raises(RetryRequested), platform.ingest("run"):
        raise DiskFull(OSError("No space left on device"))
    assert done == ["told", "waited"]


def test_a_landing_tells_it_the_same_way(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(emergency, "tell", lambda *_: told.append("told"))
    with Platform(installation).ingest("run") as ingest:
        assert ingest.when_full is not None
        ingest.when_full(DiskFull(OSError("No space left on device")))
    assert told == [], "ALERT_URLS is not set"
