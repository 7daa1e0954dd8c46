"""Laws of a history that remembers what was known when, whatever was filed, corrected, restated or told impossibly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from filings import AT, as_of, held, query, tell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine


laws = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

CODES = ("000002.SZ", "600519.SH")
PERIODS = tuple(
    date(year, month, day) for year in (2022, 2023, 2024) for month, day in ((3, 31), (6, 30), (9, 30), (12, 31))
)
DAYS = st.dates(date(2022, 3, 1), date(2026, 8, 1))
Filing = dict[str, Any]

FIGURES = ("revenue", "n_income")


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


@st.composite
def filing(draw: st.DrawFn, periods: Sequence[date] = PERIODS, kinds: str = "145") -> Filing:
    """One filing of a statement: on time, late, or on a day that cannot be; few days, so that several share one."""
    period = draw(st.sampled_from(periods))
    first = draw(st.sampled_from([None, -5, 10, 20, 40]))
    own = draw(st.sampled_from([None, 20, 30, 60]))
    return {
        "ts_code": draw(st.sampled_from(CODES)),
        "end_date": compact(period),
        "report_type": draw(st.sampled_from(kinds)),
        "update_flag": draw(st.sampled_from([None, "0", "1"])),
        "ann_date": None if first is None else compact(period + timedelta(days=10 * first)),
        "f_ann_date": None if own is None else compact(period + timedelta(days=10 * own)),
        **{name: draw(st.none() | st.integers(1, 20)) for name in FIGURES},
    }


def rank(row: Filing) -> tuple[Any, ...]:
    """What decides which version stands, but for when it was read."""
    names = ("ts_code", "end_date", "report_type", "update_flag")
    return *(row[name] for name in names), row["f_ann_date"] or row["ann_date"]


FEW, NEAR = PERIODS[3:6], st.dates(date(2022, 12, 1), date(2025, 3, 1))
histories = st.lists(filing(FEW), min_size=1, max_size=14, unique_by=rank)
corrected = st.lists(st.lists(filing(FEW), min_size=1, max_size=6), min_size=1, max_size=4)
"""Answers, one after the other, of which each may correct what others told."""


def known_on(row: Filing) -> date | None:
    """The day on which a filing became known; None where its days are impossible."""
    told = row["f_ann_date"] or row["ann_date"]
    if told is None or told < row["end_date"]:
        return None
    return date.fromisoformat(told)


def standing(rows: Iterable[Filing], day: date, *, restated: bool = False) -> dict[tuple[str, str], Filing]:
    """What stands on a day before anything was read, as the rule says it: the model that the functions are compared with."""
    best: dict[tuple[str, str], tuple[Any, Filing]] = {}
    for row in rows:
        known = known_on(row)
        if known is None or known > day or (row["report_type"] == "4" and not restated):
            continue
        place = known, "154".index(row["report_type"]), row["update_flag"] or ""
        key = row["ts_code"], row["end_date"]
        if key not in best or best[key][0] < place:
            best[key] = place, row
    return {key: row for key, (_, row) in best.items()}


def seen(connection: Connection, day: date, *, restated: bool = False) -> dict[tuple[str, str], tuple[Any, ...]]:
    names = ("ts_code", "end_date", "report_type", "update_flag", *FIGURES)
    rows = as_of(connection, "income", day, *names, restated=restated)
    return {(row[0], compact(row[1])): row[2:] for row in rows}


def everything(connection: Connection, day: date) -> list[list[tuple[Any, ...]]]:
    """All answers about a day."""
    calls = [
        f"SELECT * FROM income{kind}_as_of(:day, {restated}) ORDER BY ts_code, end_date"
        for kind in ("", "_quarter", "_ttm")
        for restated in ("false", "true")
    ]
    calls.append(
        "SELECT code, latest_period(code, :day) FROM unnest(array['000002.SZ', '600519.SH']) AS code ORDER BY 1"
    )
    return [query(connection, call, day=day) for call in calls]


def without_ours(answers: list[list[tuple[Any, ...]]]) -> list[list[tuple[Any, ...]]]:
    """Answers without what befell a version later: when it was replaced, and until when it was known."""
    statements = [[(*row[:-3], row[-1]) for row in rows] for rows in answers[:2]]
    return [*statements, *answers[2:]]


@laws
@given(rows=st.lists(filing(FEW), min_size=1, max_size=14), day=NEAR, data=st.data())
def test_what_was_known_on_a_day_never_changes_when_later_news_is_added(
    connection: Connection, rows: list[Filing], day: date, data: st.DataObject
) -> None:
    with connection.begin_nested() as savepoint:
        later = [row for row in rows if (known_on(row) or day) > day]
        by_then = [row for row in rows if row not in later]
        for row in by_then:
            tell(connection, "income", row)
        before = everything(connection, day)
        for at, row in enumerate(data.draw(st.permutations(later))):
            tell(connection, "income", row, at=AT + timedelta(hours=at))
        assert without_ours(everything(connection, day)) == without_ours(before)
        savepoint.rollback()


@laws
@given(rows=histories)
def test_before_the_first_announcement_there_is_nothing(connection: Connection, rows: list[Filing]) -> None:
    with connection.begin_nested() as savepoint:
        tell(connection, "income", *rows)
        announced = [known for row in rows if (known := known_on(row))]
        day = min(announced, default=date(2030, 1, 1)) - timedelta(days=1)
        assert everything(connection, day) == [[], [], [], [], [], [], [(code, None) for code in CODES]]
        savepoint.rollback()


@laws
@given(rows=histories, restated=st.booleans())
def test_walking_forward_reproduces_the_order_of_announcements(
    connection: Connection, rows: list[Filing], *, restated: bool
) -> None:
    with connection.begin_nested() as savepoint:
        tell(connection, "income", *rows)
        announced = sorted({known for row in rows if (known := known_on(row))})
        for day in announced:
            expected = standing(rows, day, restated=restated)
            names = ("report_type", "update_flag", *FIGURES)
            assert seen(connection, day, restated=restated) == {
                key: tuple(row[name] for name in names) for key, row in expected.items()
            }
            newest = {known_on(row) for row in expected.values()}
            assert max(newest, default=date.min) == day or not (restated or _own(rows, day))
        for one, next_one in pairwise(announced):  # and between two announcements nothing happens
            eve = next_one - timedelta(days=1)
            assert seen(connection, eve, restated=restated) == seen(connection, one, restated=restated)
        savepoint.rollback()


def _own(rows: Iterable[Filing], day: date) -> bool:
    """Whether a company's own report was announced on this day."""
    return any(known_on(row) == day and row["report_type"] != "4" for row in rows)


