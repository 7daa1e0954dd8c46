"""Everything that a database holds, as text."""

from __future__ import annotations

import psycopg
from psycopg import sql

TABLES = "select tablename from pg_tables where schemaname = 'public'"


def rows(conninfo: str) -> list[str]:
    """All rows of all tables, and what its sessions ask."""
    with psycopg.connect(conninfo) as connection:
        tables = [name for (name,) in connection.execute(TABLES)]
        queries = [sql.SQL("select t::text from {} t").format(sql.Identifier(name)) for name in tables]
        queries.append(sql.SQL("select t::text from pg_stat_activity t"))
        return [row for query in queries for (row,) in connection.execute(query)]
