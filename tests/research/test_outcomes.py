"""How reports turned out, each figure recomputed from the bars that were laid."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from evidence_market import DAY, EX_DAY, HALTED, INDEX, MAIN, NEW, PAST, PEERS, book, change, put, query
from made_reports import AT, report, revise
from sqlalchemy import event, select

from stock_assistant_pipelines.research.outcomes import due, make
from stock_assistant_pipelines.research.stances import HORIZONS
from stock_assistant_pipelines.warehouse.tables import RESEARCH_OUTCOME

if TYPE_CHECKING:
    from sqlalchemy import Connection

AT_BEGIN = PAST.index(EX_DAY) - 10
BEGIN = PAST[AT_BEGIN]
ENDS = {horizon: PAST[AT_BEGIN + horizon] for horizon in HORIZONS}
"""The ex-date lies between the ends of 5 and 20 days."""
NEEDED = ("daily", "adj_factor", "index_daily")
LATER = AT + timedelta(hours=1)


@pytest.fixture
def landed(market: Connection) -> Connection:
    """The market, with the report's day and all ends booked as complete."""
    for day in (BEGIN, *ENDS.values()):
        for api in NEEDED:
            book(market, api, day.isoformat())
    return market


def told(connection: Connection) -> dict[int, dict[str, Any]]:
    """The outcomes of the only report, by horizon."""
    return {row["horizon"]: dict(row) for row in connection.execute(select(RESEARCH_OUTCOME)).mappings()}


def at_20(connection: Connection) -> dict[str, Any]:
    """Tell, and read, how the only report turned out after 20 days."""
    make(connection, [BEGIN], at=AT)
    return told(connection)[20]


def price(connection: Connection, code: str, day: date) -> Decimal:
    statement = "SELECT close * adj_factor FROM daily JOIN adj_factor USING (trade_date, ts_code)"
    return query(connection, f"{statement} WHERE ts_code = :code AND trade_date = :at", code=code, at=day)[0]


def change_of(before: Decimal, after: Decimal) -> Decimal:
    return round((after / before - 1) * 100, 6)


