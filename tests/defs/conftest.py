"""Dagster runs in this process, against the sandbox and a database of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
from code_location import CodeLocation

from stock_assistant_pipelines.sandbox.server import TOKEN, Running
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.warehouse.database import Database


@pytest.fixture
def installation(database: Database, sandbox: Running) -> Settings:
    """The settings of an installation that asks the sandbox; its patience is short."""
    return Settings(
        database_url=database.url.render_as_string(hide_password=False),
        tushare_token=TOKEN,
        tushare_base_url=sandbox.url,
        tushare_timeout=0.5,
        tushare_throttle_seconds=0.05,
        tushare_calls_per_minute=0,
    )


@pytest.fixture
def location(installation: Settings) -> Iterator[CodeLocation]:
    """The code location of the installation."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield CodeLocation(installation, instance)
