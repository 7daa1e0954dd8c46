"""What is announced on any day arrives that evening, whichever period is open: by day, of the whole market."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from reports import SINGLE, Killed, land
from sqlalchemy import select, text
from walk import Walk

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.ingest.increment import LOOK_BACK, REACH
from stock_assistant_pipelines.sandbox.server import TOKEN, Running, running
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.errors import HttpStatusError, MalformedAnswer
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import asked, disclosure, filing
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.ingest.evening import Heard

DAY = date(2012, 6, 14)
"""002009.SZ tells how its dividend is carried out, 002015.SZ what it plans to pay, and what it will earn until the end of
June.
"""
BEFORE = DAY - timedelta(days=1)
HALF_YEAR, YEAR = date(2012, 6, 30), date(2011, 12, 31)
LAST = DAY + timedelta(days=1)
"""The last day that is asked for: companies publish in the evening under the next day's date."""


@pytest.fixture(scope="module")
def june() -> Iterator[Running]:
    """A sandbox whose clock is set by each test."""
    with running(stocks=300, quota=False, now=datetime(2012, 6, 13, 20, 0, tzinfo=SHANGHAI)) as sandbox:
        yield sandbox


class Days:
    """A walk whose clock is the sandbox's."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def at(self, day: date, hour: int = 21) -> datetime:
        moment = datetime(day.year, day.month, day.day, hour, 0, tzinfo=SHANGHAI)
        self.walk.clock[0] = moment
        self.walk.sandbox.set_clock(moment)
        self.walk.sandbox.forget()
        return moment

    def hear(self, api: str, day: date, hour: int = 21, begun: datetime | None = None) -> list[Heard]:
        moment = self.at(day, hour)
        return self.walk.ingest.evening(begun or moment).hear(CATALOG[api])

    def held(self, api: str, period: date, *columns: str) -> set[Any]:
        table = METADATA.tables[api]
        with self.walk.engine.connect() as connection:
            found = connection.execute(select(*(table.c[name] for name in columns)).where(table.c.end_date == period))
            return {tuple(row) for row in found}

    def asked_for(self, api: str, column: str = "ann_date") -> list[str]:
        return [params[column] for params in self.walk.asked(api) if column in params]

    def periods_as_of(self, day: date, code: str) -> list[date]:
        """The periods of which a company's forecast was known on a day."""
        query = text("select end_date from forecast_as_of(:day) where ts_code = :code")
        with self.walk.engine.connect() as connection:
            return [*connection.execute(query, {"day": day, "code": code}).scalars()]


@pytest.fixture
def days(engine: Engine, june: Running) -> Iterator[Days]:
    june.heal()
    with Transport(SecretStr(TOKEN), june.url, timeout=5, sleep=lambda _: None) as transport:
        clock = [datetime(2012, 6, 13, 20, 0, tzinfo=SHANGHAI)]
        ingest = Ingest(engine, transport, concurrency=1, points=SINGLE, now=lambda: clock[0])
        yield Days(Walk(ingest, june, clock))


def test_a_dividend_that_is_carried_out_arrives_that_evening(days: Days) -> None:
    days.at(BEFORE, hour=20)
    land(days.walk, "dividend", [YEAR])
    before = days.held("dividend", YEAR, "ts_code", "div_proc", "ann_date")
    assert ("002009.SZ", "实施") not in {row[:2] for row in before}
    days.hear("dividend", BEFORE)
    days.hear("dividend", DAY)
    new = days.held("dividend", YEAR, "ts_code", "div_proc", "ann_date") - before
    assert {row[:2] for row in new} >= {("002009.SZ", "实施"), ("002015.SZ", "预案")}
    table = METADATA.tables["dividend"]
    with days.walk.engine.connect() as connection:
        gone = connection.execute(select(table).where(table.c.replaced_at.is_not(None))).all()
    assert not gone, "a day tells one stage of a plan, and nothing of the others"
    booked = days.walk.booked("dividend", YEAR)
    assert booked is not None
    assert booked.status is Status.COMPLETE
    assert booked.landed == len(days.held("dividend", YEAR, "digest", "ingested_at"))


def test_a_forecast_of_a_period_that_has_not_ended_arrives_that_evening_and_counts_when_it_has(days: Days) -> None:
    days.at(DAY)
    days.walk.ingest.prepare_periods(CATALOG["forecast"], [])
    days.hear("forecast", DAY)
    assert days.held("forecast", HALF_YEAR, "ts_code", "ann_date") >= {("002015.SZ", DAY)}
    assert HALF_YEAR not in days.periods_as_of(BEFORE, "002015.SZ")
    assert HALF_YEAR in days.periods_as_of(DAY, "002015.SZ")
    assert days.walk.booked("forecast", HALF_YEAR) is None, "its partition is not there yet"
    days.at(date(2012, 7, 1), hour=20)
    with days.walk.engine.connect() as connection:
        assert "002015.SZ" in disclosure.unanswered(connection, CATALOG["forecast"], HALF_YEAR)
    landed = land(days.walk, "forecast", [HALF_YEAR])[HALF_YEAR.isoformat()]
    assert landed.status is Status.COMPLETE
    assert landed.landed == len(days.held("forecast", HALF_YEAR, "digest", "ingested_at"))


