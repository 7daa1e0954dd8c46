"""Reports are as fresh as the last evening that should be over: answered for every open period, and nobody missing for long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from filings import tell as told
from sqlalchemy import insert, text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.lateness import look, tell
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import asked, coverage
from stock_assistant_pipelines.warehouse.asked import ANNOUNCED, EVERYBODY, Asked
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.freshness import Age
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.lateness import Lateness

ANNUAL, FIRST = date(2025, 12, 31), date(2026, 3, 31)
"""The two periods that are open in April 2026."""
EARLY, LATE = "600519.SH", "000001.SZ"


def at(*moment: int) -> datetime:
    """A moment of April 2026, in Shanghai."""
    return datetime(2026, 4, *moment, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]


@dataclass
class Books:
    """What is booked of two companies' reports."""

    connection: Connection

    def plan(self, code: str, period: date, disclosed: date | None) -> None:
        row = {"ts_code": code, "end_date": period.isoformat(), "ann_date": "20260101", "actual_date": disclosed}
        told(self.connection, "disclosure_date", row, at=at(1, 12))

    def answer(self, api: str, moment: datetime, *periods: date, code: str = EVERYBODY, **words: Any) -> None:
        """Book answers about these periods; without one, an answer about all of them."""
        spans: list[date | None] = [*periods] or [None]
        for period in spans:
            entry = {
                "dataset": api,
                "ts_code": code,
                "part": str(period),
                "asked_at": moment,
                "status": Status.COMPLETE,
            }
            asked.book(self.connection, [Asked(**{**entry, **words}, first_period=period, last_period=period)])

    def book(self, api: str, period: date, missing: tuple[str, ...] = ()) -> None:
        """Book a period."""
        status = Status.PARTIAL if missing else Status.COMPLETE
        words = {"missing": len(missing), "missing_keys": missing, "source": "tushare"}
        coverage.book(self.connection, [Coverage(api, period.isoformat(), status, at(1, 22), **words)])

    def look(self, api: str, *moment: int) -> Lateness:
        return look(self.connection, at(*moment))[api]


@pytest.fixture
def books(engine: Engine) -> Any:
    """Two companies: one has disclosed its annual report on the 18th, both all that was before; `income` is kept."""
    with engine.connect() as connection:
        stocks = [{"ts_code": code, "name": code, "list_date": date(2001, 1, 1)} for code in (EARLY, LATE)]
        connection.execute(insert(METADATA.tables["stock_basic"]), stocks)
        books = Books(connection)
        for code in (EARLY, LATE):
            for period, day in ((date(2025, 6, 30), date(2025, 8, 1)), (date(2025, 9, 30), date(2025, 10, 9))):
                books.plan(code, period, day)
            books.plan(code, ANNUAL, date(2026, 4, 18) if code == EARLY else None)
            books.plan(code, FIRST, None)
        books.book("income", date(2025, 9, 30))
        yield books


@pytest.mark.parametrize(
    ("moment", "age", "due", "behind"),
    [
        ((20, 23, 0), Age.FRESH, 19, 0),  # the evening is under way
        ((21, 5, 59), Age.FRESH, 19, 0),
        ((21, 6, 0), Age.STALE, 20, 1),
        ((22, 12, 0), Age.STALE, 21, 2),
    ],
)
def test_an_evening_should_be_answered_by_six_in_the_morning(
    books: Books, moment: tuple[int, ...], age: Age, due: int, behind: int
) -> None:
    books.answer("income", at(19, 21, 5), ANNUAL, FIRST)
    found = books.look("income", *moment).freshness
    assert (found.age, found.due, found.behind) == (age, date(2026, 4, due), behind)
    assert found.last_complete == date(2026, 4, 19)
    books.answer("income", at(21, 21, 0), ANNUAL, FIRST)
    assert books.look("income", *moment).freshness.age is Age.FRESH


def test_an_answer_about_one_open_period_is_none_about_the_other(books: Books) -> None:
    books.answer("income", at(19, 21, 5), ANNUAL, FIRST)
    books.answer("income", at(20, 21, 5), ANNUAL)
    evening = books.look("income", 21, 9)
    assert (evening.unanswered, evening.freshness.status) == ((FIRST,), None)
    assert evening.freshness.said == (
        "nobody was answered about 2026-03-31 in the evening of 2026-04-20; the last one that was answered is 2026-04-19"
    )


def test_what_a_stock_tells_is_of_all_periods(books: Books) -> None:
    books.answer("income", at(20, 21, 5), code=EARLY)
    assert books.look("income", 21, 9).freshness.age is Age.FRESH


