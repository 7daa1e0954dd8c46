"""Succession: until when a version was known that an answer tells no more, and those in whose place it once came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import CTE, ColumnElement, Table
    from sqlalchemy.sql.selectable import FromClause

    from stock_assistant_pipelines.catalog.dataset import Dataset


def same(one: FromClause, other: FromClause, *names: str) -> ColumnElement[bool]:
    """Whether two rows are the same in these columns."""
    return and_(*(one.c[name] == other.c[name] for name in names))


def stage_of(dataset: Dataset) -> tuple[str, ...]:
    """The column that says what stage a row is of, where rows are stages of one thing."""
    assert dataset.versions
    return (dataset.versions.stages.column,) if dataset.versions.stages else ()


def left_behind(dataset: Dataset, whole: Sequence[str], new: CTE, gone: CTE, at: ColumnElement[Any]) -> CTE:
    """What is gone, each with `until` when it was known: until the first that came instead was.

    `alone` is the day of what came instead where that is one row of the same stage, and null where nobody can say what did.
    Of one row in the place of another the earlier days keep the one that was read then, if the other claims to be as old. Of
    several rows nobody can say which came in the place of which, and both would count; but a plan comes in the place of a plan.
    """
    stage = stage_of(dataset)
    leaving = _by(gone, whole, stage, func.max(gone.c.known_at).label("last")).subquery("leaving")
    any_stage = _by(new, whole, (), func.min(new.c.known_at).label("first")).subquery("any_stage")
    coming = _by(new, whole, stage, func.min(new.c.known_at).label("first"), func.count().label("rows")).subquery(
        "coming"
    )
    first: ColumnElement[Any] = func.coalesce(coming.c.first, any_stage.c.first)
    if {*dataset.key} <= {*whole}:
        first = case((leaving.c.last >= first, func.greatest(first, at)), else_=first)
    return (
        select(
            *gone.c,
            func.coalesce(first, at).label("until"),
            case((coming.c.rows == 1, coming.c.first)).label("alone"),
        )
        .join(leaving, _alike(gone, leaving, whole, stage))
        .outerjoin(coming, _alike(gone, coming, whole, stage))
        .outerjoin(any_stage, same(gone, any_stage, *whole))
        .cte("left_behind")
    )


def predecessors(
    dataset: Dataset, table: Table, report: Sequence[str], left: CTE, of_answer: Iterable[ColumnElement[bool]]
) -> CTE:
    """The versions in whose place those once came that are left behind now, and so on back, and `until` when they count.

    What was told for a while had a day of its own, until which the one before it was known. What comes in its place may be
    known earlier, and from then on both would count: a dividend would be paid twice. Only where each was the one row of its
    stage that its answer brought is it sure who came in whose place; elsewhere nothing is shortened, and no payment is lost.
    """
    stage = stage_of(dataset)
    names = (*report, *stage, "digest", "ingested_at")
    back = (
        select(*(left.c[name] for name in names), left.c.alone.label("until"))
        .where(left.c.alone.is_not(None))
        .cte("back", recursive=True)
    )
    beside = table.alias("beside")
    brought = (
        select(func.count())
        .select_from(beside)
        .where(_alike(beside, table, report, stage), beside.c.ingested_at == table.c.replaced_at)
        .correlate(table)
        .scalar_subquery()
    )
    before = (
        select(*(table.c[name] for name in names), back.c.until)
        .join(back, and_(_alike(table, back, report, stage), table.c.replaced_at == back.c.ingested_at))
        .where(*of_answer, brought == 1)
    )
    back = back.union(before)
    return (
        select(*(back.c[name] for name in names), func.min(back.c.until).label("until"))
        .group_by(*(back.c[name] for name in names))
        .cte("predecessors")
    )


def _by(rows: CTE, whole: Sequence[str], stage: Sequence[str], *found: ColumnElement[Any]) -> Any:
    names = [rows.c[name] for name in (*whole, *stage)]
    return select(*names, *found).group_by(*names)


def _alike(one: FromClause, other: FromClause, names: Sequence[str], stage: Sequence[str]) -> ColumnElement[bool]:
    """Whether two rows are the same in these columns, and of the same stage, which may be unknown."""
    return and_(same(one, other, *names), *(one.c[name].is_not_distinct_from(other.c[name]) for name in stage))
