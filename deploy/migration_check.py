"""Refuse migrations that the code of the last release cannot live with, or that hold up who reads and writes.

Usage: python deploy/migration_check.py        (every migration since the last release; exit 1 when one is refused)

Two looks at each migration. Its SQL is read by squawk, a linter: what locks a table for long, what breaks those who read.
And it is carried out on an empty database, whose structure is compared before and after: what has gone, or takes less than
it took, whatever the statement was. What takes something away must say so, by raising the floor, and only to a
revision that the last release had: what it takes away, the code of the last release no longer reads
(`docs/upgrades.md`).
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alembic.command
import alembic.util
import psycopg
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import Script

RELEASES: dict[str, str] = {"0.1.0": "0013"}
"""The revision that each release ended with, oldest first; a release adds a line. 0.1.0 is the first, of which nothing older is
running beside: its own migrations are not looked at.
"""

SQUAWK = Path(sysconfig.get_path("scripts")) / "squawk"

NOT_OURS = frozenset(
    {
        "require-lock-timeout",  # the migrator sets both
        "require-statement-timeout",
        "prefer-robust-stmts",  # a transaction of its own, or what `evolution` writes
        "prefer-identity",  # and what follows: a matter of taste
        "prefer-text-field",
        "prefer-bigint-over-int",
        "prefer-bigint-over-smallint",
    }
)
"""Rules of squawk that do not hold here."""

TAKES_AWAY = frozenset(
    f"ban-drop-{what}" for what in ("column", "constraint", "function", "not-null", "sequence", "table", "type", "view")
)
"""Rules of squawk against what only a migration may do that raises the floor."""

CONCURRENTLY = re.compile(r"(?:CREATE|DROP)(?: UNIQUE)? INDEX CONCURRENTLY (?:IF EXISTS )?(\w+)")

STRUCTURE = {
    "table": "select relname, '' from pg_class where relkind in ('r', 'v', 'm', 'p') and relnamespace = 'public'::regnamespace",
    "column": """
        select c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relkind in ('r', 'v', 'm', 'p') and c.relnamespace = 'public'::regnamespace
            and a.attnum > 0 and not a.attisdropped
    """,
    "function": """
        select p.oid::regprocedure::text, pg_get_function_result(p.oid)
        from pg_proc p where pronamespace = 'public'::regnamespace
    """,
}
"""What code reads, by name: the kind of thing, and queries of (name, type)."""

DEMANDS = """
select c.relname, 'column ' || a.attname || ' must be given' from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
    and a.attnotnull and not a.atthasdef and a.attidentity = ''
union all
select r.relname, 'constraint ' || k.conname from pg_constraint k join pg_class r on r.oid = k.conrelid
where k.connamespace = 'public'::regnamespace and k.contype in ('c', 'f', 'u', 'x', 'p')
union all
select r.relname, 'index ' || i.relname || ' is unique' from pg_index x join pg_class i on i.oid = x.indexrelid
    join pg_class r on r.oid = x.indrelid
