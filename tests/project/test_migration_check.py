"""A migration that the last release's code cannot live with is refused, with the reason; those that are fine are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import copied

from deploy.migration_check import RELEASES, refusals
from drill.expansion import LATER, later
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.revision import HEAD, VERSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import URL

MIGRATION = '''
import sqlalchemy as sa
from alembic import op
from stock_assistant_pipelines.warehouse.evolution import add_index, raise_floor

revision = "{revision}"
down_revision = "{before}"


def upgrade():
    """{what}"""
    {body}
'''

BAD = {
    "a column is dropped": ('op.drop_column("daily", "amount")', "column daily.amount is gone"),
    "a column is renamed": (
        'op.alter_column("daily", "vol", new_column_name="volume")',
        "renaming-column",
    ),
    "a table is renamed": ('op.rename_table("asked", "questions")', "table asked is gone"),
    "a table is dropped": ('op.drop_table("research_page")', "table research_page is gone"),
    "a function is dropped": (
        'op.execute("drop function api_keys()")',
        "function api_keys() is gone",
    ),
    "a function takes something else": (
        'op.execute("drop function bump_data_version(text)"); '
        'op.execute("create function bump_data_version(text, date) returns date language sql return $2")',
        "function bump_data_version(text) is gone",
    ),
    "something is dropped behind squawk's back": (
        """op.execute("do $$ begin execute 'alter table daily drop col' || 'umn pct_chg'; end $$")""",
        "column daily.pct_chg is gone",
    ),
    "a type is changed": (
        'op.alter_column("daily", "close", type_=sa.Float())',
        "column daily.close was numeric and is double precision",
    ),
    "a column must be given": (
        'op.add_column("adj_factor", sa.Column("why", sa.Text(), nullable=False))',
        "table adj_factor demands more: column why must be given",
    ),
    "a column becomes not null": (
        'op.alter_column("stk_limit", "up_limit", nullable=False)',
        "adding-not-nullable-field",
    ),
    "a column may become null": (
        'op.alter_column("api_key", "hint", nullable=True)',
        "ban-drop-not-null",
    ),
    "a constraint is added": (
        'op.create_check_constraint("positive", "stk_limit", "up_limit > 0")',
        "table stk_limit demands more: constraint positive",
    ),
    "an index is built in a transaction": (
        'op.create_index("by_up_limit", "stk_limit", ["up_limit"])',
        "require-concurrent-index-creation",
    ),
    "an index is built concurrently beside something else": (
        'add_index("by_down_limit", "stk_limit", ["down_limit"]); op.execute("create table beside (a bigint)")',
        "it takes a migration of its own",
    ),
    "a unique index is built": (
        'add_index("only_one", "stk_limit", ["pre_close"], unique=True)',
        "table stk_limit demands more: index only_one is unique",
    ),
    "all rows are written anew": (
        'op.add_column("stk_limit", sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()")))',
        "adding-field-with-default",
    ),
    "a contraction in the release of its expansion": (
        'raise_floor("{revision}", "9001", "a column"); op.drop_column("daily", "change")',
        "which the last release does not know",
    ),
    "the floor of another migration": (
        'raise_floor("9001", "{head}", "nothing")',
        "it raises the floor for 9001, and is",
    ),
    "SQL that depends on what is there": (
        'op.get_bind().execute(sa.text("select 1")).scalar_one()',
        "it cannot be carried out, or not be written as SQL",
    ),
}
"""Migrations that must be refused, one after the other, and what is said of each; the last ends the walk."""

GOOD = {
    "a column that may be null": 'op.add_column("stk_limit", sa.Column("told", sa.Text()))',
    "a column with a default": 'op.add_column("daily", sa.Column("n", sa.BigInteger(), nullable=False, server_default="0"))',
    "a table": 'op.create_table("another", sa.Column("id", sa.BigInteger(), primary_key=True))',
    "an index": 'add_index("daily_by_vol", "daily", ["vol"])',
    "a unique index on a new table": 'op.execute("create table fresh (a bigint)"); op.create_index("f", "fresh", ["a"])',
    "a contraction of what the last release no longer reads": (
        'raise_floor("{revision}", "{head}", "a column"); op.drop_column("daily", "amount")'
    ),
    "a column may become null, and the floor says so": (
        'raise_floor("{revision}", "{head}", "no nulls"); op.alter_column("api_key", "hint", nullable=True)'
    ),
}


def judged(server: URL, folder: Path, bodies: dict[str, str]) -> dict[str, list[str]]:
    """What is said of migrations of the next release, by their names."""
    before = HEAD
    for number, (what, body) in enumerate(bodies.items(), 9001):
        body = body.replace("{revision}", str(number)).replace("{head}", HEAD)
        text = MIGRATION.format(revision=number, before=before, what=what, body=body)
        folder.joinpath(f"{number}_planted.py").write_text(text, encoding="utf-8")
        before = str(number)
    with copied(server) as database:
        told = refusals(later(database, folder), database, HEAD)
    assert len(told) == len(bodies), told
    return dict(zip(bodies, told.values(), strict=True))


@pytest.fixture(scope="module")
def refused(postgres: URL, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is said of the bad ones."""
    return judged(postgres, tmp_path_factory.mktemp("bad"), {what: body for what, (body, _) in BAD.items()})


@pytest.fixture(scope="module")
def accepted(postgres: URL, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is said of the good ones."""
    return judged(postgres, tmp_path_factory.mktemp("good"), GOOD)


@pytest.mark.parametrize("what", BAD)
def test_what_the_last_release_cannot_live_with_is_refused(what: str, refused: dict[str, list[str]]) -> None:
    assert any(BAD[what][1] in reason for reason in refused[what]), refused[what]


@pytest.mark.parametrize("what", GOOD)
def test_what_it_can_live_with_is_not(what: str, accepted: dict[str, list[str]]) -> None:
    assert accepted[what] == []


def test_the_migrations_since_the_last_release_and_those_of_the_drill_are_fine(postgres: URL) -> None:
    released = list(RELEASES.values())[-1]
    database = Database(postgres.set(database="since_the_last_release"))
    database.create()
    database.upgrade(released)
    told = refusals(later(database), database, released)
    database.drop()
    assert told == {revision: [] for revision in told}
    assert set(LATER) <= set(told)
    assert len(told) == len(LATER) + sum(path.name[:4] > released for path in VERSIONS.glob("[0-9]*.py"))
