"""A day that lacks some keys is completed by asking for those alone, and ends as if it had been fetched whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from walk import CATALOG, DAY, INDICES, WEEK, Walk

from stock_assistant_pipelines.ingest.source import Source
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.ingest.source import Told
    from stock_assistant_pipelines.tushare.plan import Call
    from stock_assistant_pipelines.warehouse.coverage import Coverage
    from stock_assistant_pipelines.warehouse.database import Database

EVER = datetime.min.replace(tzinfo=UTC)


@pytest.fixture
def database(dated: Database) -> Database:
    """Days land where the calendar is known."""
    return dated


def lose(walk: Walk, api: str, *days: object, codes: int) -> set[str]:
    """Land days of which the answer lacks some codes: land them whole, take rows out, and judge them again."""
    walk.land(api, *days)  # type: ignore[arg-type]
    lost = sorted(walk.codes(api, days[0]))[:codes]  # type: ignore[arg-type]
    with walk.engine.begin() as connection:
        for day in days:
            connection.execute(
                text(f"delete from {api} where trade_date = :day and ts_code = any(:codes)"),
                {"day": day, "codes": lost},
            )
            connection.execute(
                text(
                    "update coverage set status = 'partial', cause = 'partial', missing = :count, missing_keys = :codes, "
                    "complete_at = null, landed = landed - :count where dataset = :api and partition = :day"
                ),
                {"api": api, "day": str(day), "codes": lost, "count": codes},
            )
    walk.sandbox.forget()
    return set(lost)


def complete(walk: Walk, api: str, *days: object) -> dict[str, Coverage]:
    """Land what is missing of these days."""
    landed = walk.ingest.land(CATALOG[api], days, since=EVER, whole=False)  # type: ignore[arg-type]
    return {entry.partition: entry for entry in landed}


def test_only_the_missing_codes_are_asked_for_in_one_call(walk: Walk) -> None:
    lost = lose(walk, "daily", DAY, codes=5)
    entry = complete(walk, "daily", DAY)[DAY.isoformat()]
    assert (entry.status, entry.inserted, entry.calls) == (Status.COMPLETE, 5, 1)
    (params,) = walk.asked("daily")
    assert set(params["ts_code"].split(",")) == lost
    assert walk.sandbox.stats()["rows"] == {"daily": 5}


def test_several_days_are_completed_by_one_call(walk: Walk) -> None:
    lost = lose(walk, "daily", *WEEK, codes=3)
    entries = complete(walk, "daily", *WEEK)
    assert {entry.status for entry in entries.values()} == {Status.COMPLETE}
    (params,) = walk.asked("daily")
    assert params == {
        "ts_code": ",".join(sorted(lost)),
        "start_date": compact(WEEK[0]),
        "end_date": compact(WEEK[-1]),
    }


def test_the_day_is_then_booked_as_if_it_had_been_fetched_whole(walk: Walk) -> None:
    walk.land("daily", DAY)
    whole = walk.booked("daily", DAY)
    rows = walk.rows("daily", DAY)
    lose(walk, "daily", DAY, codes=5)
    complete(walk, "daily", DAY)
    patched = walk.booked("daily", DAY)
    assert whole is not None
    assert patched is not None
    assert (patched.revision, patched.landed, patched.missing) == (whole.revision, whole.landed, 0)
    assert walk.rows("daily", DAY) == rows


def test_a_relabelled_answer_is_found_out_on_the_day_after_a_patched_one(walk: Walk) -> None:
    lose(walk, "daily", WEEK[-2], codes=5)
    complete(walk, "daily", WEEK[-2])
    walk.sandbox.inject("stale:api=daily")
    assert walk.land_one("daily", DAY).status is Status.FAILED
    assert walk.rows("daily", DAY) == []


def test_codes_that_the_source_lacks_stay_missing_and_are_asked_for_alone_again(walk: Walk) -> None:
    lose(walk, "daily", DAY, codes=2)
    walk.sandbox.inject("empty:api=daily")
    for attempts in (1, 2):
        entry = complete(walk, "daily", DAY)[DAY.isoformat()]
        assert (entry.status, entry.missing, entry.attempts) == (Status.PARTIAL, 2, attempts)
    assert all("ts_code" in params for params in walk.asked("daily"))
    assert len(walk.rows("daily", DAY)) == 53


def test_a_day_whose_rows_are_not_believed_is_fetched_whole(walk: Walk) -> None:
    lose(walk, "daily", DAY, codes=2)
    with walk.engine.begin() as connection:
        connection.execute(text("update coverage set cause = 'repeated' where dataset = 'daily'"))
    complete(walk, "daily", DAY)
    assert walk.asked("daily") == [{"trade_date": compact(DAY)}]


def test_of_an_index_only_the_missing_series_is_asked_for(walk: Walk) -> None:
    lost = lose(walk, "index_daily", DAY, codes=1)
    entry = complete(walk, "index_daily", DAY)[DAY.isoformat()]
    assert entry.status is Status.COMPLETE
    assert [params["ts_code"] for params in walk.asked("index_daily")] == sorted(lost)
    assert walk.codes("index_daily", DAY) == set(INDICES)


def test_a_relabelled_day_that_lacks_a_key_is_not_patched_but_fetched_whole(walk: Walk) -> None:
    walk.sandbox.inject("stale:api=daily:day=20260303")
    stale = walk.land_one("daily", WEEK[-2])
    assert stale.status in {Status.PARTIAL, Status.COMPLETE}, "the day before is not there yet to tell"
    walk.sandbox.heal()
    walk.land("daily", WEEK[-3])  # whose rows the other day holds
    suspected = walk.booked("daily", WEEK[-2])
    assert suspected is not None
    assert (suspected.status, suspected.cause) == (Status.PARTIAL, "repeated")
    walk.sandbox.forget()
    assert complete(walk, "daily", WEEK[-2])[WEEK[-2].isoformat()].status is Status.COMPLETE
    assert walk.asked("daily") == [{"trade_date": compact(WEEK[-2])}]


def test_missing_rows_do_not_clear_what_the_day_was_doubted_for_meanwhile(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(walk, "daily", DAY, codes=5)
    ask = Source.ask

    def doubted_meanwhile(source: Source, dataset: Dataset, call: Call) -> Told:
        with walk.engine.begin() as connection:
            connection.execute(text("update coverage set cause = 'broken', reason = 'a law' where dataset = 'daily'"))
        return ask(source, dataset, call)

    monkeypatch.setattr(Source, "ask", doubted_meanwhile)
    entry = complete(walk, "daily", DAY)[DAY.isoformat()]
    assert (entry.status, entry.cause, entry.reason, entry.missing) == (Status.PARTIAL, "broken", "a law", 0)
    monkeypatch.undo()
    assert walk.land_one("daily", DAY).status is Status.COMPLETE
