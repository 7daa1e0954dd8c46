"""The API's role reads what is served, and can do nothing else, whatever it tries."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.derived import DERIVED
from stock_assistant_pipelines.settings.database import API_ROLE, dagsters
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.grants import RoleRefused
from stock_assistant_pipelines.warehouse.roles import API

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

SERVED = {
    *CATALOG,
    *DERIVED,
    *("coverage", "asked", "alembic_version", "schema_floor", "data_version", "quota", "permit", "quarantine"),
    *("research_sheet", "research_report", "research_note", "research_claim", "research_outcome"),
    "llm_spending",
}
SECRET = ("api_key", "alert", "alert_channel", "superseded", "llm_call", "research_watch")
SAID = ("request", "response", "request_sha256", "error")
"""What is kept of a call of a model beside what it cost: prompts, answers, what a provider said."""
IN_PART = {
    ("llm_call", name)
    for name in (
        *("report_key", "expert", "provider", "model", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning"),
        *("reserved_cny", "cost_cny", "started_at", "outcome"),
    )
} | {("research_watch", "trade_date"), ("research_watch", "ts_code"), ("research_watch", "named_by")}
"""The columns that are read of tables that are not read whole."""


@pytest.fixture(scope="module")
def prepared(postgres: URL) -> Iterator[Database]:
    """A database as `stock-assistant up` prepares it."""
    database = Database(postgres.set(database=f"roles_{uuid4().hex[:8]}"), embedded=True)
    database.prepare()
    yield database
    database.drop()


@contextmanager
def reading(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Connect as the API does, and take off the brake that only guards against mistakes."""
    with psycopg.connect(conninfo(database.api_url), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        yield connection


def owned(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as the owner."""
    with psycopg.connect(conninfo(database.url), autocommit=True) as connection:
        done = connection.execute(statement)  # type: ignore[call-overload]
        return done.fetchall() if done.description else []


def readable(database: Database) -> set[str]:
    """The tables and views that the role can read, found by trying each."""
    names = owned(
        database,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')",
    )
    found = set()
    with reading(database) as connection:
        for (name,) in names:
            try:
                connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(name)))
                found.add(name)
            except psycopg.errors.InsufficientPrivilege:
                pass
    return found


def test_it_reads_what_is_served_and_nothing_else(prepared: Database) -> None:
    assert readable(prepared) == SERVED
    assert not SERVED & set(SECRET)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DELETE FROM {table}" for table in ("daily", "coverage", "api_key", "alembic_version")),
        "INSERT INTO coverage (dataset) VALUES ('daily')",
        "UPDATE daily SET close = 1",
        "TRUNCATE daily",
        "DROP TABLE daily",
        "ALTER TABLE daily ADD COLUMN x int",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "CREATE SCHEMA mine",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'x')",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'select 1'",
        "CREATE OR REPLACE FUNCTION api_keys() RETURNS int LANGUAGE sql AS 'select 1'",
        "SELECT hash FROM api_key",
        *(f"SELECT {column} FROM llm_call" for column in SAID),
        "SELECT * FROM llm_call",
        "SELECT rolpassword FROM pg_authid",
        "SELECT * FROM pg_shadow",
        "SELECT pg_read_file('postgresql.conf')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/mine'",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        f"ALTER ROLE {API_ROLE} SUPERUSER",
        "ALTER SYSTEM SET jit = on",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    ],
)
def test_it_can_do_nothing_else(prepared: Database, statement: str) -> None:
    with (
        psycopg.connect(conninfo(prepared.url)),  # somebody's connection, to be ended
        reading(prepared) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # type: ignore[call-overload]


def test_it_is_read_only_from_the_start(prepared: Database) -> None:
    with psycopg.connect(conninfo(prepared.api_url)) as connection:
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)


def test_it_is_told_of_keys_only_what_tells_one_that_is_good(prepared: Database) -> None:
    owned(
        prepared,
        "INSERT INTO api_key (name, hash, hint, created_at, expires_at, revoked_at) VALUES"
        " ('good', '\\x01', '', now(), null, null),"
        " ('over', '\\x02', '', now(), now(), null), ('gone', '\\x03', '', now(), null, now())",
    )
    with reading(prepared) as connection:
        done = connection.execute("SELECT * FROM api_keys()")
        assert [column.name for column in done.description or ()] == ["hash", "name", "per_minute", "expires_at"]
        assert [row[1] for row in done.fetchall()] == ["good"]


def test_it_is_told_of_calls_of_models_what_they_cost_and_of_who_is_expected_that_they_are(prepared: Database) -> None:
    with reading(prepared) as connection:
        told = connection.execute(
            "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm') AND attnum > 0"
            " AND has_column_privilege(attrelid, attnum, 'SELECT')"
        )
        assert {(table, column) for table, column in told if table not in SERVED} == IN_PART
    assert not {column for _, column in IN_PART} & set(SAID)


def test_a_column_that_was_given_by_mistake_is_taken_back(prepared: Database) -> None:
    owned(prepared, f"GRANT SELECT (response) ON llm_call TO {API_ROLE}; GRANT SELECT (hash) ON api_key TO {API_ROLE}")
    owned(prepared, f"GRANT SELECT ON research_watch TO {API_ROLE}")
    prepared.prepare()
    with reading(prepared) as connection:
        for statement in (
            "SELECT response FROM llm_call",
            "SELECT hash FROM api_key",
            "SELECT error FROM research_watch",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.execute("SELECT cost_cny FROM llm_call")
        connection.execute("SELECT ts_code FROM research_watch")


def test_nobody_else_is_told_of_keys(prepared: Database) -> None:
    (allowed,) = owned(prepared, "SELECT proacl::text FROM pg_proc WHERE proname = 'api_keys'")
    assert not allowed[0].startswith("{=")
    assert ",=" not in allowed[0]


def test_it_does_not_come_into_dagsters_database(prepared: Database) -> None:
    url = prepared.api_url.set(database=dagsters(prepared.url.database))
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(conninfo(url))


def test_what_was_given_by_mistake_is_taken_back(prepared: Database) -> None:
    owned(prepared, f"GRANT INSERT ON daily TO {API_ROLE}; GRANT SELECT ON quota TO {API_ROLE}")
    prepared.prepare()
    with reading(prepared) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO daily (ts_code, trade_date) VALUES ('600519.SH', '2024-01-02')")
    assert readable(prepared) == SERVED


def test_a_table_that_comes_new_is_read_once_the_database_is_prepared_and_only_if_it_is_served(
    prepared: Database,
) -> None:
    owned(prepared, "CREATE TABLE secret (x int); DROP TABLE namechange; CREATE TABLE namechange (x int)")
    assert readable(prepared) == SERVED - {"namechange"}
    prepared.prepare()
    assert readable(prepared) == SERVED


def test_without_a_password_no_role_is_made_on_a_server_of_ones_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = replace(API, name="stock_assistant_absent")
    monkeypatch.setattr("stock_assistant_pipelines.warehouse.grants.ROLES", (absent,))
    Database(database.url).prepare()
    assert owned(database, f"SELECT 1 FROM pg_roles WHERE rolname = '{absent.name}'") == []


def test_a_password_is_kept_as_what_cannot_be_turned_back(database: Database) -> None:
    Database(database.url, {API_ROLE: SecretStr("s3cret")}).prepare()
    ((kept,),) = owned(database, f"SELECT rolpassword FROM pg_authid WHERE rolname = '{API_ROLE}'")
    assert kept.startswith("SCRAM-SHA-256$")
    owned(database, f"ALTER ROLE {API_ROLE} PASSWORD NULL")


def test_who_may_not_make_roles_is_told_what_to_do(postgres: URL, prepared: Database) -> None:
    owned(prepared, "CREATE ROLE plain LOGIN CREATEDB")
    mine = Database(
        postgres.set(username="plain", database=f"plain_{uuid4().hex[:8]}"), {API_ROLE: SecretStr("s3cret")}
    )
    try:
        with pytest.raises(RoleRefused, match=r"could not be set up.*CREATEROLE"):
            mine.prepare()
        Database(mine.url).prepare()  # the role is there, and the tables are one's own: it is let read them
        assert readable(mine) == SERVED
    finally:
        mine.drop()
        owned(prepared, "DROP ROLE plain")