def test_what_was_tried_in_vain_is_no_answer(books: Books) -> None:
    books.answer("income", at(19, 21, 5), ANNUAL, FIRST)
    books.answer("income", at(20, 21, 5), status=Status.FAILED, attempts=1, code=LATE)
    books.answer("income", at(20, 21, 5), ANNUAL, FIRST, status=Status.FAILED, attempts=1)
    assert books.look("income", 21, 9).unanswered == (FIRST, ANNUAL)


def test_what_lacks_nothing_by_tonights_plan_needs_no_answer(books: Books) -> None:
    for api in ("income", "forecast"):
        books.book(api, ANNUAL)
        books.book(api, FIRST)
    books.answer("disclosure_date", at(20, 21, 1), ANNUAL, FIRST)
    assert books.look("income", 21, 9).freshness.age is Age.FRESH
    assert books.look("forecast", 21, 9).unanswered == (FIRST, ANNUAL), "no plan says who has forecast"
    books.book("income", ANNUAL, (EARLY,))
    assert books.look("income", 21, 9).unanswered == (ANNUAL,)


@pytest.mark.parametrize(
    ("moment", "late"),
    [((20, 9), False), ((21, 5, 59), False), ((21, 6), True), ((30, 9), True)],
)
def test_a_report_is_given_three_evenings(books: Books, moment: tuple[int, ...], late: bool) -> None:
    books.book("income", ANNUAL, (EARLY, LATE))
    books.answer("income", at(29, 22), ANNUAL, FIRST)
    evening = books.look("income", *moment)
    assert evening.missing == ({ANNUAL: [EARLY]} if late else {}), "the other has not disclosed"
    assert evening.freshness.age is (Age.STALE if late else Age.FRESH)
    if late:
        assert (evening.freshness.status, evening.freshness.missing) == (Status.PARTIAL, 1)
        assert (
            evening.freshness.said
            == "reports that were disclosed 3 evenings ago have no row: 1: 600519.SH of 2025-12-31"
        )


def test_who_is_missing_for_a_month_is_no_news(books: Books) -> None:
    books.book("income", ANNUAL, (EARLY,))
    books.answer("income", at(30, 22) + timedelta(days=30), ANNUAL, FIRST)
    last = at(20, 9) + timedelta(days=29)
    assert look(books.connection, last)["income"].missing
    assert not look(books.connection, last + timedelta(days=1))["income"].missing


def test_periods_before_the_first_that_is_kept_are_not_waited_for(books: Books) -> None:
    books.plan(EARLY, date(2025, 9, 30), None)
    books.answer("income", at(20, 21, 5), ANNUAL, FIRST)
    assert books.look("income", 21, 9).unanswered == (date(2025, 9, 30),)
    books.connection.execute(text("update coverage set partition = '2025-12-31'"))
    assert books.look("income", 21, 9).freshness.age is Age.FRESH


def test_with_no_period_open_nothing_is_late(books: Books) -> None:
    for code in (EARLY, LATE):
        books.plan(code, ANNUAL, date(2026, 4, 1))
        books.plan(code, FIRST, date(2026, 4, 5))
    found = books.look("income", 20, 9).freshness
    assert (found.age, found.due, found.said) == (Age.FRESH, None, "no report period is open")
    assert books.look("income", 12, 9).freshness.age is Age.STALE, "until a week after the last disclosure"


def test_what_is_announced_by_day_is_asked_for_on_every_evening(books: Books) -> None:
    for code in (EARLY, LATE):
        books.plan(code, ANNUAL, date(2026, 4, 1))
        books.plan(code, FIRST, date(2026, 4, 5))
    for api in ("forecast", "dividend"):
        books.book(api, ANNUAL)
        books.answer(api, at(18, 10), ANNUAL)
    assert books.look("forecast", 18, 12).freshness.age is Age.FRESH, "an evening has yet to come"
    books.answer("dividend", at(20, 21, 5), code=ANNOUNCED)
    assert books.look("dividend", 21, 9).freshness.age is Age.FRESH
    late = books.look("forecast", 21, 9)
    assert (late.freshness.age, late.unanswered, late.unheard) == (Age.STALE, (), True)
    assert (late.freshness.last_complete, late.freshness.behind) == (date(2026, 4, 17), 3)
    books.plan(EARLY, FIRST, date(2026, 4, 19))
    assert books.look("dividend", 21, 9).unanswered == (FIRST,), "a day tells of no period"


def test_what_nobody_landed_is_not_waited_for_and_the_plan_is(books: Books) -> None:
    every = [dataset for dataset in CATALOG.values() if dataset.by_period]
    ages = {name: found.age for name, found in tell(books.connection, every, at(21, 9)).items()}
    assert {name for name, age in ages.items() if age is not Age.UNUSED} == {"income", "disclosure_date"}
