"""What a report period holds when it is complete: the companies that have disclosed it by now, or an answer about every stock.

Nobody can expect what was never disclosed. Where the disclosure plan tells who has, their rows are expected; where nothing
tells it, a period is complete when every stock that was there then was asked, and answered for, after the period's end.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, and_, bindparam, case, exists, func, or_, select

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.expected import Companies, Disclosed
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.asked import EVERYBODY, tells
from stock_assistant_pipelines.warehouse.tables import ASKED, CODE, COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, CompoundSelect, Connection, FromClause, Select, Subquery

    from stock_assistant_pipelines.catalog.dataset import Dataset

REACHES_BACK = 5
"""Years: no prospectus tells of periods that ended longer before the listing."""

FEW = 0.05
"""The share of the companies that a plan may lack. One that lacks more was cut short."""

OPEN_FOR = timedelta(days=365)
"""How long a plan that was cut short is waited for. After that it is believed when a second answer told no more."""

DAY = bindparam("day", type_=Date)


def ended(period: date) -> datetime:
    """The moment at which a report period is over: what was answered before tells nothing of it."""
    return datetime.combine(period + timedelta(days=1), time(), SHANGHAI)


def unplanned(connection: Connection, dataset: Dataset, period: date) -> str | None:
    """Say why the plan that a dataset is judged by does not tell who has disclosed a period: it was not answered for."""
    expected = dataset.expected
    if not isinstance(expected, Disclosed):
        return None
    booked = select(COVERAGE.c.status, COVERAGE.c.landed).where(
        COVERAGE.c.dataset == expected.plan, COVERAGE.c.partition == period.isoformat()
    )
    row = connection.execute(booked).one_or_none()
    if row is None:
        return f"{expected.plan} of {period} is not landed, so nobody can say what is expected"
    if row.status in {Status.FAILED, Status.DEFERRED, Status.DISABLED} and not row.landed:
        return f"{expected.plan} of {period} is {row.status}, so nobody can say what is expected"
    return None


def season_ends(period: date) -> date:
    """The last day on which companies may disclose a period: a month after quarters, two after half-years, four after years."""
    match period.month:
        case 12:
            return date(period.year + 1, 4, 30)
        case 6:
            return date(period.year, 8, 31)
        case month:
            return date(period.year, month + 1, 30 if month == 3 else 31)


def doubtful(connection: Connection, dataset: Dataset, period: date, today: date) -> str | None:
    """Say why a dataset's period is not complete though all are there that its plan names: the plan itself was cut short."""
    expected = dataset.expected
    if not isinstance(expected, Disclosed):
        return None
    columns = (COVERAGE.c[name] for name in ("status", "expected", "missing", "landed", "attempts"))
    booked = select(*columns).where(COVERAGE.c.dataset == expected.plan, COVERAGE.c.partition == period.isoformat())
    row = connection.execute(booked).one_or_none()
    if (
        row is None
        or row.status == Status.COMPLETE
        or not row.landed
        or (row.missing or 0) <= FEW * (row.expected or 0)
    ):
        return None
    if row.attempts > 1 and period < today - OPEN_FOR:
        return None
    lacks = f"{expected.plan} of {period} lacks {row.missing} of {row.expected} companies"
    return f"{lacks}, so nobody can say who else has disclosed it"


def compare(connection: Connection, dataset: Dataset, period: date, today: date) -> tuple[int | None, tuple[str, ...]]:
    """How many companies' rows are expected of a report period, and which are missing.

    Where nothing tells who has disclosed it, the first is None, and those are missing who were not asked.
    """
    values = {"day": period, "today": today}
    who = _expected(connection, dataset, period, today)
    if who is None:
        return None, unanswered(connection, dataset, period)
    expected = who.cte("expected")
    absent = or_(~_row(dataset, expected.c.key), _refused(dataset, expected.c.key, period))
    query = select(func.count(), func.array_agg(expected.c.key).filter(absent)).select_from(expected)
    count, missing = connection.execute(query, values).one()
    return int(count), tuple(sorted(missing or ()))


def unanswered(connection: Connection, dataset: Dataset, period: date) -> tuple[str, ...]:
    """The stocks that may have something to tell of a period, and were not answered for since it ended."""
    keys = select(relevant(dataset).subquery("relevant").c.key)
    lacking = keys.where(_unanswered(dataset, keys.selected_columns[0], period))
    return tuple(sorted(connection.execute(lacking, {"day": period}).scalars()))


