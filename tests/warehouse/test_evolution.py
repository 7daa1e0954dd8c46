"""A migration that takes something away says so, and going back takes back no more than that migration has said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.migration import MigrationContext
from alembic.operations import Operations

from stock_assistant_pipelines.warehouse.evolution import lower_floor, raise_floor
from stock_assistant_pipelines.warehouse.revision import FLOOR

if TYPE_CHECKING:
    from sqlalchemy import Engine


def test_the_floor_is_what_the_migrations_that_are_left_have_raised_it_to(engine: Engine) -> None:
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):

        def floor() -> object:
            return connection.exec_driver_sql(FLOOR).scalar_one()

        raise_floor("9001", "9000", "a column")
        raise_floor("9003", "9002", "a table")
        assert floor() == "9002"
        lower_floor("9003")
        assert floor() == "9000"
        lower_floor("9001")
        assert floor() is None
