"""The digest of a day's research: what it tells, and that each channel hears it once."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from booked import TODAY, WINDOW, Book, at
from sqlalchemy import insert

from stock_assistant_pipelines.alerts import digest, outbox
from stock_assistant_pipelines.alerts.delivery import deliver
from stock_assistant_pipelines.alerts.digest import Digest, Line
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_REPORT, RESEARCH_SHEET, RESEARCH_WATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from robot_server import Robots
    from sqlalchemy import Engine

EDITION = Edition(Language.ZH, "deepseek", "deepseek-v4-pro", "p1")
BEFORE = WINDOW[-2]
SITE = "https://stocks.example"
Send = "Callable[..., str]"


def line(number: int, stance: str | None = None, status: str = "published", **more: Any) -> Line:
    code = f"60000{number}.SH"
    taken = {"horizon": 20, "probability": Decimal("0.5")} if stance else {}
    return Line(
        **{
            "id": f"{code}-x",
            "ts_code": code,
            "name": f"名{number}",
            "status": status,
            "stance": stance,
            **taken,
            **more,
        }
    )


def day_of(*lines: Line, expected: int | None = None, **more: Any) -> Digest:
    given = {
        "before": BEFORE,
        "by": "deepseek/deepseek-v4-pro",
        "by_rules": False,
        "calls": 15,
        "cost": Decimal("1.234"),
    }
    return Digest(day=TODAY, expected=len(lines) if expected is None else expected, lines=lines, **{**given, **more})


# --- what it says


def test_all_that_is_expected_is_accounted_for() -> None:
    made = day_of(
        line(1, "outperform"),
        line(2, "neutral", "degraded"),
        line(3, None, "abstained"),
        line(4, None, "failed"),
        expected=6,
    )
    first, stances, *_ = digest.body(made, SITE).splitlines()
    assert (
        first == "应有 Expected 6: 发布 published 1, 部分 degraded 1, 弃权 abstained 1, 失败 failed 1, 等待 waiting 2"
    )
    assert stances == "观点 Stances: 跑赢 outperform 1, 持平 neutral 1"
    assert digest.title(made) == "研究 RESEARCH 2026-03-04: 3/6 份 reports, deepseek/deepseek-v4-pro"


def test_the_stances_that_changed_are_told_with_what_they_were() -> None:
    made = day_of(
        line(1, "outperform", earlier="neutral"),
        line(2, "neutral", earlier="neutral"),
        line(3, "neutral"),
        line(4, earlier="neutral"),
    )
    told = digest.body(made, SITE)
    assert "Changed since 2026-03-03: 1\n名1 600001.SH: 持平 neutral → 跑赢 outperform\n" in told
    assert told.count("→") == 1


def test_the_firmest_come_first_with_their_links_and_neutral_ones_not_at_all() -> None:
    chances = {1: "0.55", 2: "0.7", 3: "0.6", 4: "0.51"}
    lines = [line(number, "underperform", probability=Decimal(chance)) for number, chance in chances.items()]
    told = digest.body(day_of(line(5, "neutral", probability=Decimal("0.9")), *lines), SITE).splitlines()
    at = told.index("最有把握 Firmest:")
    assert told[at + 1 : at + 7 : 2] == [
        "名2 600002.SH: 跑输 underperform, 20 日 days, 70%",
        "名3 600003.SH: 跑输 underperform, 20 日 days, 60%",
        "名1 600001.SH: 跑输 underperform, 20 日 days, 55%",
    ]
    assert told[at + 2] == f"{SITE}/research/600002.SH-x"


def test_what_failed_is_told_with_its_reason_and_rules_are_called_so() -> None:
    lines = [line(number, None, "failed", reason="no evidence " * 40) for number in range(1, 6)]
    made = day_of(*lines, by_rules=True)
    told = digest.body(made, SITE)
    assert told.count("失败 Failed:") == 3
    assert "… + 2" in told
    assert "规则生成 rules, not a model" in digest.title(made)


def test_a_digest_of_thousands_fits_the_narrowest_channel() -> None:
    taken = [line(1, "outperform", earlier="neutral", name="名" * 20)] * 3000
    made = day_of(*taken, *[line(2, None, "failed", reason="失败" * 200)] * 1000)
    assert len((digest.title(made) + digest.body(made, f"{SITE}/{'x' * 40}")).encode()) <= 2000
    assert "费用 Cost: CNY 1.23, 15 次调用 calls" in digest.body(made, SITE)


# --- once


@pytest.fixture
def send(engine: Engine, robots: Robots, book: Book) -> Callable[..., str]:
    """What is called when a day's reports are written; the channels `first` and `second` are there to hear it."""
    urls = [f"dingtalk://first?base={robots.url}", f"wecombot://second?base={robots.url}"]
    settings = Settings(alert_urls=urls, research_digest=True, api_url=SITE)

    def sent(day: date = TODAY, edition: Edition = EDITION, **other: Any) -> str:
        said = digest.send(engine, settings.model_copy(update=other), day, edition, at(21))
        deliver(engine, settings, at(21))
        return said

    return sent


