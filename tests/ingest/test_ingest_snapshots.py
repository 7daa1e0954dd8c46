"""What days rest on: stocks and calendar that are cut short, and what has landed since."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import update
from walk import DAILY, DAY, NOW, WEEK, Walk

from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

EVER = datetime.min.replace(tzinfo=UTC)
OF_DAY = METADATA.tables["trade_cal"].c.cal_date == DAY


def test_what_a_day_rests_on_is_landed_first(walk: Walk) -> None:
    walk.land("daily", DAY)
    asked = [call["api"] for call in walk.sandbox.calls()]
    assert list(dict.fromkeys(asked)) == ["trade_cal", "stock_basic", "suspend_d", "daily"]


# Stocks that were cut short


def test_half_of_the_stocks_at_first_is_not_believed(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    entry = walk.land_one("stock_basic")
    assert (entry.status, entry.reason) == (Status.PARTIAL, "two answers in a row hold different keys")


def test_days_are_not_judged_by_half_of_the_stocks(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    entries = walk.land("adj_factor", *WEEK)
    assert {entry.status for entry in entries.values()} == {Status.PARTIAL}
    assert {entry.reason for entry in entries.values()} == {
        "stock_basic is partial, so nobody can say what is expected"
    }


def test_the_first_walk_after_the_stocks_are_whole_completes_the_days(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    walk.land("adj_factor", *WEEK)
    assert {entry.status for entry in walk.land("adj_factor", *WEEK).values()} == {Status.COMPLETE}


def test_days_that_nothing_could_judge_are_judged_when_the_stocks_are_whole_without_a_call(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    walk.sandbox.inject(f"half:api=adj_factor:day={compact(DAY)}")
    walk.land("adj_factor", *WEEK)
    walk.sandbox.heal()
    walk.sandbox.forget()
    assert walk.land_one("stock_basic").settled
    assert walk.asked("adj_factor") == []
    booked = {day: walk.booked("adj_factor", day) for day in WEEK}
    assert {day: entry.status for day, entry in booked.items() if entry} == dict.fromkeys(WEEK, Status.COMPLETE) | {
        DAY: Status.PARTIAL
    }
    half = booked[DAY]
    assert half is not None
    assert half.missing_keys


def test_a_run_that_lands_the_stocks_first_asks_only_for_the_days_that_lack_something(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    walk.land("adj_factor", *WEEK)
    walk.sandbox.forget()
    entries = walk.land("adj_factor", *WEEK, since=EVER)
    assert {entry.status for entry in entries.values()} == {Status.COMPLETE}
    assert walk.asked("adj_factor") == []


def test_a_day_that_the_calendar_had_wrong_is_no_holiday_any_more(walk: Walk) -> None:
    walk.land("trade_cal")
    with walk.engine.begin() as connection:
        connection.execute(update(METADATA.tables["trade_cal"]).values(is_open=0).where(OF_DAY))
    assert walk.land_one("daily", DAY).status is Status.CLOSED
    walk.land("trade_cal")
    assert walk.booked("daily", DAY) is None
    assert walk.land_one("daily", DAY).status is Status.COMPLETE


def test_stocks_that_are_cut_short_each_time_are_found_out_by_the_first_day(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic")
    entries = walk.land("adj_factor", *WEEK)
    assert {entry.status for entry in entries.values()} == {Status.PARTIAL}
    stocks = walk.booked("stock_basic")
    assert stocks is not None
    assert stocks.status is Status.PARTIAL
    assert set(stocks.missing_keys or ()) == walk.codes("adj_factor", DAY) - walk.codes("stock_basic")


def test_stocks_that_were_complete_lose_none_to_an_answer_of_half(walk: Walk) -> None:
    walk.land("stock_basic")
    before = walk.rows("stock_basic")
    walk.sandbox.inject("half:api=stock_basic")
    entry = walk.land_one("stock_basic")
    assert (entry.status, entry.missing) == (Status.PARTIAL, 28)
    assert walk.rows("stock_basic") == before


def test_stocks_that_the_source_tells_again_are_complete_again(walk: Walk) -> None:
    walk.land("stock_basic")
    walk.sandbox.inject("half:api=stock_basic")
    walk.land("stock_basic")
    walk.sandbox.heal()
    assert walk.land_one("stock_basic").status is Status.COMPLETE


def test_an_answer_with_all_known_stocks_is_asked_for_once(walk: Walk) -> None:
    walk.land("stock_basic")
    walk.sandbox.forget()
    walk.land("stock_basic")
    assert [params["list_status"] for params in walk.asked("stock_basic")] == ["L", "D", "P"]


def test_a_market_without_a_row_makes_the_indices_partial(walk: Walk) -> None:
    walk.sandbox.inject("empty:api=index_basic:times=1")
    entry = walk.land_one("index_basic")
    assert (entry.status, entry.reason) == (Status.PARTIAL, "the source answered without a row for {'market': 'SSE'}")


# A calendar with holes


def test_a_day_that_the_calendar_does_not_know_fails_and_is_not_asked_for(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    entries = walk.land("daily", *WEEK)
    unknown = [day for day in WEEK if entries[day.isoformat()].status is Status.FAILED]
    assert unknown
    for day in unknown:
        reason = entries[day.isoformat()].reason
        assert reason is not None
        assert reason.startswith(f"trade_cal does not know {day}: ")
        assert {"trade_date": compact(day)} not in walk.asked("daily")


def test_a_bad_token_is_the_reason_even_where_the_calendar_was_asked_for_first(walk: Walk) -> None:
    walk.sandbox.inject("bad_token")
    reason = walk.land_one("daily", DAY).reason
    assert reason is not None
    assert reason.startswith("trade_cal does not know 2026-03-04: trade_cal: 您的token不对")


def test_the_days_that_the_calendar_knows_land_in_spite_of_its_holes(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    entries = walk.land("daily", *WEEK)
    known = {row["cal_date"] for row in walk.rows("trade_cal")}
    assert {day for day in WEEK if entries[day.isoformat()].status is Status.COMPLETE} == known & set(WEEK)


def test_a_calendar_with_holes_is_partial_and_names_them(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    entry = walk.land_one("trade_cal")
    known = {compact(row["cal_date"]) for row in walk.rows("trade_cal")}
    span = (date(1990, 12, 19) + timedelta(days=step) for step in range(entry.expected or 0))
    assert entry.status is Status.PARTIAL
    assert entry.missing_keys == tuple(day for day in map(compact, span) if day not in known)


def test_the_holes_are_filled_when_a_day_in_one_is_asked_for(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    walk.land("trade_cal")
    walk.sandbox.heal()
    assert {entry.status for entry in walk.land("daily", *WEEK).values()} == {Status.COMPLETE}


def test_a_day_after_the_calendar_ends_fails(walk: Walk) -> None:
    entry = walk.land_one("daily", date(2027, 1, 4))
    assert (entry.status, entry.reason) == (Status.FAILED, "trade_cal does not know 2027-01-04")


# What landed since


def test_what_has_landed_since_is_not_asked_for_again(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    walk.sandbox.forget()
    walk.pass_time(hours=1)
    entries = walk.land("daily", *WEEK, since=NOW)
    assert {entry.status for entry in entries.values()} == {Status.COMPLETE}
    assert walk.sandbox.calls() == []


def test_what_landed_before_is_asked_for_again(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    walk.sandbox.forget()
    later = walk.pass_time(hours=1)
    walk.land("daily", *WEEK, since=later)
    assert len(walk.asked("daily")) == len(WEEK)


def test_only_what_is_not_settled_is_asked_for_again(walk: Walk) -> None:
    walk.sandbox.inject("half:api=daily:day=20260302", "empty:api=daily:day=20260304")
    walk.land("daily", *WEEK)
    walk.sandbox.heal()
    walk.sandbox.forget()
    walk.land("daily", *WEEK, since=NOW)
    assert walk.asked("daily") == [{"trade_date": "20260302"}, {"trade_date": "20260304"}]


def test_a_complete_day_that_failed_since_is_asked_for_again(walk: Walk) -> None:
    walk.land("daily", DAY)
    began = walk.pass_time(hours=1)
    walk.sandbox.inject("http_502:api=daily")
    walk.land("daily", DAY)
    walk.sandbox.heal()
    walk.sandbox.forget()
    walk.land("daily", DAY, since=began)
    assert len(walk.asked("daily")) == 1


def test_a_snapshot_that_has_landed_since_is_not_asked_for_again(walk: Walk) -> None:
    walk.land("stock_basic")
    walk.sandbox.forget()
    assert walk.land("stock_basic", since=NOW)["all"].status is Status.COMPLETE
    assert walk.sandbox.calls() == []


def test_results_can_be_read_again_as_they_stand_now(walk: Walk) -> None:
    landed = [walk.land_one("daily", DAY)]
    with walk.engine.begin() as connection:
        connection.execute(COVERAGE.update().where(COVERAGE.c.dataset == "daily").values(status=Status.PARTIAL))
    assert [entry.status for entry in walk.ingest.reviewed(DAILY, landed)] == [Status.PARTIAL]


# A stock that becomes known later


def test_a_complete_day_is_partial_when_a_stock_becomes_known_that_was_listed_by_then(walk: Walk) -> None:
    assert walk.land_one("adj_factor", DAY).settled
    stock = METADATA.tables["stock_basic"]
    late = max(walk.codes("stock_basic"))
    with walk.engine.begin() as connection:
        connection.execute(stock.delete().where(stock.c.ts_code == late))
        for api in ("adj_factor", "daily"):
            table = METADATA.tables[api]
            connection.execute(table.delete().where(table.c.ts_code == late))
    walk.pass_time(days=1)
    walk.land_one("stock_basic")
    booked = walk.booked("adj_factor", DAY)
    assert booked is not None
    assert (booked.status, booked.missing_keys) == (Status.PARTIAL, (late,))
    assert walk.land_one("adj_factor", DAY).settled
