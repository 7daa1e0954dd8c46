"""Laws of a history in which the source corrects what it told, takes it back, or tells it under another key."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from filings import AT, BY_API, query, tell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine

FEW_OR_MANY = pytest.mark.parametrize("examples", [8, pytest.param(40, marks=pytest.mark.slow)])
Filing = dict[str, Any]

APIS = ("income", "fina_indicator", "forecast", "fina_audit", "fina_mainbz", "dividend")
FUNCTIONS = {
    **{api: (f"{api}_as_of",) for api in APIS},
    "income": ("income_as_of", "income_quarter_as_of"),
    "dividend": ("dividend_as_of", "dividends_as_of", "dividend_sums_as_of"),
}
OURS = {"known_at", "flaw", "digest", "filled", "ingested_at", "replaced_at", "known_until", "run_id"}
CODE, PERIOD = "600519.SH", "20231231"
DAYS = [date(2024, 1, 1) + timedelta(days=days) for days in range(0, 120, 10)]
EVENT = st.sampled_from([compact(day) for day in DAYS])
DAY = st.sampled_from(DAYS)
"""Days are few, so that several filings share one, and days that are asked for are among them."""
NAME, FLAG, FIGURE = st.sampled_from("ab"), st.sampled_from([None, "0", "1"]), st.integers(1, 3)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def law(examples: int) -> settings:
    """The settings of a law that so many examples are to break."""
    return settings(max_examples=examples, deadline=None, derandomize=True)


@st.composite
def filing(draw: st.DrawFn, api: str) -> Filing:
    """One row of a company's period."""
    row: Filing = {"ts_code": CODE, "end_date": PERIOD, "ann_date": draw(EVENT)}
    match api:
        case "income":
            row |= {"report_type": draw(st.sampled_from("15")), "f_ann_date": draw(st.none() | EVENT)}
            row |= {"update_flag": draw(FLAG), "revenue": draw(FIGURE)}
        case "fina_indicator":
            row |= {"update_flag": draw(FLAG), "eps": draw(FIGURE)}
        case "forecast":
            row |= {"update_flag": draw(FLAG), "p_change_min": draw(FIGURE)}
        case "fina_audit":
            row |= {"audit_agency": draw(NAME), "audit_fees": draw(FIGURE)}
        case "fina_mainbz":
            row |= {"type": draw(st.sampled_from("PD")), "bz_item": draw(NAME), "bz_sales": draw(FIGURE)}
        case "dividend":
            row |= {"div_proc": draw(st.sampled_from(["预案", "股东大会通过", "实施"])), "cash_div_tax": draw(FIGURE)}
            if row["div_proc"] == "实施":
                row |= {"imp_ann_date": draw(st.none() | EVENT), "ex_date": draw(EVENT), "base_date": draw(st.none())}
    return row


def rank(row: Filing) -> tuple[Any, ...]:
    """What tells the rows of one answer apart: no two are known by the same day under the same key and flag."""
    names = ("report_type", "f_ann_date", "ann_date", "update_flag", "audit_agency", "type", "bz_item")
    day = (
        None
        if "audit_agency" in row or "bz_item" in row
        else row["f_ann_date" if row.get("f_ann_date") else "ann_date"]
    )
    kept = tuple(row.get(name) for name in names if name not in {"f_ann_date", "ann_date"})
    return *kept, day, row.get("div_proc"), row.get("ex_date"), row.get("cash_div_tax") if "ex_date" in row else None


def answers(api: str) -> st.SearchStrategy[list[Filing]]:
    return st.lists(filing(api), min_size=1, max_size=5, unique_by=rank)


def variants(api: str, rows: Sequence[Filing]) -> set[Any]:
    """What an answer tells something of: with some interfaces a call for each."""
    return {tuple(row[name] for name in BY_API[api].fills) for row in rows}


