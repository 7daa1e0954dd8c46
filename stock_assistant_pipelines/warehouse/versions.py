"""Versions: what an answer tells is added to what was told before, and nothing is overwritten.

A row that differs in anything from those that stand is a new version; those of the same company, period and variant that the
answer does not tell any more are marked as replaced. An answer that says what is known already writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Date,
    DateTime,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert

from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.landing import hold, stage_table
from stock_assistant_pipelines.warehouse.succession import left_behind, predecessors, same, stage_of
from stock_assistant_pipelines.warehouse.tables import CODE, METADATA

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import CTE, ColumnElement, Connection, Select, Table
    from sqlalchemy.sql.selectable import FromClause

    from stock_assistant_pipelines.catalog.dataset import Dataset

NO_DAY = "it says no day on which it became known"
BEFORE_PERIOD = "it was announced before its period was over"
AFTER_READING = "it is announced for a later day than the one after it was read"
"""The flaws: why nobody can say since when a version is known. A company publishes in the evening under the next day's date."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What an answer brought: new versions, versions that it tells no more, and rows that brought nothing."""

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    flawed: int = 0
    """Of the answer's rows, new or not, those that are quarantined."""
    outdated: int = 0
    """Rows of companies and periods of which a newer answer has changed something already: they are left out."""


def append(
    connection: Connection, dataset: Dataset, *, at: datetime, run_id: str | None, by: str | None = None
) -> Appended:
    """Add the staged answer to the versions, in one statement.

    It is whole for every company, period and variant of which it tells something, and says nothing of others; one that was
    asked for `by` a day that rows bear is whole for those that bear it, and says nothing of the company's others. Where an
    answer that was given after `at` has changed something, this one is outdated. It holds the dataset until the end of the
    transaction, so whoever takes locks of periods too takes this one first.
    """
    lock(connection, dataset)
    today = at.astimezone(SHANGHAI).date()
    row = connection.execute(_statement(dataset, by), {"at": at, "today": today, "run": run_id}).one()
    return Appended(
        inserted=row.inserted,
        replaced=row.replaced,
        unchanged=row.told - row.inserted,
        flawed=row.flawed,
        outdated=row.answered - row.told,
    )


def lock(connection: Connection, dataset: Dataset) -> None:
    """Keep others from adding versions to the same dataset at the same time: both would add the same one."""
    hold(connection, f"versions {dataset.api}")


@lru_cache(maxsize=64)
def _statement(dataset: Dataset, by: str | None) -> Select[int, int, int, int, int]:
    """Build the statement from the declaration, once.

    `told` is the answer, one row per version; `standing` are the versions of its stocks and periods that are not replaced,
    which an index finds; `new` and `gone` are what differs.
    """
    table = METADATA.tables[dataset.api]
    stage = stage_table(dataset)
    whole = _whole(dataset, by)
    answer = _told(dataset, stage)
    newer = (
        select(*(table.c[name] for name in whole))
        .where(*_of_answer(dataset, table, stage), or_(table.c.ingested_at > _at(), table.c.replaced_at > _at()))
        .cte("newer")
    )
    told = select(answer).where(~select(1).where(same(newer, answer, *whole)).exists()).cte("told")
    standing = (
        select(*(table.c[name] for name in (*whole, *stage_of(dataset), "digest", "flaw", "known_at", "ingested_at")))
        .where(*_standing(dataset, table, stage))
        .cte("standing")
    )
    new = (
        select(told)
        .where(~select(1).where(same(standing, told, "digest"), ~_healed(standing, told)).exists())
        .cte("new")
    )
    gone = _gone(whole, told, standing)
    names = [*dataset.fields, "known_at", "flaw", "digest", "filled"]
    adding = insert(table).from_select(
        [*names, "ingested_at", "run_id"], select(*(new.c[name] for name in names), _at(), bindparam("run"))
    )
    # A version that comes back at the very moment at which it was replaced stands again.
    inserted = (
        adding.on_conflict_do_update(
            index_elements=[table.c[name] for name in (*dataset.key, "digest", "ingested_at")],
            set_={"replaced_at": null(), "known_until": null()},
        )
        .returning(literal_column("1"))
        .cte("inserted")
    )
    left = left_behind(dataset, whole, new, gone, _at())
    replaced = (
        update(table)
        .values(replaced_at=_at(), known_until=left.c.until)
        .where(*_standing(dataset, table, stage), table.c.digest == left.c.digest)
        .returning(literal_column("1"))
        .cte("replaced")
    )

    def count(rows: FromClause, *where: ColumnElement[bool]) -> ColumnElement[int]:
        return select(func.count()).select_from(rows).where(*where).scalar_subquery()

    counts = select(
        count(answer).label("answered"),
        count(told).label("told"),
        count(told, told.c.flaw.is_not(None)).label("flawed"),
        count(inserted).label("inserted"),
        count(replaced).label("replaced"),
    )
    if not stage_of(dataset):
        return counts
    shorter = predecessors(dataset, table, _whole(dataset, None), left, _of_answer(dataset, table, stage))
    shortened = (
        update(table)
        .values(known_until=shorter.c.until)
        .where(
            *_of_answer(dataset, table, stage),
            same(table, shorter, *_whole(dataset, None), "digest", "ingested_at"),
            table.c.known_until > shorter.c.until,
        )
        .cte("shortened")
    )
    return counts.add_cte(shortened)


