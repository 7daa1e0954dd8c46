"""The role of the API: it can read what is served, and nothing else.

It is made with the database, and what it may read is set again whenever the migrations have run: a new dataset is served, and
whatever else there is stays closed. Nothing but the catalog and the names below decides that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.derived import DERIVED
from stock_assistant_pipelines.settings import API_ROLE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from psycopg import Connection
    from pydantic import SecretStr

OURS = (
    *("coverage", "asked", "alembic_version", "schema_floor", "data_version", "quota", "permit", "quarantine"),
    *("research_sheet", "research_report", "research_note", "research_claim", "research_outcome"),
    "llm_spending",
)
"""Tables of ours that the API reads, beside those of the datasets."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "llm_call": (
        *("report_key", "expert", "provider", "model", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning"),
        *("reserved_cny", "cost_cny", "started_at", "outcome"),
    ),
    "research_watch": ("trade_date", "ts_code"),
}
"""Tables of which it reads these columns only: of a call what it cost, and nothing that was said in it; of who is expected
neither who asked nor what went wrong.
"""

FUNCTIONS = ("api_keys()",)
"""Functions that are closed to everybody else."""

LARGE_OBJECTS = ("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)")
"""Functions by which anybody could write, which PostgreSQL leaves open and only a superuser can close."""

LOCK = 0x53_41_52_4F_4C_45
"""The advisory lock that keeps two processes from granting at once."""

RELATIONS = """
SELECT c.relname,
       has_table_privilege(%(role)s, c.oid, 'SELECT'),
       has_table_privilege(%(role)s, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
"""Tables and views; whether the role may read, whether it may write."""

COLUMNS = """
SELECT c.relname, a.attname, has_column_privilege(%(role)s, c.oid, a.attnum, 'SELECT')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    AND (a.attacl IS NOT NULL OR c.relname = ANY(%(parts)s))
"""
"""Columns that are let or kept one by one; whether the role may read them."""

ROLE = sql.Identifier(API_ROLE)


class RoleRefused(RuntimeError):
    """The role cannot be made or changed. One line: what to do."""


def let_read(connection: Connection[tuple[object, ...]], password: SecretStr | None, *, make: bool) -> None:
    """Let the role read what is served in this database. Where it is not there, make it if `make`, else do nothing.

    Raises `RoleRefused` when the server does not let us.
    """
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            if not _there(connection):
                if not make:
                    return
                _make(connection)
            if password is not None:
                _set_password(connection, password)
            _grant(connection)
            _close_databases(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise RoleRefused(
            f"the role {API_ROLE} could not be set up: {error.diag.message_primary}. Let the database's owner have CREATEROLE, "
            f"or leave API_DATABASE_PASSWORD empty"
        ) from error


def _there(connection: Connection[tuple[object, ...]]) -> bool:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (API_ROLE,)).fetchone() is not None


def _make(connection: Connection[tuple[object, ...]]) -> None:
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(ROLE))
            connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(ROLE))
    except psycopg.errors.DuplicateObject:
        pass  # another process was faster, in another database of this server
    except psycopg.errors.UniqueViolation:
        pass  # the same, seen one moment earlier


def _set_password(connection: Connection[tuple[object, ...]], password: SecretStr) -> None:
    """Set the password, encrypted here: it shows in no log of the server."""
    plain = password.get_secret_value().encode()
    encrypted = connection.pgconn.encrypt_password(plain, API_ROLE.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(ROLE, sql.Literal(encrypted)))


def _grant(connection: Connection[tuple[object, ...]]) -> None:
    """Change what differs: whoever starts something sees to this, and mostly nothing does."""
    served = {*CATALOG, *DERIVED, *OURS}
    for name, reads, writes in connection.execute(RELATIONS, {"role": API_ROLE}).fetchall():
        table = sql.Identifier("public", str(name))
        if writes or (reads and name not in served):
            connection.execute(sql.SQL("REVOKE ALL ON TABLE {} FROM {}").format(table, ROLE))
        if name in served and (writes or not reads):
            connection.execute(sql.SQL("GRANT SELECT ON TABLE {} TO {}").format(table, ROLE))
    _grant_columns(connection, served)
    for name in FUNCTIONS:
        connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(name), ROLE))
    query = "SELECT current_setting('is_superuser')::boolean AND has_function_privilege(%s, %s, 'EXECUTE')"
    for name in LARGE_OBJECTS:
        if connection.execute(query, (API_ROLE, name)).fetchone() == (True,):
            connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(name)))


def _grant_columns(connection: Connection[tuple[object, ...]], served: Collection[str]) -> None:
    """The same for the columns of what is served in part."""
    asked = {"role": API_ROLE, "parts": list(PARTS)}
    for name, column, reads in connection.execute(COLUMNS, asked).fetchall():
        wanted = name in served or column in PARTS.get(str(name), ())
        if reads != wanted:
            statement = "GRANT SELECT ({}) ON TABLE {} TO {}" if wanted else "REVOKE SELECT ({}) ON TABLE {} FROM {}"
            names = (sql.Identifier(str(column)), sql.Identifier("public", str(name)), ROLE)
            connection.execute(sql.SQL(statement).format(*names))


def _close_databases(connection: Connection[tuple[object, ...]]) -> None:
    """Keep everybody but the owner from temporary tables here, and from Dagster's database altogether."""
    name = connection.info.dbname
    for database, right in ((name, "TEMPORARY"), (f"{name}_dagster", "TEMPORARY"), (f"{name}_dagster", "CONNECT")):
        query = "SELECT has_database_privilege(%s, oid, %s) FROM pg_database WHERE datname = %s"
        if connection.execute(query, (API_ROLE, right, database)).fetchone() == (True,):
            statement = sql.SQL("REVOKE {} ON DATABASE {} FROM PUBLIC")
            connection.execute(statement.format(sql.SQL(right), sql.Identifier(database)))