def seen(connection: Connection, api: str, day: date, *, without: set[str]) -> list[list[tuple[Any, ...]]]:
    """All answers about a day, without these columns."""
    found = []
    for function in FUNCTIONS[api]:
        rows = connection.exec_driver_sql(f"SELECT * FROM {function}(%(day)s)", {"day": day})
        names = [name for name in rows.keys() if name not in without]  # noqa: SIM118 - not a mapping
        found.append(sorted((tuple(row[name] for name in names) for row in rows.mappings()), key=repr))
    return found


@FEW_OR_MANY
@pytest.mark.parametrize("api", APIS)
def test_once_it_was_read_a_day_is_as_the_last_answer_tells(connection: Connection, api: str, examples: int) -> None:
    @law(examples)
    @given(data=st.data())
    def told(data: st.DataObject) -> None:
        history = data.draw(st.lists(answers(api), min_size=1, max_size=3))
        last = data.draw(answers(api))
        day, at = AT.date() + timedelta(days=30), AT + timedelta(days=20)
        with connection.begin_nested() as savepoint:
            for hours, rows in enumerate(history):
                tell(
                    connection,
                    api,
                    *(row for row in rows if variants(api, [row]) <= variants(api, last)),
                    at=AT + timedelta(hours=hours),
                )
            tell(connection, api, *last, at=at)
            with_history = seen(connection, api, day, without=OURS)
            connection.execute(METADATA.tables[api].delete())
            tell(connection, api, *last, at=at)
            assert with_history == seen(connection, api, day, without=OURS)
            savepoint.rollback()

    told()


@FEW_OR_MANY
@pytest.mark.parametrize("api", APIS)
def test_what_was_known_on_a_day_stays_when_rows_come_that_are_known_later(
    connection: Connection, api: str, examples: int
) -> None:
    @law(examples)
    @given(data=st.data(), day=DAY)
    def stays(data: st.DataObject, day: date) -> None:
        first = data.draw(answers(api))
        left = [row for row in first if data.draw(st.booleans())]
        later = [row for row in data.draw(answers(api)) if earliest(row) > compact(day)]
        befell = {"replaced_at", "known_until"}
        with connection.begin_nested() as savepoint:
            tell(connection, api, *first)
            before = seen(connection, api, day, without=befell)
            tell(connection, api, *left, *later, at=AT + timedelta(days=1))
            assert seen(connection, api, day, without=befell) == before
            savepoint.rollback()

    stays()


def earliest(row: Filing) -> str:
    """The first day on which a row may be known."""
    return str(row.get("f_ann_date") or row.get("imp_ann_date") or row["ann_date"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data(), day=DAY)
def test_no_dividend_is_paid_twice_while_it_is_corrected(
    connection: Connection, data: st.DataObject, day: date
) -> None:
    paid = data.draw(filing("dividend").filter(lambda row: row["div_proc"] == "实施"))
    changes = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {}, optional={"ann_date": EVENT, "ex_date": EVENT, "imp_ann_date": EVENT, "cash_div_tax": FIGURE}
            ),
            max_size=4,
        )
    )
    with connection.begin_nested() as savepoint:
        tell(connection, "dividend", paid)
        for days, change in enumerate(changes):
            paid = paid | change
            tell(connection, "dividend", paid, at=AT + timedelta(days=1 + days))
        for each in (day, AT.date() + timedelta(days=2), AT.date() + timedelta(days=9)):
            plans = query(connection, "SELECT plans FROM dividend_sums_as_of(:day)", day=each)
            assert plans in ([], [(1,)])
        savepoint.rollback()


CHANGE = st.fixed_dictionaries(
    {}, optional={"ann_date": EVENT, "ex_date": EVENT, "imp_ann_date": EVENT, "cash_div_tax": FIGURE}
)
PLAN = {"ts_code": CODE, "end_date": PERIOD, "ann_date": "20240101", "div_proc": "预案", "cash_div_tax": 1}


