"""Reports arrive in the evening of the day on which they are disclosed, in whichever season, by period and by stock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from reports import SINGLE, WHOLE, land, made
from sqlalchemy import select, text
from walk import Walk

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.ingest.increment import Limits
from stock_assistant_pipelines.lateness import due_at, look
from stock_assistant_pipelines.sandbox.server import TOKEN, Running, running
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.errors import TransportError
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.freshness import Age
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.coverage import Coverage

WINDOWS = [
    (date(2023, 3, 31), date(2023, 4, 20)),
    (date(2023, 6, 30), date(2023, 8, 15)),
    (date(2023, 9, 30), date(2023, 10, 20)),
]
"""A first-quarter, a half-year and a third-quarter report, and a day in its season on which some are disclosed."""


@pytest.fixture(scope="module")
def year() -> Iterator[Running]:
    """A sandbox whose clock is set by each test."""
    with running(stocks=60, quota=False, now=datetime(2023, 4, 1, 20, 0, tzinfo=SHANGHAI)) as sandbox:
        yield sandbox


@dataclass
class Season:
    """A walk whose clock is the sandbox's."""

    walk: Walk

    def at(self, day: date, hour: int = 21) -> datetime:
        """Set both clocks."""
        moment = datetime(day.year, day.month, day.day, hour, 0, tzinfo=SHANGHAI)
        self.walk.clock[0] = moment
        self.walk.sandbox.set_clock(moment)
        self.walk.sandbox.forget()
        return moment

    def evening(self, day: date, api: str = "income") -> dict[str, Coverage]:
        """What the job does for a dataset: the plan of the open periods, and then what is new."""
        begun = self.at(day)
        ingest = self.walk.ingest
        periods = ingest.open_periods("disclosure_date", "stock_basic")
        for _ in ingest.increment(CATALOG["disclosure_date"], periods, None, Limits(), begun=begun):
            pass
        ingest.prepare_periods(CATALOG[api], periods)
        landed = ingest.increment(CATALOG[api], periods, "disclosure_date", Limits(), begun=begun)
        return {entry.partition: entry for entry in landed}

    def disclosed(self, period: date, day: date) -> set[str]:
        """Who has disclosed a period on a day, by the plan."""
        table = METADATA.tables["disclosure_date"]
        query = select(table.c.ts_code).where(table.c.end_date == period, table.c.actual_date == day)
        with self.walk.engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def age(self, evening: date, api: str = "income") -> Age:
        """How new a dataset is on the morning after."""
        with self.walk.engine.connect() as connection:
            return look(connection, due_at(evening))[api].freshness.age

    def held(self, period: date) -> set[str]:
        """Of whom there are rows."""
        table = METADATA.tables["income"]
        with self.walk.engine.connect() as connection:
            return set(connection.execute(select(table.c.ts_code).where(table.c.end_date == period)).scalars())


@pytest.fixture
def season(engine: Engine, year: Running) -> Iterator[Season]:
    year.heal()
    with Transport(SecretStr(TOKEN), year.url, timeout=5, sleep=lambda _: None) as transport:
        clock = [datetime(2023, 4, 1, 20, 0, tzinfo=SHANGHAI)]
        yield Season(Walk(Ingest(engine, transport, concurrency=2, now=lambda: clock[0]), year, clock))


@pytest.mark.parametrize(
    ("period", "day", "points"),
    [
        *((*window, WHOLE) for window in WINDOWS),
        (*WINDOWS[0], SINGLE),
        *(pytest.param(*window, SINGLE, marks=pytest.mark.slow) for window in WINDOWS[1:]),
    ],
)
def test_a_report_is_there_in_the_evening_of_the_day_on_which_it_is_disclosed(
    season: Season, period: date, day: date, points: int
) -> None:
    season.walk.ingest.points = points
    before = day - timedelta(days=1)
    season.at(before, hour=20)
    season.walk.ingest.prepare_periods(CATALOG["income"], [period])
    land(season.walk, "income", [period])
    season.evening(before)
    held = season.held(period)
    landed = season.evening(day)
    new = season.disclosed(period, day)
    assert new
    assert not new & held
    assert season.held(period) == held | new
    entry = landed[period.isoformat()]
    assert (entry.status, entry.missing) == (Status.COMPLETE, 0)
    if points == SINGLE:
        codes = {params["ts_code"] for params in season.walk.asked("income")}
        assert codes >= new | season.disclosed(period, before)
        assert made(season.walk, "income") == 3 * len(codes)
    else:
        assert made(season.walk, "income") == 3 * len(landed)


