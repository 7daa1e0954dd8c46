"""Each role may do what its duty takes, and nothing else: every table is asked, by every role."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from stock_assistant_pipelines.settings.database import (
    API_ROLE,
    BACKUP_ROLE,
    DAGSTER_ROLE,
    MONITOR_ROLE,
    WRITER_ROLE,
    dagsters,
)
from stock_assistant_pipelines.warehouse import keys
from stock_assistant_pipelines.warehouse.database import Database, NotOwner
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.grants import RoleRefused
from stock_assistant_pipelines.warehouse.migrator import NotMigrated
from stock_assistant_pipelines.warehouse.roles import FIXED, INNER, ROLES, SERVED, WRITER
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

PASSWORDS = {role.name: SecretStr("s3cret") for role in ROLES}

NAMES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""

MAY = """
SELECT relname, array_remove(ARRAY[
    CASE WHEN has_any_column_privilege(oid, 'SELECT') AND NOT has_table_privilege(oid, 'SELECT') THEN 'some' END,
    CASE WHEN has_table_privilege(oid, 'SELECT') THEN 'select' END,
    CASE WHEN has_any_column_privilege(oid, 'INSERT') THEN 'insert' END,
    CASE WHEN has_any_column_privilege(oid, 'UPDATE') THEN 'update' END,
    CASE WHEN has_table_privilege(oid, 'DELETE') THEN 'delete' END,
    CASE WHEN has_table_privilege(oid, 'TRUNCATE, TRIGGER, REFERENCES, MAINTAIN') THEN 'more' END
], NULL)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""
"""What who asks may do with each table, as PostgreSQL itself says."""

READ, SOME, NOTHING = ["select"], ["some"], list[str]()
APPEND = ["select", "insert"]
KEEP = [*APPEND, "update"]
WRITE = [*KEEP, "delete"]

FORBIDDEN = (
    "DROP TABLE daily",
    "ALTER TABLE daily ADD COLUMN x int",
    "TRUNCATE daily",
    "CREATE TABLE mine (x int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'select 1'",
    "CREATE OR REPLACE FUNCTION api_keys() RETURNS int LANGUAGE sql AS 'select 1'",
    "UPDATE alembic_version SET version_num = '0001'",
    "SELECT lo_create(0)",
    "SELECT pg_read_file('postgresql.conf')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SET ROLE postgres",
    "ALTER ROLE {role} SUPERUSER",
    "ALTER SYSTEM SET jit = on",
    "DROP DATABASE template1",
)


@pytest.fixture(scope="module")
def prepared(postgres: URL) -> Iterator[Database]:
    """A database in which every role has its rights."""
    database = Database(postgres.set(database=f"grants_{uuid4().hex[:8]}"), PASSWORDS)
    database.install()
    yield database
    database.drop()


@contextmanager
def connected(database: Database, role: str, *, name: str = "") -> Iterator[psycopg.Connection[Any]]:
    """Connect as a role, and take off the brake that only guards against mistakes."""
    url = database.url.set(username=role, database=name or database.url.database)
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        yield connection


def owned(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo(database.url), autocommit=True) as connection:
        done = connection.execute(statement)  # type: ignore[call-overload]
        return done.fetchall() if done.description else []


def allowed(database: Database, role: str) -> dict[str, list[str]]:
    with connected(database, role) as connection:
        return dict(connection.execute(MAY).fetchall())


def test_of_every_table_somebody_has_decided_who_may_do_what_with_it(prepared: Database) -> None:
    there = {name for (name,) in owned(prepared, NAMES)}
    assert there == {*SERVED, *INNER}, "name a new table in warehouse/roles.py"
    assert set(METADATA.tables) | set(FIXED) == there
    assert set(WRITER.ours.tables) == there


def test_the_pipelines_write_rows_and_never_what_a_row_said_before(prepared: Database) -> None:
    expected = dict.fromkeys((*SERVED, *INNER), WRITE) | dict.fromkeys(FIXED, READ)
    expected |= {"superseded": APPEND, "llm_call": KEEP, "llm_spending": KEEP, "api_key": KEEP}
    assert allowed(prepared, WRITER_ROLE) == expected


