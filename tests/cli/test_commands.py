"""The command line: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from click.testing import CliRunner
from databases import working_as
from sqlalchemy import create_engine, text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.settings import settings
from stock_assistant_pipelines.settings.database import DAGSTER_ROLE, MONITOR_ROLE, WRITER_ROLE, dagsters
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

STOCK_ASSISTANT = str(Path(sys.executable).with_name("stock-assistant"))


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_datasets_are_listed_one_a_line() -> None:
    result = CliRunner().invoke(main, ["datasets"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == list(CATALOG)


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    known = ("costs", "datasets", "db", "demo", "exec", "replay", "research", "up")
    for command in (*known, "sandbox", "sandbox-model", "sandbox-search"):
        assert f"\n  {command} " in result.output


def test_a_wrong_variable_is_one_line_that_names_it(tmp_path: Path) -> None:
    environment = {**os.environ, "TUSHARE_POINTS": "many"}
    done = subprocess.run(
        [STOCK_ASSISTANT, "db", "upgrade"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "TUSHARE_POINTS" in done.stderr


def test_exec_runs_a_command_with_the_installations_environment(database: Database, tmp_path: Path) -> None:
    url = database.url.render_as_string(hide_password=False)
    program = (
        "import os; print(os.environ['DAGSTER_PG_URL'], os.path.exists(os.environ['DAGSTER_HOME'] + '/dagster.yaml'))"
    )
    done = subprocess.run(
        [STOCK_ASSISTANT, "exec", "--", sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [database.dagster_url, "True"]


def test_exec_finds_the_programs_of_this_installation_and_says_when_there_is_none(
    database: Database, tmp_path: Path
) -> None:
    url = database.url.render_as_string(hide_password=False)
    environment = {**os.environ, "DATABASE_URL": url, "PATH": os.defpath}
    run = partial(subprocess.run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    found = run([STOCK_ASSISTANT, "exec", "--", "sh", "-c", "command -v dagster"]).stdout.strip()
    assert found == str(Path(sys.executable).with_name("dagster"))
    none = run([STOCK_ASSISTANT, "exec", "--", "no-such-program"])
    assert (none.returncode, none.stderr) == (1, "Error: there is no program 'no-such-program'\n")


def test_an_unreachable_database_is_one_line_that_says_what_to_check(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": "postgresql://reader:s3cret@127.0.0.1:1/stocks"}
    done = subprocess.run(
        [STOCK_ASSISTANT, "db", "upgrade"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "DATABASE_URL" in done.stderr
    assert "s3cret" not in done.stderr


def test_exec_passes_the_commands_exit_code_on(database: Database, tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": database.url.render_as_string(hide_password=False)}
    command = [STOCK_ASSISTANT, "exec", "--", sys.executable, "-c", "raise SystemExit(7)"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 7


def test_an_upgrade_gives_the_roles_their_rights_in_what_dagster_has_just_made_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def migrate(_: list[str], *, env: dict[str, str], stdout: int, check: bool) -> None:
        """As Dagster does, with the role that the environment names."""
        assert check
        assert stdout == subprocess.DEVNULL, "its whole configuration is not what was asked for"
        with create_engine(env["DAGSTER_PG_URL"]).begin() as connection:
            connection.execute(text("create table runs (id bigserial primary key, status text, run_body text)"))

    monkeypatch.setattr("stock_assistant_pipelines.cli.subprocess.run", migrate)
    url = database.url.render_as_string(hide_password=False)
    passwords = {"DAGSTER_DATABASE_PASSWORD": "s3cret", "MONITOR_DATABASE_PASSWORD": "s3cret"}
    done = CliRunner().invoke(main, ["db", "upgrade"], env={"DATABASE_URL": url, **passwords})
    assert done.exit_code == 0, done.output
    beside = database.url.set(database=dagsters(database.url.database), username=MONITOR_ROLE)
    with psycopg.connect(conninfo(beside)) as connection:
        assert connection.execute("select tableowner from pg_tables where tablename = 'runs'").fetchone() == (
            DAGSTER_ROLE,
        )
        connection.execute("select status from runs")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select run_body from runs")


@pytest.mark.parametrize("command", [["db", "upgrade"], ["db", "revision", "Add something"], ["db", "drop", "--yes"]])
def test_who_is_not_the_owner_is_told_so_in_one_line(database: Database, command: list[str]) -> None:
    url = working_as(database, WRITER_ROLE).url.render_as_string(hide_password=False)
    done = CliRunner().invoke(main, command, env={"DATABASE_URL": url})
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {WRITER_ROLE} is not the owner of the tables")
    assert done.output.count("\n") == 1


def test_drop_asks_first_and_then_drops_both_databases(postgres: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(postgres.set(database="to_be_dropped"))
    database.create()
    monkeypatch.setenv("DATABASE_URL", database.url.render_as_string(hide_password=False))
    assert CliRunner().invoke(main, ["db", "drop"], input="n\n").exit_code == 1
    assert _names(postgres) >= {"to_be_dropped", "to_be_dropped_dagster"}
    assert CliRunner().invoke(main, ["db", "drop"], input="y\n").exit_code == 0
    assert _names(postgres).isdisjoint({"to_be_dropped", "to_be_dropped_dagster"})


def _names(server: URL) -> set[str]:
    with psycopg.connect(conninfo(server)) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