def newcomers(connection: Connection, dataset: Dataset, period: date, *, everybody: bool) -> tuple[str, ...]:
    """The stocks that were listed after a period, within the reach of a prospectus: those not answered for, or `everybody`.

    Nobody expects a row of them: what their prospectus tells of the period is there when they were asked.
    """
    stock = METADATA.tables[stocks_of(dataset)]
    later = select(stock.c[CODE]).where(stock.c.list_date > DAY)
    keys = select(relevant(dataset).subquery("relevant").c.key)
    code = keys.selected_columns[0]
    query = keys.where(code.in_(later))
    query = query if everybody else query.where(_unanswered(dataset, code, period))
    return tuple(sorted(connection.execute(query, {"day": period}).scalars()))


def listed_since(connection: Connection, stocks: str, since: date, today: date) -> list[tuple[str, date]]:
    """The stocks that were listed between two days, and when."""
    stock = METADATA.tables[stocks]
    query = select(stock.c[CODE], stock.c.list_date).where(stock.c.list_date.between(since, today))
    return [(code, day) for code, day in connection.execute(query.order_by(stock.c.list_date, stock.c[CODE]))]


def companies(connection: Connection, dataset: Dataset, period: date, today: date) -> list[str]:
    """The companies that may have rows of a period: those that have disclosed it; where nothing tells, all that were there."""
    who = _expected(connection, dataset, period, today)
    query = relevant(dataset) if who is None else who
    return sorted(str(code) for code in connection.execute(query, {"day": period, "today": today}).scalars())


def _expected(
    connection: Connection, dataset: Dataset, period: date, today: date
) -> Select[tuple[str]] | CompoundSelect[tuple[str]] | None:
    """The companies whose rows are expected, one column `key`; None where nothing tells.

    Whom a plan lacks that should name every company may have disclosed the period as well: until it was answered for, it
    is expected too. That nobody has disclosed a period is believed until its season is over.
    """
    expected = dataset.expected
    match expected:
        case Companies(stocks=stocks):
            return listed(METADATA.tables[stocks], DAY)
        case Disclosed(plan=plan, stocks=stocks):
            table = METADATA.tables[plan]
            rows = select(1).select_from(table).where(*_stands(table))
            if today > season_ends(period):
                rows = rows.where(table.c.actual_date <= bindparam("today", type_=Date))
            if connection.execute(select(exists(rows)), {"day": period, "today": today}).scalar_one():
                return disclosed(plan, stocks).union(_unnamed(dataset, plan, stocks, period))
    return None


def disclosed(plan: str, stocks: str) -> Select[tuple[str]]:
    """The stocks that have disclosed the period `:day` by the day `:today`, according to the plan."""
    table, known = METADATA.tables[plan], METADATA.tables[stocks]
    out = table.c.actual_date <= bindparam("today", type_=Date)
    codes = select(table.c[CODE]).where(*_stands(table), out)
    return select(known.c[CODE].label("key")).where(known.c[CODE].in_(codes))


def _unnamed(dataset: Dataset, plan: str, stocks: str, period: date) -> Select[tuple[str]]:
    """The stocks listed at the end of the period that the plan lacks, and that were not answered for."""
    table = METADATA.tables[plan]
    everybody = listed(METADATA.tables[stocks], DAY).subquery("everybody")
    named = select(table.c[CODE]).where(*_stands(table))
    lacking = everybody.c.key.not_in(named)
    return select(everybody.c.key).where(lacking, _unanswered(dataset, everybody.c.key, period))


def listed(stock: FromClause, day: ColumnElement[Any]) -> Select[tuple[str]]:
    """Stocks that are listed on the day: from the day of listing to the one before delisting."""
    there = or_(stock.c.delist_date.is_(None), stock.c.delist_date > day)
    return select(stock.c[CODE].label("key")).where(stock.c.list_date <= day, there)


def relevant(dataset: Dataset) -> Select[tuple[str]]:
    """The stocks that may have something to tell of the period `:day`: listed by then, or within the reach of a prospectus."""
    stock = METADATA.tables[stocks_of(dataset)]
    there = or_(stock.c.delist_date.is_(None), stock.c.delist_date > DAY)
    soon = stock.c.list_date <= DAY + func.make_interval(REACHES_BACK)
    return select(stock.c[CODE].label("key")).where(soon, there)


