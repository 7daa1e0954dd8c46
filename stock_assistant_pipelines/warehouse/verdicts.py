"""Verdicts: the rows of a run, judged by every rule and law of their dataset, set by set; and what becomes of a broken day.

A day that breaks what blocks is not believed: it is booked as `partial`, with the law as the reason, and fetched again as a
whole. The rules come first, so that no law is judged by rows that are not believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, Text, and_, bindparam, func, literal, not_, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.rules import Severity
from stock_assistant_pipelines.warehouse import coverage, laws, rules
from stock_assistant_pipelines.warehouse.statement import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection, Engine, Subquery

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.warehouse.laws import Law
    from stock_assistant_pipelines.warehouse.rules import RowCheck

EXAMPLES = 5

READY = text(sql("laws/ready")).bindparams(
    bindparam("days", type_=ARRAY(Date)),
    bindparam("reads", type_=ARRAY(Text)),
    bindparam("snapshots", type_=ARRAY(Text)),
)

PLANNING = text("SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true)")
"""Nothing is known of a table that has just been filled, and a plan that takes its rows for few compares each with each. A
year of the market is some 60 MB when it is joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule or a law found."""

    id: str | None
    name: str
    severity: Severity
    broken: Mapping[date, int] | Mapping[None, int]
    """Offending rows by day; those of a snapshot have none."""
    examples: tuple[Any, ...] = ()
    """A few of them: the keys, and for a law what is told and what was expected."""
    checked: int = 0
    """The days that were judged."""
    skipped: tuple[date, ...] = ()
    """The days of the run that were not, since something that the law reads is not complete."""
    unknown: int = 0
    """The rows of which nobody can tell what to expect."""
    look: str | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.broken

    @property
    def rows(self) -> int:
        """How many offending rows there are."""
        return sum(self.broken.values())


def judge(engine: Engine, dataset: Dataset, days: Sequence[date]) -> list[Verdict]:
    """Judge the rows of these days (or of a snapshot), and book the complete ones that are not believed."""
    with engine.connect() as connection:
        found = [(judge_rows(connection, dataset, check, days), dataset) for check in rules.of(dataset)]
    _book(engine, found)
    verdicts = [verdict for verdict, _ in found]
    for law in laws.of(dataset):
        with engine.connect() as connection:
            verdict = judge_law(connection, law, days)
        if law.blames:
            _book(engine, [(verdict, CATALOG[law.blames])])
        verdicts.append(verdict)
    return verdicts


def judge_rows(connection: Connection, dataset: Dataset, check: RowCheck, days: Sequence[date]) -> Verdict:
    """Judge every row of these days by itself."""
    broken = check.broken.subquery()
    day = broken.c[dataset.grain.value] if dataset.dated else literal(None, Date)
    values = {"days": list(days)} if dataset.dated else {}
    counts = connection.execute(select(day, func.count()).select_from(broken).group_by(day), values).all()
    examples = connection.execute(select(broken).limit(EXAMPLES), values).all() if counts else []
    return Verdict(
        id=check.id,
        name=check.name,
        severity=check.severity,
        broken=dict(counts),
        examples=tuple([str(value) for value in row] for row in examples),
        checked=len(days),
    )


def judge_law(connection: Connection, law: Law, days: Sequence[date]) -> Verdict:
    """Judge the days that have landed, and those after them that are compared with them, where all that is read is complete."""
    words = {"reads": list(law.reads), "snapshots": list(law.snapshots), "before": law.before, "back": law.back}
    standing = connection.execute(READY, {"days": list(days), **words}).all()
    judged = [row.day for row in standing if row.judged]
    skipped = tuple(row.day for row in standing if row.asked and not row.judged)
    window = sorted({*judged, *(row.day for row in standing if row.read)})
    broken, unknown = findings(connection, law, judged, window) if judged else ({}, 0)
    return Verdict(
        id=law.id,
        name=law.name,
        severity=law.severity,
        broken=broken,
        examples=_examples(connection, law, sorted(broken), window),
        checked=len(judged),
        skipped=skipped,
        unknown=unknown,
        look=law.look,
    )


def findings(
    connection: Connection, law: Law, days: Sequence[date], window: Sequence[date]
) -> tuple[dict[date, int], int]:
    """How many rows of each of these days break a law, and of how many nobody can tell."""
    found = _found(law)
    known = func.count(found.c.expected)
    query = select(found.c.trade_date, known, func.count() - known).group_by(found.c.trade_date)
    connection.execute(PLANNING)
    rows = connection.execute(query, _values(law, days, window)).all()
    return {day: broken for day, broken, _ in rows if broken}, sum(unknown for _, _, unknown in rows)


def _examples(
    connection: Connection, law: Law, days: Sequence[date], window: Sequence[date]
) -> tuple[dict[str, str], ...]:
    """The first findings, day by day, so that no more is read again than a few days."""
    found = _found(law)
    query = select(found).where(found.c.expected.is_not(None)).order_by(found.c.subject).limit(EXAMPLES)
    examples: list[dict[str, str]] = []
    for day in days:
        if len(examples) < EXAMPLES:
            near = [each for each in window if each <= day][-1 - law.back :]
            rows = connection.execute(query, _values(law, [day], near)).mappings()
            examples += [{name: str(value) for name, value in row.items()} for row in rows]
    return tuple(examples[:EXAMPLES])


def _found(law: Law) -> Subquery:
    """What a law's statement finds, without what is exempt."""
    found = law.statement.subquery("found")
    exempt = [
        and_(
            found.c.trade_date.between(each.first, each.last),
            *([found.c.subject == each.subject] if each.subject else []),
        )
        for each in law.exemptions
    ]
    return select(found).where(not_(or_(*exempt))).subquery() if exempt else found


def _values(law: Law, days: Sequence[date], window: Sequence[date]) -> dict[str, list[date]]:
    values = {"days": list(days), "window": list(window)}
    return {name: days for name, days in values.items() if name in law.statement.compile().params}


def _book(engine: Engine, found: Iterable[tuple[Verdict, Dataset]]) -> None:
    """Book the days of a dataset that break what blocks, each in a transaction of its own: a landing may hold its lock."""
    for verdict, dataset in found:
        if verdict.severity is not Severity.BLOCK:
            continue
        for day, count in verdict.broken.items():
            law = " ".join(filter(None, (verdict.id, verdict.name)))
            with engine.begin() as connection:
                coverage.distrust(
                    connection, dataset, day, f"{count} rows break the check {law}: they are not believed"
                )
