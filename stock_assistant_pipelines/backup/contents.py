"""What a database holds: of each table how many rows, and a checksum that does not depend on their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

Contents = dict[str, dict[str, Any]]
"""By the table's name: `rows`, and `checksum`."""

WRITTEN = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}
"""How values are written: equal rows are equal texts, whoever is connected."""

TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""

SUMMED = sql.SQL(
    "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text FROM {} AS t"
)
"""Half of each row's MD5, summed: one walk, no sorting, and the same on every version of PostgreSQL."""


def contents(connection: Connection[Any]) -> Contents:
    """What the tables hold, as the connection's transaction sees them."""
    for name, value in WRITTEN.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    held: Contents = {}
    for schema, table in connection.execute(TABLES).fetchall():
        row = connection.execute(SUMMED.format(sql.Identifier(schema, table))).fetchone()
        assert row is not None
        held[f"{schema}.{table}"] = {"rows": row[0], "checksum": row[1]}
    return held


def differences(wanted: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What differs, a line for each table. Nothing, when all is as it was."""
    said = []
    for table in sorted({*wanted, *found}):
        before, now = wanted.get(table), found.get(table)
        if before == now:
            continue
        if before is None or now is None:
            said.append(f"{table} is {'missing' if now is None else 'there and was not'}")
        elif before["rows"] != now["rows"]:
            said.append(f"{table} has {now['rows']} rows and had {before['rows']}")
        else:
            said.append(f"{table} has as many rows, and others")
    return said
