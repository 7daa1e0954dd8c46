"""What was known when: the functions that say it, to the API and to anyone with an SQL client."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from filings import AT, BY_API, CODE, as_of, query, statement, tell
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import functions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

STATEMENTS = ("balancesheet", "cashflow", "income")
DAY = date(2026, 4, 30)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


# Statements


def test_a_statement_is_what_had_been_announced_by_the_day(connection: Connection) -> None:
    tell(
        connection,
        "income",
        statement("20251231", "20260402", revenue=5),
        statement("20251231", "20260610", revenue=6),
    )
    told = {day: as_of(connection, "income", day, "revenue") for day in (date(2026, 4, 1), DAY, date(2026, 6, 10))}
    assert [*told.values()] == [[], [(5,)], [(6,)]]


def test_a_report_before_and_after_it_was_adjusted_is_each_in_its_time(connection: Connection) -> None:
    tell(
        connection,
        "income",
        statement("20251231", "20260402", kind="5", revenue=5),
        statement("20251231", "20260610", kind="1", revenue=6),
    )
    assert as_of(connection, "income", DAY, "report_type", "revenue") == [("5", 5)]
    assert as_of(connection, "income", date(2026, 6, 10), "report_type", "revenue") == [("1", 6)]


ADJUSTED = [
    statement("20251231", "20260402", kind="5", revenue=5),
    statement("20251231", "20260402", kind="1", revenue=6),
]
"""A report as it was before it was adjusted, and adjusted, under the day of the first: nobody says when the second came."""


@pytest.mark.parametrize("rows", [ADJUSTED, ADJUSTED[::-1]], ids=["5 before 1", "1 before 5"])
def test_an_adjusted_report_under_the_day_of_the_first_is_known_since_it_was_read(
    connection: Connection, rows: list[dict[str, Any]]
) -> None:
    for hours, row in enumerate(rows):
        tell(connection, "income", row, at=AT + timedelta(hours=hours))
    days = [date(2026, 4, 2), AT.date() - timedelta(days=1), AT.date()]
    assert [as_of(connection, "income", day, "report_type", "revenue") for day in days] == [
        [("5", 5)],
        [("5", 5)],
        [("1", 6)],
    ]
    assert query(connection, "SELECT revenue FROM income_as_read(:at)", at=AT + timedelta(hours=1)) == [(6,)]
    history = "SELECT value, report_type FROM restatements('income', :code, '2025-12-31', 'revenue')"
    assert query(connection, history, code=CODE) == [(5, "5"), (6, "1")]


def test_a_report_that_was_read_in_time_stands_until_it_is_adjusted_silently(connection: Connection) -> None:
    evening, later = datetime(2026, 4, 2, 21, tzinfo=SHANGHAI), datetime(2026, 9, 1, 21, tzinfo=SHANGHAI)
    tell(connection, "income", statement("20251231", "20260402", revenue=5), at=evening)
    assert as_of(connection, "income", DAY, "revenue") == [(5,)]
    tell(connection, "income", *ADJUSTED, at=later)
    days = [date(2026, 4, 2), DAY, date(2026, 8, 31), date(2026, 9, 1)]
    assert [as_of(connection, "income", day, "revenue") for day in days] == [[(5,)], [(5,)], [(5,)], [(6,)]]


@pytest.mark.parametrize("flag", ["1", "0"], ids=["in its place", "beside it"])
def test_an_adjusted_report_that_is_corrected_again_leaves_what_was_read_before(
    connection: Connection, flag: str
) -> None:
    first, adjusted = ADJUSTED
    adjusted = adjusted | {"update_flag": flag}
    again = adjusted | {"update_flag": "1", "revenue": 7}
    may, september = (datetime(2026, month, 1, 21, tzinfo=SHANGHAI) for month in (5, 9))
    tell(connection, "income", first, adjusted, at=may)
    tell(connection, "income", first, again, *([adjusted] if flag == "0" else []), at=september)
    days = [date(2026, 4, 2), date(2026, 4, 30), date(2026, 5, 1), date(2026, 8, 31), date(2026, 9, 1)]
    assert [as_of(connection, "income", day, "revenue") for day in days] == [[(5,)], [(5,)], [(6,)], [(6,)], [(7,)]]
    history = "SELECT value, report_type FROM restatements('income', :code, '2025-12-31', 'revenue')"
    assert query(connection, history, code=CODE) == [(5, "5"), (6, "1"), (7, "1")]


def test_an_adjusted_report_under_an_earlier_day_counts_once_it_was_read(connection: Connection) -> None:
    tell(connection, "income", ADJUSTED[0], statement("20251231", "20260401", kind="1", revenue=6))
    days = [date(2026, 4, 1), date(2026, 4, 2), AT.date() - timedelta(days=1), AT.date()]
    assert [as_of(connection, "income", day, "revenue") for day in days] == [[(6,)], [(5,)], [(5,)], [(6,)]]
    history = "SELECT value FROM restatements('income', :code, '2025-12-31', 'revenue')"
    assert query(connection, history, code=CODE) == [(6,), (5,), (6,)]
    assert query(connection, "SELECT revenue FROM income_as_read(:at)", at=AT) == [(6,)]


def test_what_the_next_report_restates_is_told_on_request(connection: Connection) -> None:
    tell(
        connection,
        "income",
        statement("20241231", "20250402", kind="1", revenue=5),
        statement("20241231", "20260402", kind="4", revenue=7),
    )
    assert as_of(connection, "income", DAY, "revenue") == [(5,)]
    assert as_of(connection, "income", DAY, "revenue", restated=True) == [(7,)]
    assert as_of(connection, "income", date(2026, 4, 1), "revenue", restated=True) == [(5,)]


def test_a_silent_correction_counts_from_the_day_that_tushare_tells(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=5))
    tell(connection, "income", statement("20251231", "20260402", revenue=6), at=AT + timedelta(days=1))
    assert as_of(connection, "income", DAY, "revenue") == [(6,)]


def test_without_trust_in_tushares_days_it_counts_from_when_it_was_read(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=5))
    tell(connection, "income", statement("20251231", "20260402", revenue=6), at=AT + timedelta(days=1))
    read = "SELECT revenue FROM income_as_read(:moment)"
    moments = [AT - timedelta(hours=1), AT, AT + timedelta(hours=1), AT + timedelta(days=1)]
    assert [query(connection, read, moment=moment) for moment in moments] == [[], [(5,)], [(5,)], [(6,)]]


def test_what_is_quarantined_is_in_no_answer(connection: Connection) -> None:
    tell(connection, "income", statement("20260630", "20260422", revenue=5))
    assert as_of(connection, "income", date(2027, 1, 1), "revenue", restated=True) == []
    assert query(connection, "SELECT revenue FROM income_as_read(:moment, true)", moment=AT) == []


# Quarters and twelve months

YEARS = {
    "20241231": ("20250402", 100),
    "20250331": ("20250425", 11),
    "20250630": ("20250820", 33),
    "20250930": ("20251028", 66),
    "20251231": ("20260402", 110),
    "20240331": ("20240425", 10),
}


@pytest.fixture
def year(connection: Connection) -> Connection:
    """The reports of a year and what they are compared with."""
    rows = [statement(period, day, revenue=revenue, basic_eps=1.5) for period, (day, revenue) in YEARS.items()]
    tell(connection, "income", *rows)
    return connection


def revenues(connection: Connection, kind: str, day: date = DAY) -> dict[str, Any]:
    found = query(connection, f"SELECT end_date, revenue FROM income_{kind}_as_of(:day)", day=day)
    return {f"{period:%Y%m%d}": revenue for period, revenue in found}


def test_a_quarter_is_the_year_so_far_less_what_it_was_a_quarter_before(year: Connection) -> None:
    assert revenues(year, "quarter") == {
        "20240331": 10,
        "20241231": None,  # what came before it is not known
        "20250331": 11,
        "20250630": 22,
        "20250930": 33,
        "20251231": 44,
    }


def test_twelve_months_reach_back_over_the_turn_of_the_year(year: Connection) -> None:
    months = revenues(year, "ttm")
    assert (months["20250331"], months["20251231"], months["20241231"]) == (11 + 100 - 10, 110, 100)
    assert (months["20250630"], months["20240331"]) == (None, None)


def test_a_derived_figure_is_known_when_its_last_part_is(year: Connection) -> None:
    late = statement("20250331", "20260515", revenue=12)
    tell(year, "income", late)
    assert (revenues(year, "quarter")["20250630"], revenues(year, "quarter", date(2026, 5, 15))["20250630"]) == (22, 21)
    since = "SELECT known_at FROM income_quarter_as_of(:day) WHERE end_date = '2025-06-30'"
    (known,) = query(year, since, day=date(2026, 5, 15))[0]
    assert known.isoformat() == "2026-05-15T16:00:00+00:00"


def test_what_is_not_the_end_of_a_quarter_has_no_quarter(connection: Connection) -> None:
    tell(connection, "income", statement("20250430", "20250702", revenue=5))
    assert (revenues(connection, "quarter"), revenues(connection, "ttm")) == ({}, {})


def test_only_what_counts_from_the_start_of_the_year_is_derived(connection: Connection) -> None:
    for api in ("income", "cashflow"):
        for function in ("quarter_as_of", "quarter_as_read", "ttm_as_of", "ttm_as_read"):
            columns = connection.execute(text(f"SELECT * FROM {api}_{function}('2026-01-01')")).keys()
            assert tuple(columns) == ("ts_code", "end_date", "comp_type", "known_at", *BY_API[api].flows)


def test_without_trust_in_tushares_days_figures_are_derived_from_what_was_held(year: Connection) -> None:
    late = AT + timedelta(days=1)
    tell(year, "income", statement("20250331", "20250425", revenue=12), at=late)

    def held(function: str, moment: datetime) -> dict[str, Any]:
        found = query(year, f"SELECT end_date, revenue FROM income_{function}_as_read(:moment)", moment=moment)
        return {f"{period:%Y%m%d}": revenue for period, revenue in found}

    before, then, now = (AT - timedelta(hours=1), AT, late)
    assert (held("quarter", before), held("ttm", before)) == ({}, {})
    assert held("quarter", then) == revenues(year, "quarter") | {"20250331": 11, "20250630": 22}
    assert (held("quarter", now)["20250331"], held("quarter", now)["20250630"]) == (12, 21)
    assert (held("ttm", then)["20250331"], held("ttm", now)["20250331"]) == (11 + 100 - 10, 12 + 100 - 10)


def test_the_latest_period_is_the_newest_that_was_held(year: Connection) -> None:
    tell(year, "income", statement("20260331", "20260425"), at=AT + timedelta(days=1))
    latest = "SELECT latest_period_as_read('600519.SH', :moment)"
    moments = [AT - timedelta(hours=1), AT, AT + timedelta(days=1)]
    assert [query(year, latest, moment=moment)[0][0] for moment in moments] == [
        None,
        date(2025, 12, 31),
        date(2026, 3, 31),
    ]


# One company, one figure


def test_the_latest_period_is_the_newest_that_had_been_reported(year: Connection) -> None:
    latest = "SELECT latest_period('600519.SH', :day)"
    days = [date(2024, 4, 24), date(2024, 4, 25), date(2025, 8, 19), date(2025, 8, 20)]
    assert [query(year, latest, day=day)[0][0] for day in days] == [
        None,
        date(2024, 3, 31),
        date(2025, 3, 31),
        date(2025, 6, 30),
    ]


def test_a_figure_is_followed_through_all_that_was_told_of_it(connection: Connection) -> None:
    tell(
        connection,
        "income",
        statement("20241231", "20250402", flag="0", revenue=5),
        statement("20241231", "20250402", flag="1", revenue=5),
        statement("20241231", "20250610", flag="1", revenue=6),
        statement("20241231", "20260402", kind="4", revenue=7),
        statement("20241231", None, revenue=8),
    )
    told = "SELECT value, report_type, ann_date FROM restatements('income', :code, '2024-12-31', 'revenue')"
    assert query(connection, told, code=CODE) == [
        (5, "1", date(2025, 4, 2)),
        (6, "1", date(2025, 6, 10)),
        (7, "4", date(2026, 4, 2)),
    ]


@pytest.mark.parametrize(
    ("api", "column", "message"),
    [
        ("dividend", "cash_div", "p_api names a table with one row per company and period, not dividend"),
        ("pg_class", "relpages", "p_api names a table with one row per company and period, not pg_class"),
        ("income", "ann_date", "income has no figure ann_date"),
        ("income", "sales", "income has no figure sales"),
        ("income", None, "income has no figure null"),
        (None, "revenue", "p_api names a table with one row per company and period, not null"),
    ],
)
def test_a_figure_that_is_not_there_is_an_error(
    connection: Connection, api: str | None, column: str | None, message: str
) -> None:
    with pytest.raises(DBAPIError) as caught:
        query(
            connection,
            "SELECT * FROM restatements(CAST(:api AS text), '600519.SH', '2024-12-31', CAST(:column AS text))",
            api=api,
            column=column,
        )
    assert isinstance(caught.value.orig, psycopg.Error)
    assert caught.value.orig.diag.message_primary == message


# Dividends


PLAN = {"ts_code": CODE, "end_date": "20251231", "ann_date": "20260402", "cash_div_tax": 27.0}


def stages(connection: Connection, day: date) -> list[tuple[Any, ...]]:
    return query(connection, "SELECT div_proc FROM dividends_as_of(:day)", day=day)


def test_a_plan_is_at_the_stage_that_it_had_reached(connection: Connection) -> None:
    tell(
        connection,
        "dividend",
        {**PLAN, "div_proc": "预案"},
        {**PLAN, "div_proc": "实施", "imp_ann_date": "20260618", "ex_date": "20260626"},
    )
    days = [date(2026, 4, 1), date(2026, 4, 2), date(2026, 6, 17), date(2026, 6, 18)]
    assert [stages(connection, day) for day in days] == [[], [("预案",)], [("预案",)], [("实施",)]]


def test_an_approval_that_bears_no_day_counts_from_when_it_was_read(connection: Connection) -> None:
    tell(connection, "dividend", {**PLAN, "div_proc": "预案"}, {**PLAN, "div_proc": "股东大会通过"})
    assert stages(connection, date(2026, 4, 2)) == [("预案",)]
    assert stages(connection, AT.date()) == [("股东大会通过",)]


def test_a_dividend_whose_carrying_out_bears_no_day_is_known_by_its_record_date(connection: Connection) -> None:
    paid = {**PLAN, "div_proc": "实施", "record_date": "20260625", "ex_date": "20260626"}
    tell(connection, "dividend", {**PLAN, "div_proc": "预案"}, paid)
    assert stages(connection, date(2026, 6, 24)) == [("预案",)]
    assert stages(connection, date(2026, 6, 25)) == [("实施",)]


def known(connection: Connection, function: str, day: date) -> list[tuple[Any, ...]]:
    """Since when each stage is known, in Shanghai."""
    since = "to_char(known_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI')"
    return query(connection, f"SELECT div_proc, {since} FROM {function}(:day) ORDER BY 1", day=day)


UNDATED = [
    {**PLAN, "div_proc": "预案"},
    {**PLAN, "div_proc": "股东大会通过"},
    {**PLAN, "div_proc": "实施", "record_date": "20260625", "ex_date": "20260626"},
]
"""The stages of a dividend, each under the day of its plan."""


def test_a_stage_is_known_since_everybody_knew_that_it_was_reached(connection: Connection) -> None:
    tell(connection, "dividend", *UNDATED)
    plan, approved, paid = (
        ("预案", "2026-04-03 00:00"),
        ("股东大会通过", "2026-11-20 20:00"),
        ("实施", "2026-06-26 00:00"),
    )
    assert known(connection, "dividend_as_of", date(2026, 6, 24)) == [plan]
    assert sorted(known(connection, "dividend_as_of", AT.date())) == sorted([plan, approved, paid])
    days = [date(2026, 6, 24), date(2026, 6, 25), AT.date()]
    assert [known(connection, "dividends_as_of", day) for day in days] == [[plan], [paid], [paid]]


def test_a_sum_is_known_since_its_last_part_was(connection: Connection) -> None:
    tell(connection, "dividend", *UNDATED)
    tell(connection, "dividend", {**UNDATED[2], "end_date": "20250930", "imp_ann_date": "20260618"})
    told = "SELECT plans, known_at AT TIME ZONE 'Asia/Shanghai' FROM dividend_sums_as_of(:day)"
    days = [date(2026, 6, day) for day in (17, 18, 25)]
    assert [query(connection, told, day=day) for day in days] == [
        [],
        [(1, datetime(2026, 6, 19))],  # noqa: DTZ001 - in Shanghai
        [(2, datetime(2026, 6, 26))],  # noqa: DTZ001
    ]


def test_what_was_read_before_its_record_date_is_known_since_then(connection: Connection) -> None:
    read = datetime(2026, 6, 20, 20, tzinfo=SHANGHAI)
    tell(connection, "dividend", *UNDATED, at=read)
    assert stages(connection, date(2026, 6, 20)) == [("实施",)]


def test_plans_of_one_company_are_told_apart(connection: Connection) -> None:
    special = {**PLAN, "ann_date": "20260512", "cash_div_tax": 3.0}
    tell(connection, "dividend", {**PLAN, "div_proc": "预案"}, {**special, "div_proc": "预案"})
    told = query(connection, "SELECT cash_div_tax FROM dividends_as_of('2026-06-01') ORDER BY ann_date")
    assert told == [(Decimal(27),), (Decimal(3),)]


# The functions and the catalog


def test_the_functions_are_those_that_the_catalog_declares(connection: Connection) -> None:
    before = definitions(connection)
    for api, dataset in BY_API.items():
        assert dataset.versions
        prefer = dataset.versions.prefer
        if api in STATEMENTS:
            assert "report_type" in dataset.key
            made = [functions.statement_as_of(api, prefer), functions.statement_as_read(api, prefer)]
        else:
            made = [functions.as_of(api, dataset.key, prefer), functions.as_read(api, dataset.key, prefer)]
        if dataset.flows:
            for derived in ("quarter_as_of", "quarter_as_read", "ttm_as_of", "ttm_as_read"):
                made.append(getattr(functions, derived)(api, dataset.flows))
        for statement_ in made:
            connection.execute(text(statement_))
    assert definitions(connection) == before


def definitions(connection: Connection) -> dict[str, str]:
    found = query(
        connection,
        "SELECT oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    )
    return dict(found)  # type: ignore[arg-type]


# Reading by index


CALLS = [
    *(f"{api}_as_of('2026-04-30')" for api in BY_API),
    *(f"{api}_as_read('2026-04-30')" for api in BY_API),
    *(
        f"{api}_{kind}_{when}('2026-04-30')"
        for api in ("income", "cashflow")
        for kind in ("quarter", "ttm")
        for when in ("as_of", "as_read")
    ),
    "dividends_as_of('2026-04-30')",
]


def conditions(connection: Connection, call: str, where: str) -> list[str]:
    """The conditions by which the tables are read, where there are too many rows to read them all."""
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    plan = [line.strip() for (line,) in query(connection, f"EXPLAIN SELECT * FROM {call} WHERE {where}")]
    assert not [line for line in plan if "Seq Scan" in line]
    found = [line for line in plan if line.startswith("Index Cond")]
    assert found, plan
    return found


def by_key(condition: str) -> bool:
    """Whether the other reports of a company are found one by one."""
    return "(ts_code = " in condition and "(end_date = " in condition


def test_one_company_is_found_by_index(connection: Connection) -> None:
    for call in [*CALLS, "dividend_sums_as_of('2026-04-30')"]:
        first, *others = conditions(connection, call, "ts_code = '600519.SH'")
        assert "(ts_code = '600519.SH'::text)" in first, call
        assert all(by_key(other) or "(ts_code = '600519.SH'::text)" in other for other in others), call


def test_one_period_is_found_by_index(connection: Connection) -> None:
    for call in CALLS:
        first, *others = conditions(connection, call, "end_date = '2025-12-31'")
        assert "(end_date = '2025-12-31'::date)" in first, call
        assert all(by_key(other) or "(end_date = '2025-12-31'::date)" in other for other in others), call