def _whole(dataset: Dataset, by: str | None) -> tuple[str, ...]:
    """What an answer is whole for: a company's period, the parameter by which its calls differ, and the day it is asked by."""
    return (CODE, dataset.grain.value, *(name for name in dataset.fills if name in dataset.key), *((by,) if by else ()))


def _healed(standing: FromClause, told: FromClause) -> ColumnElement[bool]:
    """Whether what is quarantined is judged otherwise now: read before its day had come, and again when it has."""
    return and_(standing.c.flaw.is_not(None), standing.c.flaw.is_distinct_from(told.c.flaw))


def _gone(whole: tuple[str, ...], told: CTE, standing: CTE) -> CTE:
    """The versions that are not told any more, or judged otherwise.

    What is quarantined takes the place of nothing: a sound version stays beside one that came later, until that is believed.
    """
    again = told.alias("again")
    doubted = (
        select(*(told.c[name] for name in whole), standing.c.ingested_at)
        .select_from(told.outerjoin(standing, same(told, standing, "digest")))
        .where(told.c.flaw.is_not(None))
        .cte("doubted")
    )
    came_later = or_(doubted.c.ingested_at.is_(None), doubted.c.ingested_at > standing.c.ingested_at)
    instead = (
        select(1).where(same(told, standing, *whole)).exists(),
        ~select(1).where(same(told, standing, "digest")).exists(),
        ~select(1).where(same(doubted, standing, *whole), came_later, standing.c.flaw.is_(None)).exists(),
    )
    judged = select(1).where(same(again, standing, "digest"), _healed(standing, again)).exists()
    # Two queries, which join by hashing: `or` would compare each with each.
    return union_all(select(standing).where(*instead), select(standing).where(judged)).cte("gone")


def _told(dataset: Dataset, stage: Table) -> CTE:
    """The answer: its rows, each once, with what is ours."""
    assert dataset.versions
    numbers = {column.name for column in dataset.columns if column.type is Type.NUMBER}
    # The same number is written in one way: 1.0 and 1 are one.
    plain = select(
        *(func.trim_scale(stage.c[name]).label(name) if name in numbers else stage.c[name] for name in dataset.fields)
    ).subquery("plain")
    told = func.jsonb_strip_nulls(func.to_jsonb(literal_column('"plain".*')))
    digest = func.md5(cast(told, String)).label("digest")
    # A function takes a hundred arguments at the most.
    parts = [list(plain.c)[at : at + 100] for at in range(0, len(plain.c), 100)]
    filled = sum((func.num_nonnulls(*part) for part in parts), start=literal(0)).label("filled")
    rows = select(*plain.c, digest, filled).ext(distinct_on(digest)).subquery("digested")
    known = _known_on(dataset, rows)
    flaw = _flaw(dataset, rows, known)
    since = _at() if known is None else func.greatest(_end_of(known), _reached(dataset, rows))
    return select(
        *rows.c,
        flaw.label("flaw"),
        case((flaw.is_(None), since), else_=null()).label("known_at"),
    ).cte("answer")


def _known_on(dataset: Dataset, rows: FromClause) -> ColumnElement[Any] | None:
    """The day on which a row became known; None where it is when it was read."""
    assert dataset.versions
    days = [rows.c[name] for name in dataset.versions.known]
    return func.coalesce(*days) if days else None


def _reached(dataset: Dataset, rows: FromClause) -> ColumnElement[Any]:
    """Since when everybody knew that a row's stage was reached: by its day, or when we read it; null where nothing tells."""
    assert dataset.versions
    stages = dataset.versions.stages
    if stages is None:
        return cast(null(), DateTime(timezone=True))
    days = {stage: func.coalesce(*(rows.c[name] for name in names)) for stage, names in stages.days.items()}
    return func.least(_end_of(case(days, value=rows.c[stages.column], else_=cast(null(), Date))), _at())


def _end_of(day: ColumnElement[Any]) -> ColumnElement[Any]:
    """The end of a day in Shanghai."""
    midnight = cast(day + 1, DateTime)
    return func.timezone(literal(SHANGHAI.key), midnight)


def _flaw(dataset: Dataset, rows: FromClause, known: ColumnElement[Any] | None) -> ColumnElement[Any]:
    """Why nobody can say since when a row is known; null where it can be said."""
    assert dataset.versions
    if known is None:
        return cast(null(), String)
    impossible: list[tuple[ColumnElement[bool], ColumnElement[str]]] = [(known.is_(None), literal(NO_DAY))]
    if dataset.versions.after_period:
        impossible.append((known < rows.c[dataset.grain.value], literal(BEFORE_PERIOD)))
    impossible.append((known > bindparam("today", type_=Date) + 1, literal(AFTER_READING)))
    return case(*impossible)


def _standing(dataset: Dataset, table: Table, stage: Table) -> list[ColumnElement[bool]]:
    """The versions of the staged stocks and periods that are not replaced."""
    return [table.c.replaced_at.is_(None), *_of_answer(dataset, table, stage)]


def _of_answer(dataset: Dataset, table: Table, stage: Table) -> list[ColumnElement[bool]]:
    """The versions of the staged stocks and periods."""
    named = (CODE, dataset.grain.value)
    staged = {name: func.array(select(stage.c[name]).distinct().scalar_subquery()) for name in named}
    return [table.c[name] == func.any(staged[name]) for name in named]


def _at() -> ColumnElement[Any]:
    return bindparam("at", type_=DateTime(timezone=True))