def test_the_api_reads_what_is_served(prepared: Database) -> None:
    expected = dict.fromkeys(INNER, NOTHING) | dict.fromkeys(SERVED, READ)
    assert allowed(prepared, API_ROLE) == expected | {"llm_call": SOME, "research_watch": SOME}


def test_dagster_and_the_tables_have_nothing_to_do_with_each_other(prepared: Database) -> None:
    assert allowed(prepared, DAGSTER_ROLE) == dict.fromkeys((*SERVED, *INNER), NOTHING)


def test_the_backup_reads_everything_and_changes_nothing(prepared: Database) -> None:
    assert allowed(prepared, BACKUP_ROLE) == dict.fromkeys((*SERVED, *INNER), READ)
    assert owned(prepared, f"SELECT rolreplication FROM pg_roles WHERE rolname = '{BACKUP_ROLE}'") == [(True,)]


def test_nobody_but_owner_and_backup_reads_what_passwords_are_checked_against(prepared: Database) -> None:
    for role in ROLES:
        with connected(prepared, role.name) as connection:
            told = connection.execute("SELECT has_table_privilege('pg_authid', 'SELECT')").fetchone()
        assert told == (role.name == BACKUP_ROLE,)


def test_the_monitor_counts_and_reads_no_text(prepared: Database) -> None:
    whole = ("coverage", "asked", "data_version", "quota", "permit", "llm_spending", "trade_cal", "research_outcome")
    parts = ("alert", "alert_channel", "llm_call", "research_watch", "research_search")
    parts += ("research_report", "research_note", "research_claim")
    expected = dict.fromkeys((*SERVED, *INNER), NOTHING) | dict.fromkeys((*whole, *FIXED), READ)
    assert allowed(prepared, MONITOR_ROLE) == expected | dict.fromkeys(parts, SOME)
    with connected(prepared, MONITOR_ROLE) as connection:
        connection.execute("SELECT query FROM pg_stat_activity")
        for column, table in (
            *(("markdown", "research_report"), ("text", "research_claim"), ("template", "research_claim")),
            *(("body", "alert"), ("last_error", "alert_channel"), ("request", "llm_call"), ("response", "llm_call")),
            *(("query", "research_search"), ("hash", "api_key"), ("error", "research_watch")),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("SELECT {} FROM {}").format(*map(sql.Identifier, (column, table))))


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_nobody_but_the_owner_defines_anything(prepared: Database, statement: str) -> None:
    for role in ROLES:
        with connected(prepared, role.name) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.format(role=role.name))  # type: ignore[call-overload]


def test_only_the_pipelines_have_temporary_tables(prepared: Database) -> None:
    for role in ROLES:
        with connected(prepared, role.name) as connection:
            if role is WRITER:
                connection.execute("CREATE TEMPORARY TABLE stage (x int)")
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TEMPORARY TABLE stage (x int)")


def test_only_the_api_is_told_of_good_keys_and_only_the_pipelines_make_one(prepared: Database) -> None:
    for role in ROLES:
        with connected(prepared, role.name) as connection:
            functions = connection.execute("SELECT has_function_privilege('api_keys()', 'EXECUTE')").fetchone()
            numbers = connection.execute("SELECT has_sequence_privilege('api_key_id_seq', 'USAGE')").fetchone()
        assert functions == (role.name == API_ROLE,)
        assert numbers == (role.name == WRITER_ROLE,)


def test_the_pipelines_make_and_revoke_keys(prepared: Database) -> None:
    engine = Database(prepared.url.set(username=WRITER_ROLE)).engine()
    keys.create(engine, "research")
    keys.revoke(engine, "research")
    with engine.connect() as connection:
        assert [key.revoked_at is None for key in keys.known(connection) if key.name == "research"] == [False]
    engine.dispose()


def test_dagsters_database_is_its_roles_and_who_need_not_enter_does_not(prepared: Database) -> None:
    name = dagsters(prepared.url.database)
    with connected(prepared, DAGSTER_ROLE, name=name) as connection:
        connection.execute("CREATE TABLE kept (x int)")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
    with connected(prepared, BACKUP_ROLE, name=name) as connection:
        connection.execute("SELECT * FROM kept")
    with connected(prepared, MONITOR_ROLE, name=name) as connection:
        assert connection.execute("SELECT has_table_privilege('kept', 'SELECT')").fetchone() == (False,)
    for role in (API_ROLE, WRITER_ROLE):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(conninfo(prepared.url.set(username=role, database=name)))