def test_an_evening_asks_for_the_last_days_and_for_tomorrow(days: Days) -> None:
    days.hear("forecast", BEFORE)
    assert len(days.asked_for("forecast")) == REACH + 2
    days.hear("forecast", DAY)
    since = DAY - LOOK_BACK
    wanted = [f"{LAST - timedelta(days=at):%Y%m%d}" for at in range((LAST - since).days + 1)]
    assert days.asked_for("forecast") == wanted, "each three days more"


def test_an_evening_that_is_broken_off_asks_for_the_days_that_are_left(days: Days) -> None:
    days.hear("forecast", BEFORE)
    begun = days.at(DAY)
    fetch = days.walk.ingest.transport.fetch

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        if params["ann_date"] == "20120613":
            raise HttpStatusError(api, 502)
        return fetch(api, params, *words, **more)

    days.walk.ingest.transport.fetch = fetched  # type: ignore[method-assign]
    *answered, lost = days.hear("forecast", DAY)
    assert [each.asked.day for each in answered] == [LAST, DAY]
    assert lost.asked.day == BEFORE
    assert isinstance(lost.error, HttpStatusError)
    days.walk.ingest.transport.fetch = fetch  # type: ignore[method-assign]
    days.hear("forecast", DAY, hour=22, begun=begun)
    assert days.asked_for("forecast")[0] == "20120613"
    assert not {f"{LAST:%Y%m%d}", f"{DAY:%Y%m%d}"} & {*days.asked_for("forecast")}


def test_an_evening_that_is_killed_before_it_has_counted_what_came_counts_it_when_it_goes_on(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    days.at(BEFORE, hour=20)
    land(days.walk, "dividend", [YEAR])
    before = days.held("dividend", YEAR, "digest")
    with monkeypatch.context() as patch:
        patch.setattr(filing, "recount", killed)
        with pytest.raises(Killed):
            days.hear("dividend", DAY)
    days.hear("dividend", DAY, hour=22, begun=days.at(DAY))
    booked = days.walk.booked("dividend", YEAR)
    assert booked is not None
    assert booked.landed == len(days.held("dividend", YEAR, "digest")) > len(before)


def test_a_week_that_was_missed_is_made_up(days: Days) -> None:
    days.hear("forecast", DAY - timedelta(days=8))
    days.hear("forecast", DAY + timedelta(days=1))
    assert days.held("forecast", HALF_YEAR, "ts_code", "ann_date") >= {("002015.SZ", DAY)}
    assert len(days.asked_for("forecast")) == 8 + 3 + 2, "the days since, tomorrow, and those that may be added to"


def test_a_day_that_tells_fewer_rows_than_before_is_no_answer_and_takes_nothing_out(days: Days) -> None:
    day = date(2012, 4, 27)
    first = {each.asked.name: each.rows for each in days.hear("dividend", day)}
    busy = f"ann_date={day}"
    assert first[busy] > 5
    held = {row for row in days.held("dividend", YEAR, "ann_date", "digest", "replaced_at") if row[0] == day}
    days.walk.sandbox.inject("half:api=dividend")
    for hour in (22, 23):
        again = {each.asked.name: each for each in days.hear("dividend", day, hour)}
        assert isinstance(again[busy].error, MalformedAnswer)
        assert "and had" in str(again[busy].error)
    assert days.held("dividend", YEAR, "ann_date", "digest", "replaced_at") >= held
    days.walk.sandbox.heal()
    healed = {each.asked.name: each for each in days.hear("dividend", day + timedelta(days=1))}
    assert (healed[busy].rows, healed[busy].error) == (first[busy], None)


def test_an_answer_about_another_day_is_refused_and_the_others_are_asked(days: Days) -> None:
    fetch = days.walk.ingest.transport.fetch
    at = [*CATALOG["forecast"].asked].index("ann_date")

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        answer = fetch(api, params, *words, **more)
        return replace(answer, rows=[(*row[:at], "20120601", *row[at + 1 :]) for row in answer.rows])

    days.walk.ingest.transport.fetch = fetched  # type: ignore[method-assign]
    heard = days.hear("forecast", DAY)
    assert len(heard) == REACH + 2
    wrong = {each.asked.day: str(each.error) for each in heard if each.error}
    assert wrong[DAY] == "forecast: asked for ann_date=2012-06-14, and got rows of 20120601"
    with days.walk.engine.connect() as connection:
        booked = asked.read_announced(connection, CATALOG["forecast"])
        assert not asked.read(connection, CATALOG["forecast"]), "of no stock, and of no period"
    assert (booked["ann_date=2012-06-14"].status, booked["ann_date=2012-06-14"].attempts) == (Status.FAILED, 1)


def test_a_dataset_that_answers_by_no_day_and_one_for_which_the_points_are_too_few_are_not_asked(days: Days) -> None:
    assert days.hear("income", DAY) == []
    days.walk.ingest.points = 120
    assert days.hear("forecast", DAY) == []
    assert not days.walk.sandbox.calls()