def test_returns_are_those_of_adjusted_closes_from_the_report_s_day_on(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    [made] = make(landed, [BEGIN], at=AT)
    assert (made.reports, made.told, made.written, made.waits) == (1, 4, 4, {})
    index = dict(query(landed, "SELECT trade_date, close FROM index_daily WHERE ts_code = :index", index=INDEX))
    for horizon, row in told(landed).items():
        end = ENDS[horizon]
        of = {code: change_of(price(landed, code, BEGIN), price(landed, code, end)) for code in PEERS}
        assert row["end_date"] == end
        assert row["return_pct"] == of[MAIN]
        assert row["index_pct"] == change_of(index[BEGIN], index[end])
        assert abs(row["industry_pct"] - median(of.values())) <= Decimal("0.000001")
        assert row["hit"] is (row["return_pct"] > row["index_pct"])
        assert row["lacks"] is None


def test_the_probability_is_judged_at_the_report_s_own_horizon_only(landed: Connection) -> None:
    report(landed, MAIN, BEGIN, horizon=5, probability="0.7")
    make(landed, [BEGIN], at=AT)
    rows = told(landed)
    assert rows[5]["brier"] == (Decimal("0.09") if rows[5]["hit"] else Decimal("0.49"))
    assert [horizon for horizon, row in rows.items() if row["brier"] is not None] == [5]
    assert all(row["hit"] is not None for row in rows.values())


def test_who_took_no_stance_has_returns_and_no_hit_and_who_failed_has_nothing(landed: Connection) -> None:
    report(landed, MAIN, BEGIN, status="abstained", stance=None, horizon=None, probability=None)
    report(landed, MAIN, BEGIN, 1, status="failed", stance=None, horizon=None, probability=None)
    [made] = make(landed, [BEGIN], at=AT)
    assert (made.reports, made.told) == (1, 4)
    for row in told(landed).values():
        assert row["return_pct"] is not None
        assert (row["hit"], row["brier"]) == (None, None)


@pytest.mark.parametrize("api", NEEDED)
def test_a_horizon_is_not_told_before_its_last_day_is_whole(landed: Connection, api: str) -> None:
    report(landed, MAIN, BEGIN)
    book(landed, api, ENDS[20].isoformat(), "partial")
    [made] = make(landed, [BEGIN], at=AT)
    assert set(told(landed)) == {1, 5, 60}
    assert made.waits == {20: f"{ENDS[20]} is not complete in {api}"}
    assert due(landed, DAY) == []
    book(landed, api, ENDS[20].isoformat())
    assert due(landed, DAY) == [BEGIN]
    make(landed, [BEGIN], at=AT)
    assert set(told(landed)) == set(HORIZONS)
    assert due(landed, DAY) == []


def test_the_calendar_s_end_and_closed_days_are_said(market: Connection) -> None:
    change(market, "DELETE FROM trade_cal WHERE cal_date > :day")
    [late, closed] = make(market, [DAY, DAY + timedelta(days=5)], at=AT)
    assert late.waits[60] == "the calendar does not reach 60 trading days further"
    assert set(closed.waits.values()) == {f"{DAY + timedelta(days=5)} is no trading day of the calendar"}


def test_today_is_the_last_day_that_is_told(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    assert due(landed, BEGIN) == []
    assert due(landed, ENDS[1] - timedelta(days=1)) == []
    assert due(landed, ENDS[1]) == [BEGIN]


def test_a_correction_rewrites_what_was_told_and_nothing_else(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    make(landed, [BEGIN], at=AT)
    before = told(landed)
    change(landed, "UPDATE daily SET close = close * 2 WHERE ts_code = :main AND trade_date = :end", end=ENDS[5])
    assert due(landed, DAY) == []
    revise(landed, "daily", ENDS[5], "another")
    assert due(landed, DAY) == [BEGIN]
    [made] = make(landed, [BEGIN], at=LATER)
    after = told(landed)
    assert after[5]["return_pct"] > before[5]["return_pct"] + 90
    assert after[5]["made_at"] == LATER
    assert after[1] == before[1]
    assert {row["return_pct"] for row in after.values()} ^ {row["return_pct"] for row in before.values()} == {
        after[5]["return_pct"],
        before[5]["return_pct"],
    }
    assert made.written == 3  # the day lies within the longer horizons too
    assert due(landed, DAY) == []


def test_telling_again_writes_nothing(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    make(landed, [BEGIN], at=AT)
    before = told(landed)
    [made] = make(landed, [BEGIN], at=LATER)
    assert (made.told, made.written) == (4, 0)
    assert told(landed) == before


def test_who_is_suspended_at_the_end_has_its_last_close(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    off = [PAST[AT_BEGIN + 19], ENDS[20]]
    change(landed, "DELETE FROM daily WHERE ts_code = :main AND trade_date = ANY(:off)", off=off)
    put(landed, "suspend_d", *({"ts_code": MAIN, "trade_date": day, "suspend_type": "S"} for day in off))
    row, last = at_20(landed), PAST[AT_BEGIN + 18]
    assert row["return_pct"] == change_of(price(landed, MAIN, BEGIN), price(landed, MAIN, last))
    assert row["lacks"] == f"suspended on {ENDS[20]}: the close of {last} is taken"
    assert row["hit"] is not None


def test_who_did_not_trade_after_the_report_s_day_has_no_return_until_it_does(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    change(
        landed,
        "DELETE FROM daily WHERE ts_code = :main AND trade_date > :day AND trade_date < :end",
        day=BEGIN,
        end=ENDS[20],
    )
    row = at_20(landed)
    assert row["return_pct"] == change_of(price(landed, MAIN, BEGIN), price(landed, MAIN, ENDS[20]))
    for horizon in (1, 5):
        row = told(landed)[horizon]
        assert (row["return_pct"], row["hit"], row["brier"]) == (None, None, None)
        assert row["lacks"] == f"it has no adjusted close after {BEGIN} and up to {ENDS[horizon]}"
        assert row["index_pct"] is not None


def test_who_was_delisted_in_between_has_its_last_close(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    last, gone = PAST[AT_BEGIN + 9], PAST[AT_BEGIN + 12]
    change(landed, "DELETE FROM daily WHERE ts_code = :main AND trade_date > :last", last=last)
    change(landed, "UPDATE stock_basic SET delist_date = :gone, industry = NULL WHERE ts_code = :main", gone=gone)
    row = at_20(landed)
    assert row["return_pct"] == change_of(price(landed, MAIN, BEGIN), price(landed, MAIN, last))
    assert row["lacks"] == (
        f"delisted on {gone}: its last close, of {last}, is taken; stock_basic tells no industry of it"
    )
    assert told(landed)[5]["lacks"] == "stock_basic tells no industry of it"


def test_who_did_not_trade_on_the_report_s_day_counts_from_its_last_close_if_the_day_is_whole(
    landed: Connection,
) -> None:
    report(landed, MAIN, BEGIN)
    change(landed, "DELETE FROM daily WHERE ts_code = :main AND trade_date = :begin", begin=BEGIN)
    before = PAST[AT_BEGIN - 1]
    row = at_20(landed)
    assert row["return_pct"] == change_of(price(landed, MAIN, before), price(landed, MAIN, ENDS[20]))
    assert row["lacks"] == f"it has no adjusted close of {BEGIN}: the close of {before} is taken"
    book(landed, "index_daily", BEGIN.isoformat(), "partial")
    assert at_20(landed) == row
    book(landed, "daily", BEGIN.isoformat(), "partial")
    row = at_20(landed)
    assert (row["return_pct"], row["hit"]) == (None, None)
    assert row["lacks"] == f"it has no adjusted close of {BEGIN}, which is not complete in daily"


def test_a_bar_without_its_factor_is_no_close(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    change(landed, "DELETE FROM adj_factor WHERE ts_code = :main AND trade_date = :end", end=ENDS[20])
    row = at_20(landed)
    assert row["lacks"] == f"it has no adjusted close of {ENDS[20]}: the close of {PAST[AT_BEGIN + 19]} is taken"


def test_who_has_never_traded_cannot_be_told(landed: Connection) -> None:
    report(landed, NEW, BEGIN)
    row = at_20(landed)
    assert (row["return_pct"], row["hit"]) == (None, None)
    assert row["lacks"].startswith(f"it has no adjusted close up to {BEGIN}")


def test_without_the_index_nothing_came_true(landed: Connection) -> None:
    report(landed, MAIN, BEGIN)
    change(landed, "DELETE FROM index_daily WHERE trade_date = :end", end=ENDS[20])
    row = at_20(landed)
    assert row["return_pct"] is not None
    assert (row["index_pct"], row["hit"], row["brier"]) == (None, None, None)
    assert row["lacks"] == f"index_daily has no {INDEX} of {ENDS[20]}"


def test_fewer_than_five_stocks_are_no_industry(landed: Connection) -> None:
    report(landed, HALTED, BEGIN)
    row = at_20(landed)
    assert row["industry_pct"] is None
    assert row["lacks"] == "1 stocks of its industry traded on both days, fewer than 5"
    change(landed, "UPDATE stock_basic SET industry = '' WHERE ts_code = :halted", halted=HALTED)
    assert at_20(landed)["lacks"] == "stock_basic tells no industry of it"


@pytest.fixture
def statements(market: Connection) -> Any:
    """The statements that are sent on the connection."""
    sent: list[str] = []

    def note(*words: Any) -> None:
        sent.append(words[2])

    event.listen(market, "before_cursor_execute", note)
    yield sent
    event.remove(market, "before_cursor_execute", note)


def test_many_reports_take_as_many_queries_as_one(landed: Connection, statements: list[str]) -> None:
    report(landed, MAIN, BEGIN)
    statements.clear()
    make(landed, [BEGIN], at=AT)
    alone = len(statements)
    for number, code in enumerate((*PEERS, HALTED, NEW), start=1):
        report(landed, code, BEGIN, number, stance=("neutral", "underperform", "outperform")[number % 3])
    statements.clear()
    [made] = make(landed, [BEGIN], at=AT)
    assert (made.reports, made.told, made.written) == (9, 36, 32)
    assert len(statements) == alone