def expect(engine: Engine, day: date, *stances: str | None, **more: Any) -> None:
    """Reports of a day, by code; None: it failed."""
    with engine.begin() as connection:
        for number, stance in enumerate(stances):
            code = f"60000{number}.SH"
            sheet = {"sha256": f"{day}{code}", "ts_code": code, "trade_date": day, "name": "名", "items": 1}
            connection.execute(insert(RESEARCH_SHEET).values(**sheet, document=b"", made_at=at(20)))
            watched = {
                "trade_date": day,
                "ts_code": code,
                "named_by": "all",
                "evidence_sha256": sheet["sha256"],
                **more,
            }
            connection.execute(insert(RESEARCH_WATCH).values(watched))
            report = {"id": f"{code}-{day:%Y%m%d}-x", "ts_code": code, "trade_date": day, "name": "名", "claims": 1}
            edition = {each: getattr(EDITION, each) for each in ("language", "provider", "model", "prompt_version")}
            taken = {"stance": stance, "horizon": stance and 20, "probability": stance and Decimal("0.6")}
            made = {"status": "published" if stance else "failed", "evidence_sha256": sheet["sha256"]}
            written = {"dropped": 0, "forward": True, "made_at": at(20)}
            connection.execute(insert(RESEARCH_REPORT).values(**report, **edition, **taken, **made, **written))


def test_each_channel_hears_of_a_day_once_however_often_it_is_sent(send: Send, engine: Engine, robots: Robots) -> None:
    expect(engine, BEFORE, "neutral", "neutral")
    expect(engine, TODAY, "outperform", "neutral", None)
    assert send() == "the digest of 2026-03-04 is told"
    assert send() == "the digest of 2026-03-04 was told before"
    (message,) = robots.texts("first")
    assert robots.texts("second") == [message]
    assert "股票助手 Stock Assistant · 研究 RESEARCH 2026-03-04: 2/3 份 reports" in message
    assert "Changed since 2026-03-03: 1\n名 600000.SH: 持平 neutral → 跑赢 outperform" in message


def test_it_ends_without_a_word_and_stays_known_as_told(send: Send, engine: Engine, robots: Robots) -> None:
    expect(engine, TODAY, "neutral")
    send()
    settings = Settings(alert_urls=[f"dingtalk://first?base={robots.url}"], research_digest=True)
    for minute in range(1, 4):
        assert deliver(engine, settings, at(21, minute)).open == 0
    with engine.connect() as connection:
        (ended,) = outbox.alerts(connection, 9)
    assert (ended.kind, ended.cleared_at, len(robots.texts("first"))) == ("digest", at(21, 1), 1)
    assert send() == "the digest of 2026-03-04 was told before"


def test_a_channel_that_refuses_hears_it_later_and_the_other_not_again(
    send: Send, engine: Engine, robots: Robots
) -> None:
    expect(engine, TODAY, "neutral")
    robots.behaviour["first"] = "refuse"
    send()
    assert (robots.texts("first"), len(robots.texts("second"))) == ([], 1)
    robots.behaviour.clear()
    urls = [f"dingtalk://first?base={robots.url}", f"wecombot://second?base={robots.url}"]
    deliver(engine, Settings(alert_urls=urls), at(21, 2))
    assert (len(robots.texts("first")), len(robots.texts("second"))) == (1, 1)


def test_another_edition_of_the_day_is_another_digest(send: Send, engine: Engine, robots: Robots) -> None:
    expect(engine, TODAY, "neutral")
    send()
    english = Edition(Language.EN, EDITION.provider, EDITION.model, "p2")
    assert send(edition=english) == "the digest of 2026-03-04 is told"
    assert len(robots.texts("first")) == 2


def test_what_a_backfill_writes_of_an_earlier_day_is_not_told(send: Send, engine: Engine, robots: Robots) -> None:
    expect(engine, BEFORE, "neutral")
    expect(engine, TODAY, "neutral")
    assert "not the newest day" in send(BEFORE)
    assert "not the newest day" in send(TODAY - timedelta(days=30))
    assert robots.texts("first") == []


def test_who_did_not_ask_for_it_is_not_told(send: Send, engine: Engine, robots: Robots) -> None:
    expect(engine, TODAY, "neutral")
    assert "RESEARCH_DIGEST" in send(research_digest=False)
    assert "ALERT_URLS" in send(alert_urls=[])
    assert robots.texts("first") == []


def test_a_report_on_demand_is_no_day_of_the_watchlist(send: Send, engine: Engine, robots: Robots) -> None:
    expect(engine, TODAY, "neutral", named_by="on demand")
    assert "not the newest day" in send()


def test_what_it_cost_is_what_the_ledger_says(engine: Engine) -> None:
    expect(engine, TODAY, "neutral")
    call = {"report_key": f"600000.SH-{TODAY:%Y%m%d}-x", "expert": "news", "provider": "deepseek", "model": "m"}
    booked = {"rung": "text", "request_sha256": "", "request": b"", "price_version": "own", "attempt": 1}
    moments = {"started_at": at(20), "expires_at": at(20)}
    with engine.begin() as connection:
        for cost in ("0.5", None):
            paid = {"reserved_cny": Decimal(2), "cost_cny": cost and Decimal(cost)}
            connection.execute(insert(LLM_CALL).values(**call, **booked, **moments, **paid))
        found = digest.read(connection, TODAY, EDITION)
    assert (found.calls, found.cost) == (2, Decimal("2.5"))
