"""What a report period holds when it is complete."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import asked, coverage, disclosure, expectation
from stock_assistant_pipelines.warehouse.asked import EVERYBODY, Asked
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.expectation import Finding

INCOME, FORECAST, PLAN, INDICATOR = (
    CATALOG[api] for api in ("income", "forecast", "disclosure_date", "fina_indicator")
)
PERIOD, TODAY = date(2025, 9, 30), date(2025, 10, 20)
AT = datetime(2025, 10, 20, 21, 0, tzinfo=SHANGHAI)
STOCKS = {
    "a": (date(2000, 1, 1), None),
    "b": (date(2010, 1, 1), None),
    "new": (date(2025, 10, 9), None),
    "gone": (date(2000, 1, 1), date(2025, 9, 30)),
    "leaving": (date(2000, 1, 1), date(2025, 10, 1)),
}
"""Days of listing and delisting."""


@pytest.fixture
def market(engine: Engine) -> Engine:
    """Five stocks, of which three were listed at the end of the period."""
    stocks = METADATA.tables["stock_basic"]
    rows = [{"ts_code": code, "list_date": first, "delist_date": last} for code, (first, last) in STOCKS.items()]
    with engine.begin() as connection:
        connection.execute(insert(stocks), rows)
        coverage.book(connection, [Coverage("stock_basic", "all", Status.COMPLETE, AT)])
    return engine


def put(engine: Engine, api: str, code: str, period: date = PERIOD, **values: Any) -> None:
    """A row as it stands."""
    row = {"ts_code": code, "end_date": period, "digest": f"{code} {values}", "filled": 1, "ingested_at": AT} | values
    if api == "income":
        row.setdefault("report_type", "1")
    with engine.begin() as connection:
        connection.execute(insert(METADATA.tables[api]), [row])


def plan(engine: Engine, **days: date | None) -> None:
    """The plan of the period: who has disclosed it, and when."""
    for code, day in days.items():
        put(engine, "disclosure_date", code, actual_date=day, pre_date=date(2025, 10, 28))
    with engine.begin() as connection:
        coverage.book(connection, [Coverage("disclosure_date", PERIOD.isoformat(), Status.PARTIAL, AT)])


def ask(engine: Engine, dataset: Any, code: str, at: datetime = AT, **words: Any) -> None:
    """Book that a stock was answered for, in all variants or in some."""
    chosen = words.pop("variants", range(len(dataset.calls.variants)))
    status = words.pop("status", Status.COMPLETE)
    entries = [
        Asked(dataset.api, code, f"{at} {words} {variant}", at, status, variant=variant, **words) for variant in chosen
    ]
    with engine.begin() as connection:
        asked.book(connection, entries)


def found(engine: Engine, dataset: Any, period: date = PERIOD, today: date = TODAY) -> Finding:
    with engine.connect() as connection:
        return expectation.compare(connection, dataset, period, today=today)


def test_every_stock_that_is_listed_at_the_end_of_the_period_has_a_plan(market: Engine) -> None:
    plan(market, a=None)
    finding = found(market, PLAN)
    assert (finding.expected, finding.missing, finding.landed) == (3, ("b", "leaving"), 1)


def test_who_has_disclosed_by_now_is_expected(market: Engine) -> None:
    plan(market, a=date(2025, 10, 15), b=TODAY, leaving=date(2025, 10, 21), stranger=date(2025, 10, 1))
    finding = found(market, INCOME)
    assert (finding.expected, finding.missing) == (2, ("a", "b"))
    put(market, "income", "a")
    assert found(market, INCOME).missing == ("b",)
    put(market, "income", "b")
    finding = found(market, INCOME)
    assert (finding.missing, coverage.judge(INCOME, finding)) == ((), (Status.COMPLETE, None))
    assert found(market, INCOME, today=date(2025, 10, 21)).missing == ("leaving",)


def test_a_plan_that_was_replaced_says_nothing(market: Engine) -> None:
    plan(market, b=None, leaving=None)
    ask(market, INCOME, "a")
    put(market, "disclosure_date", "a", actual_date=date(2025, 10, 15), replaced_at=AT)
    assert found(market, INCOME).expected == 0


def test_while_nobody_has_disclosed_a_period_is_complete_without_a_row(market: Engine) -> None:
    plan(market, a=None, b=None, leaving=None)
    assert coverage.judge(INCOME, found(market, INCOME)) == (Status.COMPLETE, None)


def test_that_nobody_has_disclosed_is_believed_until_the_season_is_over(market: Engine) -> None:
    plan(market, a=None, b=None, leaving=None)
    assert found(market, INCOME, today=date(2025, 10, 31)).expected == 0
    finding = found(market, INCOME, today=date(2025, 11, 1))
    assert (finding.expected, finding.missing) == (None, ("a", "b", "leaving", "new")), "everybody is asked"
    ends = {date(2025, 3, 31): (4, 30), date(2025, 6, 30): (8, 31), PERIOD: (10, 31), date(2024, 12, 31): (4, 30)}
    assert {period: disclosure.season_ends(period) for period in ends} == {
        period: date(2025, *end) for period, end in ends.items()
    }


def test_whom_the_plan_lacks_has_to_be_asked(market: Engine) -> None:
    plan(market, a=date(2025, 10, 15), b=None)
    put(market, "income", "a")
    finding = found(market, INCOME)
    assert (finding.expected, finding.missing) == (2, ("leaving",))
    ask(market, INCOME, "leaving")
    assert coverage.judge(INCOME, found(market, INCOME)) == (Status.COMPLETE, None)


def test_a_plan_that_was_cut_short_keeps_what_it_judges_from_being_complete(market: Engine) -> None:
    plan(market, a=date(2025, 10, 15))
    put(market, "income", "a")
    ask(market, INCOME, EVERYBODY, first_period=PERIOD, last_period=PERIOD)
    short = Coverage("disclosure_date", PERIOD.isoformat(), Status.PARTIAL, AT, 2, expected=3, missing=2, landed=1)
    new = Coverage("income", PERIOD.isoformat(), Status.PARTIAL, AT)

    def judged(**words: Any) -> tuple[Status, str | None]:
        with market.begin() as connection:
            coverage.book(connection, [replace(short, **words)])
            entry = coverage.assess(connection, INCOME, PERIOD, new, at=words.get("landed_at", AT))
            assert not entry.doubted, "it is judged again when the plan is there"
            return entry.status, entry.reason

    reason = "disclosure_date of 2025-09-30 lacks 2 of 3 companies, so nobody can say who else has disclosed it"
    assert judged() == (Status.PARTIAL, reason)
    assert judged(expected=60) == (Status.COMPLETE, None), "a few are asked, and that is enough"
    assert judged(status=Status.COMPLETE, missing=0) == (Status.COMPLETE, None)
    later = AT + timedelta(days=400)
    assert judged(landed_at=later, attempts=1) == (Status.PARTIAL, reason)
    assert judged(landed_at=later) == (Status.COMPLETE, None), "a second answer told no more"


def test_without_an_answer_about_the_plan_nobody_can_tell(market: Engine) -> None:
    finding = found(market, INCOME)
    assert (finding.missing, finding.reason) == (
        None,
        "disclosure_date of 2025-09-30 is not landed, so nobody can say what is expected",
    )


def test_of_a_period_that_the_plan_says_nothing_of_every_stock_is_asked(market: Engine) -> None:
    plan(market)
    finding = found(market, INCOME)
    assert (finding.expected, finding.missing) == (None, ("a", "b", "leaving", "new"))
    status, reason = coverage.judge(INCOME, finding)
    assert (status, reason) == (Status.PARTIAL, "no answer about 4 stocks yet: a, b, leaving, …")
    for code in ("a", "b", "new"):
        ask(market, INCOME, code)
    assert found(market, INCOME).missing == ("leaving",)
    ask(market, INCOME, "leaving", variants=[0, 1])
    assert found(market, INCOME).missing == ("leaving",), "one of three answers is missing"
    ask(market, INCOME, "leaving", variants=[2])
    assert coverage.judge(INCOME, found(market, INCOME)) == (Status.COMPLETE, None)


def test_an_answer_about_the_whole_market_is_one_about_every_stock(market: Engine) -> None:
    ask(market, FORECAST, EVERYBODY, first_period=PERIOD, last_period=PERIOD)
    assert found(market, FORECAST).missing == ()
    assert found(market, FORECAST, date(2025, 6, 30)).missing == ("a", "b", "gone", "leaving", "new")


def test_what_was_answered_before_the_period_had_ended_tells_nothing_of_it(market: Engine) -> None:
    ended = disclosure.ended(PERIOD)
    assert ended == datetime(2025, 10, 1, tzinfo=SHANGHAI)
    ask(market, FORECAST, "a", ended - timedelta(seconds=1))
    ask(market, FORECAST, "b", ended)
    assert found(market, FORECAST).missing == ("a", "leaving", "new")


def test_an_answer_about_other_periods_tells_nothing(market: Engine) -> None:
    plan(market)
    ask(market, INDICATOR, "a", first_period=date(2015, 12, 31), last_period=date(2025, 6, 30))
    ask(market, INDICATOR, "b", first_period=date(2025, 9, 30), last_period=date(2028, 3, 31))
    assert found(market, INDICATOR).missing == ("a", "leaving", "new")


def test_a_company_of_which_an_answer_is_missing_is_missing_though_it_has_a_row(market: Engine) -> None:
    plan(market, a=date(2025, 10, 15), b=None, leaving=None)
    put(market, "income", "a")
    ask(market, INCOME, "a", variants=[0, 2])
    ask(market, INCOME, "a", variants=[1], status=Status.FAILED)
    assert found(market, INCOME).missing == ("a",)
    ask(market, INCOME, EVERYBODY, AT + timedelta(hours=1), first_period=PERIOD, last_period=PERIOD)
    assert found(market, INCOME).missing == (), "the market was answered for since"


def test_a_prospectus_reaches_five_years_back(market: Engine) -> None:
    for period, relevant in ((date(2020, 12, 31), True), (date(2020, 9, 30), False)):
        assert ("new" in (found(market, FORECAST, period).missing or ())) is relevant


def test_who_is_asked_to_look_for_corrections(market: Engine) -> None:
    plan(market, a=date(2025, 10, 15), b=None)
    with market.connect() as connection:
        assert disclosure.companies(connection, INCOME, PERIOD, TODAY) == ["a", "leaving"]
        assert disclosure.companies(connection, PLAN, PERIOD, TODAY) == ["a", "b", "leaving"]
        assert disclosure.companies(connection, FORECAST, PERIOD, TODAY) == ["a", "b", "leaving", "new"]


def test_the_plan_tells_of_the_companies_that_are_still_there_who_disclosed_first(market: Engine) -> None:
    plan(market, b=date(2025, 10, 15))
    with market.connect() as connection:
        told = disclosure.planned(connection, "disclosure_date", "stock_basic", PERIOD, TODAY)
    assert told == [("b", date(2025, 10, 15), date(2025, 10, 28)), ("a", None, None)]


def test_the_plan_tells_of_all_that_are_expected(market: Engine) -> None:
    plan(market, new=date(2025, 10, 15), gone=date(2025, 10, 2), leaving=date(2025, 10, 2), a=None, b=None)
    with market.connect() as connection:
        told = disclosure.planned(connection, "disclosure_date", "stock_basic", PERIOD, TODAY)
        expected = disclosure.companies(connection, INCOME, PERIOD, TODAY)
    assert {code for code, actual, _ in told if actual} == {*expected} == {"new", "gone", "leaving"}
    assert {code for code, actual, _ in told if not actual} == {"a", "b"}, (
        "who is gone and told nothing is not waited for"
    )