where x.indisunique and r.relnamespace = 'public'::regnamespace
"""
"""What a table demands of who writes it: (table, demand)."""


@dataclass(frozen=True)
class Structure:
    """What code can rely on in a database, and what it is held to."""

    things: dict[tuple[str, str], str]
    """The type of each thing, by its kind and name."""
    demands: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> Structure:
        """Read it."""
        things = {
            (kind, name): type_
            for kind, query in STRUCTURE.items()
            for name, type_ in connection.execute(query).fetchall()
        }
        return cls(things, frozenset(connection.execute(DEMANDS).fetchall()))

    def losses(self, after: Structure) -> list[str]:
        """What is no longer there, is of another type, or is demanded of those who wrote before."""
        gone = {name for kind, name in self.things if kind == "table" and (kind, name) not in after.things}
        told = [
            f"{kind} {name} is gone"
            for kind, name in self.things
            if (kind, name) not in after.things and not (kind == "column" and name.partition(".")[0] in gone)
        ]
        told += [
            f"{kind} {name} was {type_} and is {after.things[kind, name]}"
            for (kind, name), type_ in self.things.items()
            if after.things.get((kind, name), type_) != type_
        ]
        return told + [
            f"table {table} demands more: {demand}"
            for table, demand in sorted(after.demands - self.demands)
            if ("table", table) in self.things
        ]


def refusals(config: Config, database: Database, released: str) -> dict[str, list[str]]:
    """Why each migration after `released` is refused, by its revision: those that are fine have none.

    The database is to be an empty one, at that revision.
    """
    script = ScriptDirectory.from_config(config)
    told: dict[str, list[str]] = {}
    with psycopg.connect(conninfo(database.url), autocommit=True) as connection:
        for step in reversed(list(script.iterate_revisions("head", released))):
            before, floors = Structure.of(connection), _floors(connection)
            try:
                written = _written(config, step)
                alembic.command.upgrade(config, step.revision)
            except (SQLAlchemyError, alembic.util.CommandError, AttributeError) as error:
                told[step.revision] = [f"it cannot be carried out, or not be written as SQL: {error}"]
                break
            raised = {row: floor for row, floor in _floors(connection).items() if row not in floors}
            losses = before.losses(Structure.of(connection))
            told[step.revision] = [
                *_linted(written, contracts=bool(raised)),
                *_alone(written),
                *_contracted(step.revision, losses, raised, released),
            ]
    return told


def _floors(connection: psycopg.Connection[Any]) -> dict[str, str]:
    if connection.execute("select to_regclass('schema_floor') is null").fetchone() == (True,):
        return {}
    return dict(connection.execute("select revision, floor from schema_floor").fetchall())


def _written(config: Config, step: Script) -> str:
    """The SQL of a migration."""
    config.output_buffer = io.StringIO()
    alembic.command.upgrade(config, f"{step.down_revision}:{step.revision}", sql=True)
    return config.output_buffer.getvalue()


def _linted(written: str, *, contracts: bool) -> list[str]:
    """What squawk says of it."""
    excluded = ",".join(sorted(NOT_OURS | TAKES_AWAY if contracts else NOT_OURS))
    command = [str(SQUAWK), "--pg-version=18", "--reporter=json", f"--exclude={excluded}"]
    done = subprocess.run(command, input=written, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"squawk: {done.stderr}")
    return [f"{each['rule_name']}: {each['message']}" for each in json.loads(done.stdout)]


def _alone(written: str) -> list[str]:
    """Whether what has no transaction stands beside something else, which would be left half done."""
    lines = [line.strip() for line in written.splitlines()]
    inside: list[str] = []
    outside: list[str] = []
    begun = False
    for line in lines:
        if line in {"BEGIN;", "COMMIT;"}:
            begun = line == "BEGIN;"
        elif line and not line.startswith(("--", "UPDATE alembic_version ", "set ")):
            (inside if begun else outside).append(line)
    indexes = {match[1] for line in outside if (match := CONCURRENTLY.match(line))}
    if outside and (inside or len(indexes) != 1):
        return ["an index that is built concurrently has no transaction: it takes a migration of its own"]
    return []


def _contracted(revision: str, losses: list[str], raised: dict[str, str], released: str) -> list[str]:
    """Whether it takes away what it may."""
    if losses and not raised:
        return [
            f"{loss}: the last release needs it; expand first, and raise the floor in a later release"
            for loss in losses
        ]
    told = [
        f"it raises the floor to {floor}, which the last release does not know (it ends with {released}): "
        "what is replaced in this release is taken away in the next"
        for floor in raised.values()
        if floor > released
    ]
    if set(raised) - {revision}:
        told.append(f"it raises the floor for {', '.join(sorted(raised))}, and is {revision}")
    return told


def main() -> int:
    """Look at the migrations since the last release."""
    released = list(RELEASES.values())[-1]
    with tempfile.TemporaryDirectory(prefix="sa-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with embedded.running(directory / "pg") as server:
            database = Database(server.set(database="checked"))
            database.create()
            database.upgrade(released)
            told = refusals(database.migrations(), database, released)
    for revision, reasons in told.items():
        print(f"{revision}: {'refused' if reasons else 'fine'}")
        print(*(f"  {reason}" for reason in reasons), sep="\n", end="\n" if reasons else "")
    return 1 if any(told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
