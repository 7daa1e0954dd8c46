"""Give the roles their rights: those that are declared, and no others.

A role is made when its password is given. What it may do is set again whenever the migrations have run: whatever a migration
brings stays closed until somebody has declared who may what with it. Only what differs is changed; mostly nothing does.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from stock_assistant_pipelines.settings.database import dagsters
from stock_assistant_pipelines.warehouse.roles import DAGSTER, ROLES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from psycopg import Connection
    from pydantic import SecretStr

    from stock_assistant_pipelines.warehouse.roles import Access, Role

LARGE_OBJECTS = ("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)")
"""Functions by which anybody could write, which PostgreSQL leaves open and only a superuser can close."""

LOCK = 0x53_41_52_4F_4C_45
"""The advisory lock that keeps two processes from granting at once."""

TABLES = """
SELECT c.relname, ARRAY(SELECT privilege_type FROM aclexplode(c.relacl) WHERE grantee = %(role)s::regrole)
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
"""Tables and views, and what the role was given of each."""

COLUMNS = """
SELECT c.relname, a.attname,
       EXISTS (SELECT FROM aclexplode(a.attacl) WHERE grantee = %(role)s::regrole AND privilege_type = 'SELECT')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    AND (a.attacl IS NOT NULL OR c.relname = ANY(%(parts)s))
"""
"""Columns that are given or kept one by one; whether the role was let read them."""

SEQUENCES = """
SELECT s.relname, t.relname, has_sequence_privilege(%(role)s, s.oid, 'USAGE')
FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype = 'a' AND d.classid = 'pg_class'::regclass
    JOIN pg_class t ON t.oid = d.refobjid
WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace
"""
"""Sequences, the table that each numbers, and whether the role may take a number."""

NOT_DAGSTERS = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> %s::regrole
"""


class RoleRefused(RuntimeError):
    """A role cannot be made or changed. One line: what to do."""


def grant(
    connection: Connection[tuple[object, ...]], passwords: Mapping[str, SecretStr], make: Collection[str]
) -> bool:
    """Make the roles that are to be made, and give those that are there their rights in this database.

    Tells whether Dagster's database has to be seen to as well. Raises `RoleRefused` when the server does not let us.
    """
    here = connection.info.dbname
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        present = [role for role in ROLES if _made(connection, role, passwords.get(role.name), make=role.name in make)]
        if present:
            _close(connection, here, dagsters(here))
        for role in present:
            with _refused(role):
                _give(connection, role.name, role.ours)
                _give_database(connection, role.name, here, role.ours)
    return any(role is DAGSTER or role.dagsters.database for role in present)


def grant_dagsters(connection: Connection[tuple[object, ...]], passwords: Mapping[str, SecretStr]) -> None:
    """The same in Dagster's database, which becomes its role's where that has a password. Raises `RoleRefused`."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if DAGSTER.name in passwords:
            with _refused(DAGSTER):
                _hand_over(connection)
        for role in ROLES:
            if role.dagsters.database and _there(connection, role):
                with _refused(role):
                    _give_database(connection, role.name, connection.info.dbname, role.dagsters)
                    _give(connection, role.name, role.dagsters)


@contextmanager
def _refused(role: Role) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise RoleRefused(
            f"the role {role.name} could not be set up: {error.diag.message_primary}. Let the database's owner have "
            f"CREATEROLE, or leave {role.variable} empty (docs/configuration.md says what it needs)"
        ) from error


def _made(connection: Connection[tuple[object, ...]], role: Role, password: SecretStr | None, *, make: bool) -> bool:
    """Make the role if it is to be made, set its password if there is one; tell whether it is there."""
    with _refused(role):
        if not _there(connection, role):
            if not make and password is None:
                return False
            _make(connection, role)
        if password is not None:
            _set_password(connection, role, password)
    return True


def _there(connection: Connection[tuple[object, ...]], role: Role) -> bool:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role.name,)).fetchone() is not None


def _make(connection: Connection[tuple[object, ...]], role: Role) -> None:
    name = sql.Identifier(role.name)
    options = sql.SQL(f"LOGIN {role.options} CONNECTION LIMIT {role.connections}")
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} {}").format(name, options))
            for setting, value in role.settings.items():
                statement = sql.SQL("ALTER ROLE {} SET {} = {}")
                connection.execute(statement.format(name, sql.Identifier(setting), sql.Literal(value)))
            for group in role.member_of:
                connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), name))
    except psycopg.errors.DuplicateObject:
        pass  # another process was faster, in another database of this server
    except psycopg.errors.UniqueViolation:
        pass  # the same, seen one moment earlier


def _set_password(connection: Connection[tuple[object, ...]], role: Role, password: SecretStr) -> None:
    """Set the password, encrypted here: it shows in no log of the server."""
    plain = password.get_secret_value().encode()
    encrypted = connection.pgconn.encrypt_password(plain, role.name.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role.name), sql.Literal(encrypted)))


