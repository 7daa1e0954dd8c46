"""What an asset works with, when the database is not as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.warehouse.migrator import NotMigrated

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