# Quarters and twelve months


def _figures(connection: Connection, kind: str, day: date) -> dict[tuple[str, date], tuple[Any, ...]]:
    names = ", ".join(FIGURES)
    rows = query(connection, f"SELECT ts_code, end_date, {names} FROM income{kind}_as_of(:day)", day=day)
    return {(code, period): tuple(figures) for code, period, *figures in rows}


def _quarters(period: date) -> list[date]:
    """The quarters of the year up to this one."""
    return [each for each in PERIODS if each.year == period.year and each <= period]


def _sum(parts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; None where a part is not known."""
    total = Decimal(0)
    for part in parts:
        if part is None:
            return None
        total += part
    return total


@laws
@given(rows=st.lists(filing(kinds="15"), min_size=8, max_size=30, unique_by=rank), day=DAYS)
def test_quarters_add_up_to_the_year_to_date(connection: Connection, rows: list[Filing], day: date) -> None:
    with connection.begin_nested() as savepoint:
        tell(connection, "income", *rows)
        told = _figures(connection, "", day)
        quarters = _figures(connection, "_quarter", day)
        assert quarters.keys() == told.keys()
        for (code, period), year_to_date in told.items():
            for at in range(len(FIGURES)):
                parts = [quarters.get((code, each), (None,) * len(FIGURES))[at] for each in _quarters(period)]
                if None not in parts:
                    assert _sum(parts) == year_to_date[at]
                before = [each for each in _quarters(period) if each < period][-1:]
                known = all(told.get((code, each), (None,) * len(FIGURES))[at] is not None for each in before)
                assert (parts[-1] is not None) == (known and year_to_date[at] is not None)
        savepoint.rollback()


@laws
@given(rows=st.lists(filing(kinds="15"), min_size=8, max_size=30, unique_by=rank), day=DAYS)
def test_twelve_months_are_the_year_so_far_and_the_rest_of_the_year_before(
    connection: Connection, rows: list[Filing], day: date
) -> None:
    with connection.begin_nested() as savepoint:
        tell(connection, "income", *rows)
        told = _figures(connection, "", day)
        months = _figures(connection, "_ttm", day)
        assert months.keys() == told.keys()
        unknown = (None,) * len(FIGURES)
        for (code, period), year_to_date in told.items():
            annual = told.get((code, date(period.year - 1, 12, 31)), unknown)
            ago = told.get((code, period.replace(year=period.year - 1)), unknown)
            for at, figure in enumerate(months[code, period]):
                if period.month == 12:
                    assert figure == year_to_date[at]
                else:
                    less = ago[at]
                    assert figure == _sum([year_to_date[at], annual[at], None if less is None else -less])
        savepoint.rollback()


# One figure


@laws
@given(told=corrected, day=NEAR | st.dates(AT.date(), AT.date() + timedelta(days=4)))
def test_the_last_restatement_by_a_day_is_what_stood_then(
    connection: Connection, told: list[list[Filing]], day: date
) -> None:
    with connection.begin_nested() as savepoint:
        for days, rows in enumerate(told):
            tell(connection, "income", *rows, at=AT + timedelta(days=days))
        end = "(CAST(:day AS date) + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'"
        for (code, period), row in seen(connection, day, restated=True).items():
            figures = query(
                connection,
                f"SELECT value FROM restatements('income', :code, :period, 'revenue') WHERE known_at <= {end}",
                code=code,
                period=date.fromisoformat(period),
                day=day,
            )
            values = [value for (value,) in figures]
            assert values[-1] == row[2 + FIGURES.index("revenue")]
            assert all(one != other for one, other in pairwise(values))
        savepoint.rollback()


# Reading again


@laws
@given(rows=histories, day=NEAR, data=st.data())
def test_corrections_that_are_read_in_any_order_give_the_same_versions_and_the_same_past(
    connection: Connection, rows: list[Filing], day: date, data: st.DataObject
) -> None:
    def read(order: Sequence[Filing]) -> tuple[Any, ...]:
        connection.execute(METADATA.tables["income"].delete())
        for at, row in enumerate(order):
            tell(connection, "income", row, at=AT + timedelta(hours=at))
        return held(connection, "income", "digest", "known_at", "flaw"), seen(connection, day)

    with connection.begin_nested() as savepoint:
        assert read(rows) == read(data.draw(st.permutations(rows)))
        savepoint.rollback()


@laws
@given(rows=histories, data=st.data())
def test_what_this_database_held_at_a_moment_never_changes_afterwards(
    connection: Connection, rows: list[Filing], data: st.DataObject
) -> None:
    def held_at(hours: int) -> list[tuple[Any, ...]]:
        names = "ts_code, end_date, digest, ingested_at"
        moment = AT + timedelta(hours=hours, minutes=1)
        return query(connection, f"SELECT {names} FROM income_as_read(:moment, true) ORDER BY 1, 2", moment=moment)

    with connection.begin_nested() as savepoint:
        then = []
        for at, row in enumerate(rows):
            tell(connection, "income", row, at=AT + timedelta(hours=at))
            then.append(held_at(at))
        at = data.draw(st.integers(0, len(rows) - 1))
        assert held_at(at) == then[at]
        assert held_at(-1) == []
        savepoint.rollback()