def _give(connection: Connection[tuple[object, ...]], role: str, access: Access) -> None:
    """Give a role what it may do with what is in this database, and take what it may not."""
    _give_tables(connection, role, access)
    _give_columns(connection, role, access)
    _give_sequences(connection, role, access)
    for function in access.functions:
        statement = sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}")
        connection.execute(statement.format(sql.SQL(function), sql.Identifier(role)))


def _give_tables(connection: Connection[tuple[object, ...]], role: str, access: Access) -> None:
    for name, given in connection.execute(TABLES, {"role": role}).fetchall():
        table = sql.Identifier("public", str(name))
        wanted = access.tables.get(str(name), frozenset())
        held = frozenset(map(str, given))  # type: ignore[call-overload]
        for statement, rights in (
            ("REVOKE {} ON TABLE {} FROM {}", held - wanted),
            ("GRANT {} ON TABLE {} TO {}", wanted - held),
        ):
            if rights:
                words = sql.SQL(", ").join(map(sql.SQL, sorted(rights)))
                connection.execute(sql.SQL(statement).format(words, table, sql.Identifier(role)))


def _give_columns(connection: Connection[tuple[object, ...]], role: str, access: Access) -> None:
    asked = {"role": role, "parts": list(access.columns)}
    for name, column, reads in connection.execute(COLUMNS, asked).fetchall():
        wanted = column in access.columns.get(str(name), ())
        if reads != wanted:
            statement = "GRANT SELECT ({}) ON TABLE {} TO {}" if wanted else "REVOKE SELECT ({}) ON TABLE {} FROM {}"
            names = (sql.Identifier(str(column)), sql.Identifier("public", str(name)), sql.Identifier(role))
            connection.execute(sql.SQL(statement).format(*names))


def _give_sequences(connection: Connection[tuple[object, ...]], role: str, access: Access) -> None:
    """Who may add rows to a table may take the numbers that they get."""
    for sequence, table, takes in connection.execute(SEQUENCES, {"role": role}).fetchall():
        wanted = "INSERT" in access.tables.get(str(table), ())
        if takes != wanted:
            statement = "GRANT USAGE ON SEQUENCE {} TO {}" if wanted else "REVOKE ALL ON SEQUENCE {} FROM {}"
            names = (sql.Identifier("public", str(sequence)), sql.Identifier(role))
            connection.execute(sql.SQL(statement).format(*names))


def _give_database(connection: Connection[tuple[object, ...]], role: str, database: str, access: Access) -> None:
    for right in access.database:
        if not _may(connection, role, database, right):
            statement = sql.SQL("GRANT {} ON DATABASE {} TO {}")
            parts = (sql.SQL(right), sql.Identifier(database), sql.Identifier(role))
            connection.execute(statement.format(*parts))


def _may(connection: Connection[tuple[object, ...]], role: str, database: str, right: str) -> bool:
    query = "SELECT has_database_privilege(%s, oid, %s) FROM pg_database WHERE datname = %s"
    return connection.execute(query, (role, right, database)).fetchone() == (True,)


def _close(connection: Connection[tuple[object, ...]], ours: str, dagsters: str) -> None:
    """Keep everybody but the owner from making anything here, and from Dagster's database altogether."""
    for database, right in ((ours, "TEMPORARY"), (dagsters, "TEMPORARY"), (dagsters, "CONNECT")):
        if _may(connection, "public", database, right):
            statement = sql.SQL("REVOKE {} ON DATABASE {} FROM PUBLIC")
            connection.execute(statement.format(sql.SQL(right), sql.Identifier(database)))
    if connection.execute("SELECT has_schema_privilege('public', 'public', 'CREATE')").fetchone() == (True,):
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    query = "SELECT current_setting('is_superuser')::boolean AND has_function_privilege('public', %s, 'EXECUTE')"
    for name in LARGE_OBJECTS:
        if connection.execute(query, (name,)).fetchone() == (True,):
            connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(name)))


def _hand_over(connection: Connection[tuple[object, ...]]) -> None:
    """Make Dagster's role the owner of this database and of all tables in it: also of those that the owner made before."""
    dagster = sql.Identifier(DAGSTER.name)
    if connection.execute("SELECT pg_has_role(%s, 'USAGE')", (DAGSTER.name,)).fetchone() != (True,):
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(dagster))
    database = connection.info.dbname
    query = "SELECT datdba = %s::regrole FROM pg_database WHERE datname = %s"
    if connection.execute(query, (DAGSTER.name, database)).fetchone() != (True,):
        statement = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        connection.execute(statement.format(sql.Identifier(database), dagster))
    for (name,) in connection.execute(NOT_DAGSTERS, (DAGSTER.name,)).fetchall():
        statement = sql.SQL("ALTER TABLE {} OWNER TO {}")
        connection.execute(statement.format(sql.Identifier("public", str(name)), dagster))
