"""A run with a role for each duty: Dagster keeps its history as its own, the rows are the pipelines', the monitor counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from code_location import CodeLocation
from dagster._core.test_utils import instance_for_test
from databases import working_as
from pydantic import SecretStr

from stock_assistant_pipelines.sandbox.server import TOKEN, Running
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.database import DAGSTER_ROLE, MONITOR_ROLE, WRITER_ROLE, dagsters
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.roles import MONITOR

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORDS = {DAGSTER_ROLE: SecretStr("s3cret"), MONITOR_ROLE: SecretStr("s3cret")}


@pytest.fixture
def divided(database: Database) -> Database:
    """The databases, with the passwords that `db upgrade` is given."""
    divided = Database(database.url, PASSWORDS)
    divided.create()
    divided.grant()
    return divided


@pytest.fixture
def location(divided: Database, sandbox: Running) -> Iterator[CodeLocation]:
    """A code location whose variables name the pipelines' role and Dagster's."""
    writer = working_as(divided, WRITER_ROLE).url.render_as_string(hide_password=False)
    settings = Settings(database_url=writer, tushare_token=TOKEN, tushare_base_url=sandbox.url)
    storage = Database(divided.url, {DAGSTER_ROLE: PASSWORDS[DAGSTER_ROLE]}).dagster_url
    with instance_for_test(overrides={"storage": {"postgres": {"postgres_url": storage}}}) as instance:
        yield CodeLocation(settings, instance)


def test_a_run_lands_and_is_counted(location: CodeLocation, divided: Database) -> None:
    assert location.run("daily", first="2026-03-04", last="2026-03-04").success
    divided.grant()  # as `db upgrade` does when Dagster has made its tables
    url = divided.url.set(database=dagsters(divided.url.database), username=MONITOR_ROLE)
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        assert connection.execute("select status from runs").fetchall() == [("SUCCESS",)]
        for table in {**MONITOR.dagsters.tables, **MONITOR.dagsters.columns}:
            connection.execute(f"select id from {table}")  # type: ignore[call-overload]
        for closed in ("select run_body from runs", "select event from event_logs", "select body from bulk_actions"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(closed)  # type: ignore[call-overload]
        owners = connection.execute("select distinct tableowner from pg_tables where schemaname = 'public'").fetchall()
    assert owners == [(DAGSTER_ROLE,)]
    with psycopg.connect(conninfo(divided.url)) as connection:
        assert connection.execute("select count(*) > 0 from daily").fetchone() == (True,)