def plan_of(datasets: Iterable[Dataset]) -> str | None:
    """The disclosure plan by which these datasets are judged."""
    plans = (dataset.expected.plan for dataset in datasets if isinstance(dataset.expected, Disclosed))
    return next(plans, None)


def planned(
    connection: Connection, plan: str, stocks: str, period: date, today: date
) -> list[tuple[str, date | None, date | None]]:
    """The companies that were listed at the end of a period and are still there, and all that have disclosed it.

    Of each code, day of disclosure, and planned day. The first to disclose come first, and then those that have not. Who was
    listed after the period, or is gone since, has reported it all the same, and is expected (`disclosed`).
    """
    reports = _planned(plan, stocks, today)
    query = reports.order_by(reports.selected_columns.actual.nulls_last(), reports.selected_columns[CODE])
    return [(code, actual, pre) for code, actual, pre in connection.execute(query, {"day": period})]


def last_disclosed(connection: Connection, plan: str, stocks: str, period: date, today: date) -> list[date | None]:
    """The day on which the last of these companies has disclosed a period, and None while one has not; nothing without any."""
    reports = _planned(plan, stocks, today).subquery("reports")
    query = select(func.max(reports.c.actual), func.bool_or(reports.c.actual.is_(None)))
    last, lacking = connection.execute(query, {"day": period}).one()
    return [day for day, there in ((last, last is not None), (None, bool(lacking))) if there]


def _planned(plan: str, stocks: str, today: date) -> Select[Any]:
    stock, table = METADATA.tables[stocks], METADATA.tables[plan]
    return (
        select(
            stock.c[CODE], func.min(table.c.actual_date).label("actual"), func.max(table.c.pre_date).label("planned")
        )
        .select_from(
            stock.outerjoin(
                table, and_(table.c[CODE] == stock.c[CODE], table.c.end_date == DAY, table.c.replaced_at.is_(None))
            )
        )
        .where(
            or_(
                and_(stock.c.list_date <= DAY, or_(stock.c.delist_date.is_(None), stock.c.delist_date > today)),
                table.c.actual_date.is_not(None),
            )
        )
        .group_by(stock.c[CODE])
    )


def stocks_of(dataset: Dataset) -> str:
    """The dataset that says which stocks there are."""
    return str(getattr(dataset.expected, "stocks"))  # noqa: B009 - every expectation of report periods has it


def _stands(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    """Rows of the period that no later answer has replaced."""
    return table.c.end_date == DAY, table.c.replaced_at.is_(None)


def _row(dataset: Dataset, code: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether there is a row of this company."""
    table = METADATA.tables[dataset.api]
    return code.in_(select(table.c[CODE]).where(table.c[dataset.grain.value] == DAY))


def _answered(dataset: Dataset, period: date) -> Subquery:
    """Who was answered for since the period ended, in all variants, and since when; the whole market is `*`."""
    assert isinstance(dataset.calls, PerPeriod)
    variants = len(dataset.calls.variants)
    since = ASKED.c.asked_at >= ended(period)
    return (
        select(ASKED.c.ts_code.label("key"), func.min(ASKED.c.asked_at).label("since"))
        .where(tells(dataset, DAY), ASKED.c.status == Status.COMPLETE, since)
        .group_by(ASKED.c.ts_code)
        .having(func.count(ASKED.c.variant.distinct()) == variants)
        .subquery()
    )


def _unanswered(dataset: Dataset, code: ColumnElement[Any], period: date) -> ColumnElement[bool]:
    """Whether a stock was not answered for: neither by itself nor with the whole market."""
    answered = _answered(dataset, period)
    whole = exists(select(1).select_from(answered).where(answered.c.key == EVERYBODY))
    return and_(
        ~whole, code.not_in(select(answered.c.key))
    )  # hashed: "this one or everybody" would compare each with each


def _refused(dataset: Dataset, code: ColumnElement[str], period: date) -> ColumnElement[bool]:
    """Whether a part of what a stock tells was asked for and never answered, nor the whole market after it."""
    answered = _answered(dataset, period)
    whole = select(func.max(answered.c.since)).where(answered.c.key == EVERYBODY).scalar_subquery()
    failed = select(ASKED.c.ts_code).where(
        tells(dataset, DAY),
        ASKED.c.status != Status.COMPLETE,
        ASKED.c.ts_code != EVERYBODY,
        case((whole.is_(None), True), else_=ASKED.c.asked_at > whole),
    )
    return code.in_(failed)