def test_a_right_that_was_given_by_hand_is_taken_back(prepared: Database) -> None:
    before = {role.name: allowed(prepared, role.name) for role in ROLES}
    for role in ROLES:
        owned(prepared, f"GRANT ALL ON alembic_version TO {role.name}; GRANT SELECT (hash) ON api_key TO {role.name}")
        owned(prepared, f"GRANT ALL ON SEQUENCE alert_id_seq TO {role.name}; REVOKE ALL ON coverage FROM {role.name}")
    assert before != {role.name: allowed(prepared, role.name) for role in ROLES}
    prepared.prepare()
    assert before == {role.name: allowed(prepared, role.name) for role in ROLES}
    with connected(prepared, MONITOR_ROLE) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT nextval('alert_id_seq')")


def test_what_the_operator_changed_of_a_role_stays(prepared: Database) -> None:
    owned(prepared, f"ALTER ROLE {WRITER_ROLE} CONNECTION LIMIT 7")
    prepared.prepare()
    limit = f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{WRITER_ROLE}'"
    assert owned(prepared, limit) == [(7,)]
    owned(prepared, f"ALTER ROLE {WRITER_ROLE} CONNECTION LIMIT {WRITER.connections}")


def test_who_is_not_the_owner_works_with_tables_that_are_as_they_should_be(prepared: Database) -> None:
    writer = Database(prepared.url.set(username=WRITER_ROLE))
    writer.prepare()
    (revision,) = owned(prepared, "SELECT version_num FROM alembic_version")
    try:
        owned(prepared, "UPDATE alembic_version SET version_num = '9999'")
        writer.prepare()  # a later version has migrated them, for both
        owned(prepared, "UPDATE alembic_version SET version_num = '0001'")
        with pytest.raises(NotMigrated, match="run `stock-assistant db upgrade`, as the owner"):
            writer.prepare()
    finally:
        owned(prepared, f"UPDATE alembic_version SET version_num = '{revision[0]}'")


def test_who_is_not_the_owner_is_told_to_migrate_as_the_owner(prepared: Database) -> None:
    with pytest.raises(NotOwner, match=f"{WRITER_ROLE} is not the owner.*POSTGRES_USER"):
        Database(prepared.url.set(username=WRITER_ROLE)).install()
    with pytest.raises(NotOwner, match="is not the owner"):
        Database(prepared.url.set(username=WRITER_ROLE, database="there_is_none")).prepare()


def test_an_owner_who_is_no_superuser_hands_dagsters_tables_over_and_makes_no_backups_role(
    postgres: URL, prepared: Database
) -> None:
    owned(prepared, "CREATE ROLE plain_owner LOGIN CREATEDB CREATEROLE")
    mine = Database(postgres.set(username="plain_owner", database=f"plain_{uuid4().hex[:8]}"))
    beside = Database(mine.url.set(database=dagsters(mine.url.database)))
    try:
        mine.create()
        owned(beside, "CREATE TABLE runs (id bigserial, status text, run_body text)")
        with pytest.raises(RoleRefused, match=f"{BACKUP_ROLE} could not be set up.*BACKUP_DATABASE_PASSWORD empty"):
            Database(mine.url, {BACKUP_ROLE: PASSWORDS[BACKUP_ROLE]}).install()
        owned(prepared, f"GRANT {DAGSTER_ROLE} TO plain_owner WITH ADMIN OPTION")  # as if it had made it
        Database(mine.url, {DAGSTER_ROLE: PASSWORDS[DAGSTER_ROLE]}).install()
        with connected(beside, DAGSTER_ROLE) as connection:
            connection.execute("ALTER TABLE runs ADD COLUMN mine int")
        with connected(beside, MONITOR_ROLE) as connection:
            connection.execute("SELECT id, status FROM runs")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT run_body FROM runs")
        assert allowed(mine, WRITER_ROLE)["superseded"] == APPEND, "the roles that are there are given their rights"
    finally:
        Database(mine.url.set(username="postgres")).drop()
        owned(prepared, "DROP ROLE plain_owner")