@FEW_OR_MANY
def test_a_payment_that_was_known_is_lost_on_no_day_by_corrections(connection: Connection, examples: int) -> None:
    """Of it and its plan, told together: neither takes the other's days."""

    @law(examples)
    @given(data=st.data())
    def kept(data: st.DataObject) -> None:
        paid, plan = data.draw(filing("dividend").filter(lambda row: row["div_proc"] == "实施")), PLAN
        with connection.begin_nested() as savepoint:
            tell(connection, "dividend", plan, paid)
            for days, change in enumerate(data.draw(st.lists(CHANGE, min_size=1, max_size=3))):
                before = [payments(connection, day) for day in DAYS]
                paid, plan = (
                    paid | change,
                    plan | data.draw(st.fixed_dictionaries({}, optional={"cash_div_tax": FIGURE})),
                )
                tell(connection, "dividend", plan, paid, at=AT + timedelta(days=1 + days))
                after = [payments(connection, day) for day in DAYS]
                assert max(after) <= 1
                assert all(now >= then for now, then in zip(after, before, strict=True))
            savepoint.rollback()

    kept()


def payments(connection: Connection, day: date) -> int:
    """How often something is paid, as it was known on a day."""
    ((found,),) = query(connection, "SELECT coalesce(sum(plans), 0) FROM dividend_sums_as_of(:day)", day=day)
    return int(found)


def test_a_dividend_that_came_back_to_its_day_is_paid_once_on_the_days_between(connection: Connection) -> None:
    paid = {"ts_code": CODE, "end_date": PERIOD, "ann_date": "20240101", "div_proc": "实施", "ex_date": "20240101"}
    moved = paid | {"ann_date": "20240111"}
    back = paid | {"imp_ann_date": "20240101", "ex_date": "20240111"}
    for days, row in enumerate((paid, moved, moved | {"cash_div_tax": 2}, back)):
        tell(connection, "dividend", row, at=AT + timedelta(days=days))
    for day in (date(2024, 1, 1), date(2024, 1, 5), date(2024, 1, 11)):
        found = query(connection, "SELECT ex_date, plans FROM dividend_sums_as_of(:day)", day=day)
        assert found == [(date(2024, 1, 11), 1)]


def test_one_that_comes_beside_another_shortens_nothing(connection: Connection) -> None:
    paid = {"ts_code": CODE, "end_date": PERIOD, "ann_date": "20240101", "div_proc": "实施", "ex_date": "20240101"}
    moved = paid | {"ann_date": "20240121"}
    more = paid | {"imp_ann_date": "20240101", "ex_date": "20240111"}
    for days, rows in enumerate(([paid], [moved], [moved, more])):
        tell(connection, "dividend", *rows, at=AT + timedelta(days=days))
    found = query(connection, "SELECT ex_date FROM dividend_sums_as_of('2024-01-05') ORDER BY ex_date")
    assert found == [(date(2024, 1, 1),), (date(2024, 1, 11),)]


def test_a_plan_that_is_told_anew_takes_no_day_of_what_is_paid(connection: Connection) -> None:
    paid = PLAN | {"div_proc": "实施", "imp_ann_date": "20240105", "ex_date": "20240108"}
    moved = paid | {"imp_ann_date": "20240115"}
    for days, rows in enumerate(([paid], [moved], [moved | {"cash_div_tax": 2}, PLAN])):
        tell(connection, "dividend", *rows, at=AT + timedelta(days=days))
    assert payments(connection, date(2024, 1, 10)) == 1


def test_what_came_with_another_is_not_taken_for_what_came_in_its_place(connection: Connection) -> None:
    paid = PLAN | {"div_proc": "实施", "imp_ann_date": "20240105", "ex_date": "20240108"}
    moved, more = paid | {"imp_ann_date": "20240115"}, paid | {"imp_ann_date": "20240112", "ex_date": "20240118"}
    for days, rows in enumerate(([paid], [moved, more], [moved, more | {"imp_ann_date": "20240102"}])):
        tell(connection, "dividend", *rows, at=AT + timedelta(days=days))
    found = query(connection, "SELECT ex_date FROM dividend_sums_as_of('2024-01-10') ORDER BY ex_date")
    assert found == [(date(2024, 1, 8),), (date(2024, 1, 18),)]