@pytest.mark.parametrize("points", [WHOLE, SINGLE])
def test_what_a_prospectus_tells_arrives_in_the_evening_of_the_listing(season: Season, points: int) -> None:
    walk = season.walk
    walk.ingest.points = points
    code, listed = "301005.SZ", date(2023, 4, 18)
    season.at(listed - timedelta(days=1), hour=20)
    land(walk, "income", [date(2022, 12, 31)])
    walk.ingest.prepare_periods(CATALOG["income"], [])
    with walk.engine.begin() as connection:
        connection.execute(text("delete from income where ts_code = :code"), {"code": code})
    season.evening(listed)
    assert code in season.held(date(2021, 12, 31))
    assert code in season.held(date(2020, 12, 31))
    season.evening(listed + timedelta(days=1))
    season.evening(listed + timedelta(days=2))
    assert code not in {params.get("ts_code") for params in walk.asked("income")}


def test_by_period_what_a_report_restates_of_the_year_before_arrives_with_it(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = WHOLE
    before, period, day = date(2022, 3, 31), date(2023, 3, 31), date(2023, 4, 28)
    season.at(date(2023, 4, 20), hour=20)
    land(walk, "income", [before, period])
    restated = text(
        "select ts_code from income where end_date = :period and report_type = '4' and f_ann_date > '2023-04-20'"
    )
    with walk.engine.connect() as connection:
        assert not connection.execute(restated, {"period": before}).all()
    landed = season.evening(day)
    with walk.engine.connect() as connection:
        assert connection.execute(restated, {"period": before}).scalars().first()
    assert landed[before.isoformat()].status is Status.COMPLETE
    asked = [params for params in walk.asked("income_vip") if params["period"] == "20220331"]
    assert {params["report_type"] for params in asked} == {"4"}
    assert "2022-12-31" in landed, "which is open too"
    assert "2021-12-31" not in landed, "nobody keeps it"


def test_a_weekly_fetch_asks_for_all_of_a_period_of_which_an_evening_has_just_asked_for_a_part(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = WHOLE
    before, period, saturday = date(2022, 3, 31), date(2023, 3, 31), date(2023, 4, 29)
    season.at(date(2023, 4, 20), hour=20)
    land(walk, "income", [before, period])
    waiting = season.at(saturday, hour=20)
    season.evening(saturday)
    walk.sandbox.forget()
    for _ in range(2):  # the second is a run's retry
        assert land(walk, "income", [before], since=waiting, whole=True)[before.isoformat()].settled
    assert [params["report_type"] for params in walk.asked("income_vip")] == ["1", "4", "5"]


def test_a_period_is_open_from_the_day_after_its_end_until_everybody_has_disclosed_it(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = WHOLE

    def found(day: date) -> list[date]:
        season.at(day)
        periods = walk.ingest.open_periods("disclosure_date", "stock_basic")
        for _ in walk.ingest.increment(CATALOG["disclosure_date"], periods, None, Limits(), begun=walk.clock[0]):
            pass
        return walk.ingest.open_periods("disclosure_date", "stock_basic")

    walk.ingest.prepare_periods(CATALOG["forecast"], [])
    assert found(date(2023, 4, 1)) == [date(2023, 3, 31), date(2022, 12, 31)], "everybody has disclosed those before"
    assert found(date(2023, 6, 30)) == []
    assert found(date(2023, 7, 1)) == [date(2023, 6, 30)]
    assert found(date(2023, 10, 1)) == [date(2023, 9, 30)]
    assert found(date(2024, 1, 1)) == [date(2023, 12, 31)]


def test_the_evening_is_broken_off_and_goes_on(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = SINGLE
    period, day = WINDOWS[0]
    season.at(day, hour=20)
    walk.ingest.prepare_periods(CATALOG["income"], [period])
    walk.sandbox.inject("throttle_day:api=income")
    landed = season.evening(day)
    assert {entry.status for entry in landed.values()} >= {Status.DEFERRED}
    walk.sandbox.heal()
    landed = season.evening(day + timedelta(days=1))
    assert landed[period.isoformat()].status is Status.COMPLETE
    assert made(walk, "income") == 3 * len({params["ts_code"] for params in walk.asked("income")})


@pytest.mark.parametrize("points", [WHOLE, SINGLE])
def test_an_outage_is_told_though_all_was_complete_the_evening_before(season: Season, points: int) -> None:
    walk = season.walk
    walk.ingest.points = points
    period, day = WINDOWS[0]
    season.at(day, hour=20)
    walk.ingest.prepare_periods(CATALOG["income"], [period])
    season.evening(day)
    assert season.age(day) is Age.FRESH
    walk.sandbox.inject("throttle_day")
    landed = season.evening(day + timedelta(days=1))
    assert season.age(day + timedelta(days=1)) is Age.STALE
    told = {(entry.status, entry.cause) for entry in landed.values()}
    assert (Status.DEFERRED, "Throttled day") in told
    booked = walk.booked("income", period)
    assert booked is not None
    assert booked.status is Status.COMPLETE, "as of yesterday"


def test_an_evening_that_goes_on_asks_only_whom_it_has_not_asked(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = SINGLE
    period, day = WINDOWS[0]
    season.at(day, hour=20)
    walk.ingest.prepare_periods(CATALOG["income"], [period])
    begun = season.at(day)
    periods = walk.ingest.open_periods("disclosure_date", "stock_basic")

    def go_on(tail: int) -> set[str]:
        walk.sandbox.forget()
        words = CATALOG["forecast"], periods, "disclosure_date", Limits(tail)
        for _ in walk.ingest.increment(*words, begun=begun):
            pass
        return {params["ts_code"] for params in walk.asked("forecast")}

    first = go_on(5)
    again = go_on(5)
    assert not again, "the limit is one of the whole evening"
    walk.pass_time(hours=1)
    walk.sandbox.inject("http_502:api=forecast")
    failed = go_on(len(first) + 3)
    assert failed
    assert not failed & first
    walk.sandbox.heal()
    assert go_on(len(first) + 3) == failed, "what failed is asked for again"


def test_a_plan_that_was_tried_in_vain_is_not_one_of_today(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = WHOLE
    period, day = WINDOWS[0]
    season.at(day)
    walk.sandbox.inject("half:api=disclosure_date")
    land(walk, "disclosure_date", [period])
    walk.sandbox.heal()
    season.at(day + timedelta(days=1))
    walk.sandbox.inject("http_502:api=disclosure_date")
    land(walk, "disclosure_date", [period])
    walk.sandbox.heal()
    walk.sandbox.forget()
    walk.ingest.prepare_periods(CATALOG["income"], [period])
    assert made(walk, "disclosure_date") > 0
    walk.sandbox.forget()
    walk.ingest.prepare_periods(CATALOG["income"], [period])
    assert made(walk, "disclosure_date") == 0


def test_who_lists_in_its_season_or_is_gone_soon_after_is_asked_by_stock(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = SINGLE
    period, day = WINDOWS[0]
    season.at(day, hour=20)
    walk.ingest.prepare_periods(CATALOG["income"], [period])
    land(walk, "income", [period])
    season.evening(day)
    new, gone = sorted(season.disclosed(period, day) & season.held(period))[:2]
    with walk.engine.begin() as connection:
        connection.execute(text("update stock_basic set list_date = '2023-04-12' where ts_code = :code"), {"code": new})
        connection.execute(
            text("update stock_basic set delist_date = '2023-04-20' where ts_code = :code"), {"code": gone}
        )
        connection.execute(text("delete from income where ts_code in (:new, :gone)"), {"new": new, "gone": gone})
        connection.execute(text("delete from asked where ts_code in (:new, :gone)"), {"new": new, "gone": gone})
        connection.execute(text("delete from coverage where dataset = 'income'"))
    periods = walk.ingest.open_periods("disclosure_date", "stock_basic")
    begun = walk.pass_time(minutes=1)
    landed = [*walk.ingest.increment(CATALOG["income"], periods, "disclosure_date", Limits(0), begun=begun)]
    assert {new, gone} <= season.held(period)
    assert {entry.missing for entry in landed if entry.partition == period.isoformat()} == {0}


def test_what_is_caught_up_after_an_error_is_only_what_failed(season: Season) -> None:
    walk = season.walk
    walk.ingest.points = SINGLE
    period, day = date(2022, 12, 31), date(2023, 4, 1)
    season.at(day, hour=20)
    land(walk, "fina_audit", [date(2022, 9, 30)])
    with walk.engine.begin() as connection:
        connection.execute(text("update asked set asked_at = '2022-12-01' where dataset = 'fina_audit'"))
    walk.ingest.prepare_periods(CATALOG["income"], [period])
    begun = season.at(day)
    fetch = walk.ingest.transport.fetch
    lost: list[str] = []

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        if api == "fina_audit" and {*lost} <= {params["ts_code"]}:
            lost.append(params["ts_code"])
            raise TransportError(api, "the connection broke")
        return fetch(api, params, *words, **more)

    walk.ingest.transport.fetch = fetched  # type: ignore[method-assign]
    landed = [*walk.ingest.increment(CATALOG["fina_audit"], [period], "disclosure_date", Limits(5), begun=begun)]
    assert {entry.cause for entry in landed} == {"TransportError"}
    walk.ingest.transport.fetch = fetch  # type: ignore[method-assign]
    walk.sandbox.forget()
    walk.pass_time(hours=2)
    land(walk, "fina_audit", [period], failed=True)
    failed = {params["ts_code"] for params in walk.asked("fina_audit")}
    assert failed == {*lost}, "the others are of the next evenings' long tail"
    land(walk, "fina_audit", [period])
    assert len({params["ts_code"] for params in walk.asked("fina_audit")}) > 20, "a backfill asks all"
