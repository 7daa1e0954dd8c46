"""What a backfill is going to do is told beforehand, and is what it then does."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from stock_assistant_pipelines.backfill import Target, left, look_ahead, standing, with_prerequisites
from stock_assistant_pipelines.calendar import weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.quota import Limits
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.backfill import Outlook
    from stock_assistant_pipelines.ingest import Ingest
    from stock_assistant_pipelines.sandbox.server import Running

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
FIRST, LAST = date(2025, 12, 22), date(2026, 1, 9)
LIMITS = Limits(2000)


def target(*names: str, refetch: bool = False) -> Target:
    wanted = with_prerequisites([CATALOG[name] for name in names])
    return Target(tuple(dataset.api for dataset in wanted), FIRST, LAST, refetch)


def outlook(engine: Engine, wanted: Target, named: tuple[str, ...] = ()) -> Outlook:
    with engine.connect() as connection:
        return look_ahead(connection, wanted, NOW, LIMITS, named=named)


def land(ingest: Ingest, foreseen: Outlook, *, refetch: bool = False) -> None:
    """Do what is left, as the runs do it: slice by slice, in the order of the catalog."""
    ingest.now = lambda: NOW
    began = NOW if refetch else datetime.min.replace(tzinfo=SHANGHAI)
    for part in foreseen.slices:
        for dataset in part.datasets:
            days = reversed(weekdays(part.first, part.last)) if part.first and part.last else ()
            for _ in ingest.land(dataset, list(days), since=began if dataset.partitioned else NOW, whole=refetch):
                pass


def calls(foreseen: Outlook) -> dict[str, int]:
    return {part.dataset.api: part.estimate.calls for part in foreseen.parts}


def test_what_says_whether_a_day_is_complete_comes_first() -> None:
    assert [dataset.api for dataset in with_prerequisites([CATALOG["daily"]])] == [
        "trade_cal",
        "stock_basic",
        "suspend_d",
        "daily",
    ]


def test_the_calls_that_are_foreseen_are_those_that_are_made(engine: Engine, ingest: Ingest, sandbox: Running) -> None:
    wanted = target("daily", "index_daily", "stk_limit")
    ingest.calendar(CATALOG["daily"], [LAST])  # without it every weekday counts
    sandbox.forget()
    with engine.begin() as connection:
        connection.execute(text("delete from coverage"))
    foreseen = outlook(engine, wanted)
    assert foreseen.calendar_known
    land(ingest, foreseen)
    assert sandbox.stats()["calls"] == calls(foreseen)

    again = outlook(engine, wanted)
    assert again.parts == ()
    assert again.complete == 4 * 15
    with engine.connect() as connection:
        assert left(connection, wanted, NOW) == []


def test_days_that_are_complete_are_skipped_and_a_day_that_lacks_keys_is_asked_for_those(
    engine: Engine, ingest: Ingest, sandbox: Running
) -> None:
    wanted = target("daily")
    land(ingest, outlook(engine, wanted))
    with engine.begin() as connection:
        connection.execute(text("delete from coverage where dataset = 'daily' and partition = '2026-01-05'"))
        connection.execute(
            text(
                "update coverage set status = 'partial', cause = 'partial', missing = 1, missing_keys = '{000001.SZ}'"
                " where dataset = 'daily' and partition in ('2026-01-06', '2026-01-07')"
            )
        )
    foreseen = outlook(engine, wanted)
    assert [part.days for part in foreseen.parts] == [(date(2026, 1, 7), date(2026, 1, 6), date(2026, 1, 5))]
    assert foreseen.complete == 2 * 15 - 3
    sandbox.forget()
    land(ingest, foreseen)
    assert sandbox.stats()["calls"] == calls(foreseen) == {"daily": 2}


def test_fetching_again_skips_nothing(engine: Engine, ingest: Ingest) -> None:
    land(ingest, outlook(engine, target("adj_factor")))
    foreseen = outlook(engine, target("adj_factor", refetch=True))
    assert calls(foreseen) == {"adj_factor": 13}, "two of the weekdays are holidays"
    assert foreseen.rows > 0


def test_the_newest_year_goes_first_and_the_snapshots_before_it(engine: Engine) -> None:
    slices = outlook(engine, target("index_daily")).slices
    assert [[dataset.api for dataset in each.datasets] for each in slices] == [
        ["trade_cal", "index_basic"],
        ["index_daily"],
        ["index_daily"],
    ]
    assert [(each.first, each.last) for each in slices] == [
        (None, None),
        (date(2026, 1, 1), LAST),
        (FIRST, date(2025, 12, 31)),
    ]


def test_a_snapshot_is_fetched_when_it_is_named_or_old(engine: Engine, ingest: Ingest) -> None:
    wanted = target("stock_basic")
    ingest.now = lambda: NOW
    assert calls(outlook(engine, wanted)) == {"stock_basic": 6}, "the first answer is confirmed by a second"
    assert next(iter(ingest.land(CATALOG["stock_basic"]))).settled
    assert calls(outlook(engine, wanted)) == {}
    assert calls(outlook(engine, wanted, named=("stock_basic",))) == {"stock_basic": 3}


def test_days_that_are_not_published_yet_are_not_asked_for(engine: Engine) -> None:
    morning = NOW.replace(hour=9, minute=0)
    wanted = Target(("stk_limit", "daily"), NOW.date(), NOW.date())
    with engine.connect() as connection:
        parts = look_ahead(connection, wanted, morning, LIMITS).parts
    assert [part.dataset.api for part in parts] == ["stk_limit"]


def test_how_far_it_is_and_what_is_left(engine: Engine, ingest: Ingest, sandbox: Running) -> None:
    wanted = target("adj_factor")
    ingest.now = lambda: NOW
    days = weekdays(FIRST, LAST)
    for _ in ingest.land(CATALOG["adj_factor"], days[:5]):
        pass
    sandbox.inject("malformed:api=adj_factor:day=20260109")
    began = datetime(2026, 3, 4, 21, 0, tzinfo=SHANGHAI)
    ingest.now = lambda: began
    for _ in ingest.land(CATALOG["adj_factor"], days[-3:]):
        pass
    with engine.connect() as connection:
        now = standing(connection, wanted, began, began)
        open_ends = left(connection, wanted, began)
    assert (now.total, now.done, now.incomplete) == (10, 3, 1)
    assert now.reason
    assert now.reason.startswith("adj_factor 2026-01-09: ")
    assert [(each.status, each.partitions) for each in open_ends] == [(Status.FAILED, 1), (None, 7)]


@pytest.mark.parametrize(("points", "minutes"), [(120, 8 / 50), (2000, 8 / 200)])
def test_the_minutes_are_those_of_the_slowest_interface(engine: Engine, points: int, minutes: float) -> None:
    wanted = Target(("index_daily",), date(2026, 1, 5), LAST)
    with engine.connect() as connection:
        assert look_ahead(connection, wanted, NOW, Limits(points)).minutes == pytest.approx(minutes)
