"""From what is booked to what the channels hear: once per cause, at least once per channel, and not each minute."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from booked import OLD, TODAY, WINDOW, Book, at
from sqlalchemy import insert, select, text

from stock_assistant_pipelines.alerts import outbox
from stock_assistant_pipelines.alerts.causes import Crash
from stock_assistant_pipelines.alerts.delivery import Delivery, deliver
from stock_assistant_pipelines.alerts.wording import Message
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.warehouse.landing import hold
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from robot_server import Robots
    from sqlalchemy import Engine

    from stock_assistant_pipelines.alerts.outbox import Alert

DAYS = [OLD - timedelta(days=day) for day in range(400)]
Tell = "Callable[..., Delivery]"


@pytest.fixture
def tell(engine: Engine, robots: Robots) -> Callable[..., Delivery]:
    """What the sensor does at a moment, with two channels: `first` and `second`."""
    urls = [f"dingtalk://first?base={robots.url}", f"wecombot://second?base={robots.url}"]
    settings = Settings(alert_urls=urls, dagster_url="http://ui.internal")

    def deliver_at(now: datetime, *crashes: Crash) -> Delivery:
        return deliver(engine, settings, now, crashes)

    return deliver_at


def opened(engine: Engine) -> dict[str, Alert]:
    """The open alerts by their cause."""
    with engine.connect() as connection:
        return {alert.cause: alert for alert in outbox.alerts(connection)}


def first_lines(robots: Robots, token: str) -> list[str]:
    """What a channel heard, without the name of the project."""
    return [message.splitlines()[0].partition(" · ")[2] for message in robots.texts(token)]


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- one alert per cause


def test_four_thousand_disabled_partitions_of_ten_datasets_are_one_message(
    book: Book, tell: Tell, robots: Robots, engine: Engine
) -> None:
    for name in CATALOG:
        book.put_many([(name, day) for day in DAYS], Status.DISABLED, "PermissionDenied", reason="needs 2000 points")
    assert str(tell(at(20))) == "1 alert is open; 2 messages accepted, 0 refused by 2 channels"
    (message,) = robots.texts("first")
    assert robots.texts("second") == [message]
    assert "daily: 400 天 days, 2024-04-29 … 2025-06-02" in message
    assert "needs 2000 points" in message
    assert len(message.encode()) <= 2048
    assert opened(engine)["permission:PermissionDenied"].told_at == at(20)
    for hour in range(21, 70):
        tell(at(0) + timedelta(hours=hour))
    assert len(robots.texts("first")) == 1, "what the operator has chosen is told once"


def test_a_server_that_fails_for_all_datasets_is_one_alert_and_so_is_each_other_error(
    book: Book, tell: Tell, robots: Robots, engine: Engine
) -> None:
    for name in ("daily", "adj_factor", "stk_limit"):
        book.put_many([(name, day) for day in (OLD, TODAY)], Status.FAILED, "HttpStatusError 502")
    book.put("stock_basic", "all", Status.FAILED, "BadToken")
    book.put("daily_basic", TODAY, Status.DEFERRED, "Throttled day")
    book.put("index_daily", OLD, Status.PARTIAL, "TransportError", landed=4)  # rows are there, and a re-fetch failed
    tell(at(18, 30))
    assert opened(engine).keys() == {
        "failed:unanswered",
        "permission:BadToken",
        "quota:Throttled day",
        "partial:index_daily",
    }
    assert any("does not answer: adj_factor, daily, index_daily + 1" in line for line in first_lines(robots, "first"))
    assert opened(engine)["failed:unanswered"].body.startswith("adj_factor: 2 天 days, 2025-06-02 … 2026-03-04")


def test_an_outage_is_one_alert_from_its_first_word_to_its_last(book: Book, tell: Tell, robots: Robots) -> None:
    for minute, word in enumerate(["TransportError", "HttpStatusError 502", "HttpStatusError 504", "TransportError"]):
        book.put("daily", OLD, Status.FAILED, word)
        tell(at(10, minute))
    book.put("daily", OLD, Status.COMPLETE)
    tell(at(11))
    assert [line.partition(" ")[0] for line in first_lines(robots, "first")] == ["失败", "已恢复"]
    assert "because of TransportError" in robots.texts("first")[0]


def test_a_gateway_that_answers_that_it_is_the_wrong_one_is_no_outage(book: Book, tell: Tell, engine: Engine) -> None:
    book.put("daily", OLD, Status.FAILED, "HttpStatusError 404")
    tell(at(10))
    assert "check TUSHARE_BASE_URL" in opened(engine)["failed:HttpStatusError 404"].body


def test_a_day_that_is_partial_before_it_is_due_is_no_alert_and_late_afterwards(
    book: Book, tell: Tell, robots: Robots, engine: Engine
) -> None:
    book.put("daily", WINDOW[-2], Status.COMPLETE)
    book.put("daily", TODAY, Status.PARTIAL, "partial", reason="30 of 5300 are missing: 000001.SZ, …")
    assert tell(at(19, 29)).open == 0
    tell(at(19, 30))
    assert opened(engine).keys() == {"late:daily"}
    assert "30 of 5300 are missing" in robots.texts("first")[0]
    book.put("daily", TODAY, Status.COMPLETE)
    tell(at(19, 45))
    assert opened(engine) == {}
    assert first_lines(robots, "first") == [
        "迟到 LATE: daily, 1 天 day",
        "已恢复 CLEARED · 迟到 LATE: daily, 1 天 day",
    ]


def test_a_stale_day_that_nobody_asked_for_is_told_when_the_clock_has_not_caught_it_up(
    book: Book, tell: Tell, robots: Robots, engine: Engine
) -> None:
    book.put("daily", WINDOW[0], Status.COMPLETE)
    tell(at(20))
    assert opened(engine)["late:daily"].telling == 0
    assert robots.texts("first") == []
    tell(at(20, 30))
    assert "2026-03-04 was never asked for; the last complete day is 2026-02-26" in robots.texts("first")[0]
    assert opened(engine)["late:daily"].severity == "critical"


def test_downtime_that_is_caught_up_in_time_is_never_told(book: Book, tell: Tell, robots: Robots) -> None:
    book.put("daily", WINDOW[0], Status.COMPLETE)
    tell(at(20))
    book.put_many([("daily", day) for day in WINDOW], Status.COMPLETE)
    assert tell(at(20, 5)).open == 0
    tell(at(23))
    assert robots.sent == []


def test_a_backfill_of_old_years_does_not_shout(book: Book, tell: Tell, robots: Robots) -> None:
    """Neither for the days that it has not reached, nor for each partial one: those are told when no more come."""
    book.put("daily", date(2025, 1, 3), Status.COMPLETE)
    for minute in range(0, 50, 10):
        book.put("daily", date(2025, 2, 3) + timedelta(days=minute), Status.PARTIAL, "partial", landed_at=at(9, minute))
        tell(at(9, minute + 5))
    assert robots.sent == []
    tell(at(9, 55))
    assert first_lines(robots, "first") == ["不完整 PARTIAL: daily, 5 天 days"]
    book.put("daily", OLD, Status.PARTIAL, "doubted", landed_at=at(11))
    tell(at(11, 10))
    assert len(robots.texts("first")) == 1
    tell(at(11, 15))
    assert first_lines(robots, "first")[1:] == ["仍未恢复 STILL · 不完整 PARTIAL: daily, 6 天 days"]
    for day in range(1, 4):
        tell(at(12, days=day))
    assert len(robots.texts("first")) == 2, "days that were told are not told again"


def test_partial_days_that_come_in_the_place_of_mended_ones_are_told(book: Book, tell: Tell, robots: Robots) -> None:
    book.put_many([("daily", day) for day in DAYS[:3]], Status.PARTIAL, "partial", landed_at=at(9))
    tell(at(10))
    book.put_many([("daily", day) for day in DAYS[1:3]], Status.COMPLETE)
    tell(at(11))
    book.put("daily", DAYS[3], Status.PARTIAL, "partial", landed_at=at(11, 30))
    for minute in (35, 50, 55):
        tell(at(11, minute))
    told = [line.partition("PARTIAL: ")[2] for line in first_lines(robots, "first") if "PARTIAL" in line]
    assert told == ["daily, 3 天 days", "daily, 2 天 days"]


def test_a_dataset_that_nobody_keeps_and_a_holiday_are_no_alert(book: Book, tell: Tell) -> None:
    book.put("daily", TODAY, Status.COMPLETE)
    book.put("adj_factor", TODAY, Status.CLOSED)
    assert tell(at(20)).open == 0
    assert tell(at(20, days=4)).open == 1, "on Sunday, Friday's bars are; of what was never complete nothing is"


def test_a_calendar_that_has_ended_is_told(book: Book, tell: Tell, engine: Engine) -> None:
    book.put("daily", TODAY, Status.COMPLETE)
    with engine.begin() as connection:
        connection.execute(text("delete from trade_cal where cal_date > '2026-03-04'"))
    tell(at(20, days=1))
    tell(at(21, days=1))
    alert = opened(engine)["late:trade_cal"]
    assert (alert.telling, alert.title) == (
        1,
        "迟到 LATE: 交易日历不到今天 the calendar does not reach today: trade_cal",
    )


def test_a_snapshot_whose_refresh_fails_is_told_after_two_evenings(
    book: Book, tell: Tell, robots: Robots, engine: Engine
) -> None:
    book.put("stock_basic", "all", Status.COMPLETE, landed_at=at(20, 1))
    assert tell(at(20, days=2) - timedelta(seconds=1)).open == 0
    assert tell(at(20, days=2)).open == 1
    assert robots.sent == [], "after downtime it is caught up within minutes"
    tell(at(20, 30, days=2))
    assert "迟到 LATE: 多日未能更新" in first_lines(robots, "first")[0]
    assert "the last whole answer came on 2026-03-04" in robots.texts("first")[0]
    book.put("stock_basic", "all", Status.COMPLETE, landed_at=at(20, 40, days=2))
    assert tell(at(20, 41, days=2)).open == 0
    assert tell(at(12, days=5)).open == 0, "no evening is on a weekend: Friday's, and Monday's is still to come"


# --- runs


def test_a_run_that_crashed_is_told_with_its_error_and_a_link(
    book: Book, tell: Tell, robots: Robots, engine: Engine
) -> None:
    crash = Crash("0a1b", "fill", "connection to server failed", at(18))
    tell(at(18, 1), crash, Crash("0000", "fill", "an older one", at(17)))
    message = robots.texts("first")[0]
    assert message.splitlines()[1] == "运行 Run: 0a1b, fill"
    assert "connection to server failed" in message
    assert "http://ui.internal/runs/0a1b" in message
    tell(at(18, 2))
    assert first_lines(robots, "first")[1].startswith("已恢复 CLEARED · 失败 FAILED: fill")


# --- how often


def test_it_is_told_again_when_it_is_worse_or_hits_another_dataset_or_after_a_day(
    book: Book, tell: Tell, robots: Robots
) -> None:
    def heard(now: datetime) -> int:
        tell(now)
        return len(robots.texts("first"))

    book.put("daily", TODAY, Status.FAILED, "TransportError")
    assert heard(at(18, 31)) == 1
    book.put("daily", OLD, Status.FAILED, "TransportError")
    assert heard(at(18, 32)) == 1, "a further partition"
    book.put("adj_factor", OLD, Status.FAILED, "TransportError")
    assert heard(at(18, 33)) == 2, "another dataset"
    book.put("daily", TODAY, Status.FAILED, "TransportError", attempts=3)
    assert heard(at(18, 34)) == 3, "worse"
    book.put("daily", TODAY, Status.FAILED, "TransportError", attempts=1)
    heard(at(18, 35))
    book.put("daily", TODAY, Status.FAILED, "TransportError", attempts=3)
    assert heard(at(18, 36)) == 3, "as bad as it was before"
    assert heard(at(18, 33, days=1)) == 3
    assert heard(at(18, 34, days=1)) == 4, "a day later"
    assert heard(at(18, 35, days=1)) == 4
    assert [line.startswith("仍未恢复 STILL") for line in first_lines(robots, "first")] == [False, True, True, True]


def test_what_comes_back_is_a_new_alert(book: Book, tell: Tell, robots: Robots, engine: Engine) -> None:
    for hour in (10, 12):
        book.put("daily", OLD, Status.FAILED, "TransportError")
        tell(at(hour))
        book.forget()
        tell(at(hour + 1))
    assert [line.partition(" ")[0] for line in first_lines(robots, "first")] == ["失败", "已恢复", "失败", "已恢复"]
    with engine.connect() as connection:
        assert [alert.cause for alert in outbox.alerts(connection, 9)] == ["failed:unanswered"] * 2


def test_what_no_longer_holds_is_forgotten_after_a_quarter(book: Book, tell: Tell, engine: Engine) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    tell(at(10))
    book.forget()
    tell(at(11))
    tell(at(12, days=90))
    with engine.connect() as connection:
        assert outbox.alerts(connection, 9) == []
        assert connection.execute(select(METADATA.tables["alert_channel"])).all() == []


# --- channels that do not take it


def test_a_channel_that_refuses_does_not_make_the_other_hear_it_twice_and_hears_it_when_it_is_mended(
    book: Book, tell: Tell, robots: Robots, engine: Engine
) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    robots.behaviour["first"] = "refuse"
    assert (told := tell(at(10))).accepted == told.refused == 1
    (alert,) = opened(engine).values()
    (broken,) = [state for name, state in alert.channels.items() if name.startswith("dingtalk")]
    assert (alert.told_at, broken.attempts) == (None, 1)
    assert broken.last_error.startswith("errcode 310000: 关键词不匹配")  # type: ignore[union-attr]
    assert tell(at(10, 0) + timedelta(seconds=59)).refused == 0, "it is left alone for a minute"
    assert tell(at(10, 1)).refused == 1
    assert tell(at(10, 2)).refused == 0, "then for two"
    robots.behaviour.clear()
    assert tell(at(10, 3)).accepted == 1
    (alert,) = opened(engine).values()
    assert alert.told_at == at(10, 3)
    assert len(robots.texts("first")) == len(robots.texts("second")) == 1


def test_a_channel_that_never_heard_of_it_is_not_told_that_it_passed(book: Book, tell: Tell, robots: Robots) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    robots.behaviour["first"] = "500"
    tell(at(10))
    book.forget()
    robots.behaviour.clear()
    tell(at(11))
    assert first_lines(robots, "first") == []
    assert [line.partition(" ")[0] for line in first_lines(robots, "second")] == ["失败", "已恢复"]


def test_a_channel_that_is_added_hears_what_is_open(book: Book, tell: Tell, robots: Robots, engine: Engine) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    tell(at(10))
    settings = Settings(alert_urls=[f"dingtalk://first?base={robots.url}", f"feishu://third?base={robots.url}"])
    assert deliver(engine, settings, at(10, 1)).accepted == 1
    assert len(robots.texts("third")) == len(robots.texts("first")) == 1


def test_a_message_that_is_refused_does_not_hold_up_the_others(book: Book, tell: Tell, robots: Robots) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    robots.behaviour["first"] = "refuse"
    tell(at(10))
    book.put("daily", TODAY, Status.FAILED, "BadToken")
    robots.behaviour.clear()
    tell(at(10, 0) + timedelta(seconds=30))
    assert [line.partition(" ")[0] for line in first_lines(robots, "first")] == ["权限"]


def test_that_it_passed_is_not_heard_after_that_it_is_back(book: Book, tell: Tell, robots: Robots) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    tell(at(10))
    book.forget()
    robots.behaviour["first"] = "refuse"
    tell(at(10, 1))
    robots.behaviour.clear()
    book.put("daily", OLD, Status.FAILED, "TransportError")
    tell(at(10, 2))
    tell(at(10, 3))
    assert [line.partition(" ")[0] for line in first_lines(robots, "first")] == ["失败", "失败"]


def test_an_address_that_is_none_keeps_nothing_from_the_other_channels(
    book: Book, robots: Robots, engine: Engine
) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    settings = Settings(alert_urls=["nonsense://x", f"dingtalk://first?base={robots.url}", "nonsense://y"])
    with pytest.raises(SettingsError, match=r"number 1 \(nonsense://…\), number 3 \(nonsense://…\) are not addresses"):
        deliver(engine, settings, at(10))
    assert len(robots.texts("first")) == 1
    assert opened(engine)["failed:unanswered"].told_at == at(10)


def test_what_breaks_for_several_channels_is_raised_once(book: Book, tell: Tell, engine: Engine) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    with engine.begin() as connection:
        connection.execute(text("alter table alert_channel add constraint shut check (false)"))
    with pytest.raises(ExceptionGroup) as caught:
        tell(at(10))
    assert len(caught.value.exceptions) == 2


# --- two looks at once


def test_a_channel_that_is_just_being_told_is_left_alone(book: Book, tell: Tell, robots: Robots) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    robots.behaviour["first"] = "wait"
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(tell, at(10))
        until(lambda: len(robots.texts("second")) == 1)
        assert tell(at(10, 1)).accepted == 0
        robots.released.set()
        assert slow.result().accepted == 2
    tell(at(10, 2))
    assert len(robots.texts("first")) == 1


def test_a_look_that_waits_for_another_sees_what_changed_meanwhile(book: Book, tell: Tell, engine: Engine) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")

    def waits() -> bool:
        with engine.connect() as look:
            return bool(look.execute(waiting).scalar())

    with ThreadPoolExecutor(1) as other:
        with engine.begin() as connection:
            hold(connection, "alerts")
            late = other.submit(tell, at(10))
            until(waits)
            book.forget()
        assert late.result().open == 0


def test_what_a_channel_has_accepted_is_never_taken_back(book: Book, tell: Tell, engine: Engine) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    tell(at(10))
    (alert,) = opened(engine).values()
    with engine.begin() as connection:
        number = connection.execute(select(METADATA.tables["alert"].c.id)).scalar_one()
        for telling in (3, 2):
            outbox.accepted(connection, outbox.Due(number, telling, Message("", "", "warning")), "a", at(11))
    (alert,) = opened(engine).values()
    assert alert.channels["a"].telling == 3


def test_one_go_sends_a_few_messages_and_the_next_the_rest(book: Book, tell: Tell, robots: Robots) -> None:
    names = [name for name, dataset in CATALOG.items() if not dataset.by_period]
    for name in names:
        book.put(name, "all" if not CATALOG[name].partitioned else OLD, Status.PARTIAL, "partial", landed_at=at(1))
    for minute in range(3):
        tell(at(10, minute))
    assert len(robots.texts("first")) == len(names)


def test_reports_of_an_open_period_are_waited_for_some_evenings(book: Book, tell: Tell, robots: Robots) -> None:
    book.put("income", date(2025, 12, 31), Status.PARTIAL, "partial", attempts=2, landed_at=at(1))
    tell(at(10))
    assert robots.texts("first") == []
    book.put("income", date(2025, 12, 31), Status.PARTIAL, "partial", attempts=3, landed_at=at(1))
    tell(at(11))
    (message,) = robots.texts("first")
    assert "1 期 period" in message
    assert "income: 2025-12-31" in message


def test_an_evening_without_an_answer_is_told_once_for_all_reports(book: Book, tell: Tell, robots: Robots) -> None:
    for name in ("income", "forecast"):
        book.put(name, date(2025, 3, 31), Status.COMPLETE)
    tell(at(10))
    (message,) = robots.texts("first")
    assert "当晚财报无应答" in message
    assert "income: 4 期 periods, 2025-03-31 … 2025-12-31" in message
    assert "forecast: 4 期 periods" in message
    assert "in the evening of 2026-03-03" in message


def test_an_error_that_keeps_reports_away_is_not_told_as_an_evening_too(book: Book, tell: Tell, engine: Engine) -> None:
    book.put("dividend", date(2024, 12, 31), Status.COMPLETE)
    book.put("dividend", date(2025, 12, 31), Status.FAILED, "TransportError")
    tell(at(10))
    assert opened(engine).keys() == {"failed:unanswered"}


def test_a_report_that_should_be_there_for_some_evenings_is_late_and_not_given_up(
    book: Book, tell: Tell, engine: Engine
) -> None:
    code, period = "600519.SH", date(2025, 12, 31)
    rows = {"ts_code": code, "end_date": period, "ann_date": period, "actual_date": date(2026, 3, 1)}
    ours = {"digest": "", "filled": 1, "ingested_at": at(1)}
    with engine.begin() as connection:
        connection.execute(insert(METADATA.tables["disclosure_date"]), {**rows, **ours})
    book.put("income", date(2025, 9, 30), Status.COMPLETE)
    book.put("income", period, Status.PARTIAL, "partial", missing=1, missing_keys=(code,), attempts=9, landed_at=at(1))
    tell(at(6))
    assert "late:income" in opened(engine)
    assert "600519.SH of 2025-12-31" in opened(engine)["late:income"].body
    assert "partial:income" not in opened(engine)


def test_reports_of_an_old_period_are_told_of_at_once(book: Book, tell: Tell, robots: Robots) -> None:
    for period in (date(2020, 12, 31), date(2021, 3, 31)):
        book.put("income", period, Status.PARTIAL, "partial", attempts=1, landed_at=at(1))
    tell(at(10))
    (message,) = robots.texts("first")
    assert "income: 2 期 periods, 2020-12-31 … 2021-03-31" in message


def test_without_a_channel_the_table_is_kept_up_to_date_and_nobody_is_told(book: Book, engine: Engine) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    assert str(deliver(engine, Settings(), at(10))) == "1 alert is open; ALERT_URLS is not set, so nobody is told"
    assert opened(engine).keys() == {"failed:unanswered"}


def test_rows_of_the_sandbox_are_called_so(book: Book, tell: Tell, robots: Robots) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError", source="sandbox: synthetic")
    tell(at(10))
    assert robots.texts("first")[0].startswith("[沙箱 SANDBOX] 股票助手")


# --- secrets

CANARY = "canary4f1c9a77"


@pytest.mark.parametrize("behaviour", ["take", "refuse", {"errcode": 9, "errmsg": f"token {CANARY} is unknown"}, "500"])
def test_no_secret_reaches_the_tables(
    book: Book, robots: Robots, engine: Engine, behaviour: str | dict[str, str]
) -> None:
    book.put("daily", OLD, Status.FAILED, "TransportError")
    robots.behaviour[CANARY] = behaviour
    urls = [f"dingtalk://{CANARY}?base={robots.url}", f"json://u:{CANARY}@127.0.0.1:9/{CANARY}"]
    told = str(deliver(engine, Settings(alert_urls=urls), at(10)))
    with engine.connect() as connection:
        for name in ("alert", "alert_channel"):
            told += str(connection.execute(text(f"select * from {name}")).all())
    assert "dingtalk-" in told
    assert CANARY not in told
