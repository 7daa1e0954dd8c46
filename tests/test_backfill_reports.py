"""What a backfill of reports is going to do is told beforehand, and is what it then does."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from stock_assistant_pipelines.backfill import Target, left, look_ahead, standing, with_prerequisites
from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs.backfills import _partitions
from stock_assistant_pipelines.ingest.inquiry import COMPANIES
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.quota import Limits
from stock_assistant_pipelines.warehouse import asked
from stock_assistant_pipelines.warehouse.asked import Asked
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.backfill import Outlook
    from stock_assistant_pipelines.ingest import Ingest
    from stock_assistant_pipelines.sandbox.server import Running

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
FIRST, LAST = date(2025, 1, 1), date(2026, 3, 4)
ENDED = periods(FIRST, LAST)
EVER = datetime.min.replace(tzinfo=SHANGHAI)


def target(*names: str) -> Target:
    wanted = with_prerequisites([CATALOG[name] for name in names])
    return Target(tuple(dataset.api for dataset in wanted), FIRST, LAST)


def outlook(engine: Engine, wanted: Target, points: int) -> Outlook:
    with engine.connect() as connection:
        return look_ahead(connection, wanted, NOW, Limits(points))


def carry_out(ingest: Ingest, foreseen: Outlook, points: int) -> None:
    """Do what is left, as the runs do it."""
    ingest.now, ingest.points = (lambda: NOW), points
    for part in foreseen.slices:
        for dataset in part.datasets:
            wanted = periods(part.first, part.last)[::-1] if part.first and part.last else []
            since = EVER if dataset.dated else NOW
            for _ in ingest.land(dataset, wanted, since=since, whole=False):
                pass


def test_the_plan_and_the_stocks_come_first() -> None:
    assert target("income").datasets == ("stock_basic", "disclosure_date", "income")


@pytest.mark.parametrize(("points", "each"), [(5000, 3 * 4), (2000, 3 * COMPANIES)])
def test_while_nobody_knows_the_stocks_as_many_are_counted_as_there_are_about(
    engine: Engine, points: int, each: int
) -> None:
    foreseen = outlook(engine, target("income"), points)
    assert {part.dataset.api: part.estimate.calls for part in foreseen.parts} == {
        "stock_basic": 6,
        "disclosure_date": 4,
        "income": each,
    }


@pytest.mark.parametrize(
    ("points", "names"), [(5000, ("income", "fina_indicator", "dividend")), (2000, ("fina_indicator", "dividend"))]
)
def test_the_calls_that_are_foreseen_are_those_that_are_made(
    engine: Engine, ingest: Ingest, sandbox: Running, points: int, names: tuple[str, ...]
) -> None:
    wanted = target(*names)
    ingest.now, ingest.points = (lambda: NOW), points
    ingest.prepare_periods(CATALOG["fina_indicator"], ENDED)
    sandbox.forget()
    foreseen = outlook(engine, wanted, points)
    assert [part.days for part in foreseen.parts] == [tuple(ENDED[::-1])] * len(names)
    assert foreseen.complete == len(ENDED)
    carry_out(ingest, foreseen, points)
    made = sandbox.stats()["calls"]
    for part in foreseen.parts:
        name = part.dataset.api
        assert made.get(name, 0) + made.get(f"{name}_vip", 0) == part.estimate.calls
        assert part.estimate.minutes == pytest.approx(part.estimate.calls / (500 if points == 5000 else 200))
    again = outlook(engine, wanted, points)
    assert (again.parts, again.complete) == ((), len(wanted.datasets[1:]) * len(ENDED))
    with engine.connect() as connection:
        assert left(connection, wanted, NOW) == []
        assert standing(connection, wanted, NOW, NOW).total == again.complete + 1


def test_all_periods_of_a_dataset_are_one_backfill_and_each_dataset_has_one_after_the_years(engine: Engine) -> None:
    slices = outlook(engine, target("income", "index_daily"), 2000).slices
    assert [[dataset.api for dataset in each.datasets] for each in slices] == [
        ["trade_cal", "stock_basic", "index_basic"],
        ["index_daily"],
        ["index_daily"],
        ["disclosure_date"],
        ["income"],
    ]
    assert {(each.first, each.last) for each in slices[3:]} == {(ENDED[0], ENDED[-1])}


def test_a_backfill_in_dagster_is_of_the_periods_between_two_days() -> None:
    selected = _partitions(CATALOG["income"], FIRST, LAST)
    assert selected is not None
    assert [(each.start, each.end) for each in selected.ranges] == [("2025-03-31", "2025-12-31")]
    assert _partitions(CATALOG["stock_basic"], FIRST, LAST) is None


def test_the_calls_for_single_stocks_are_counted_before_a_period_is_booked_and_later_only_for_who_is_missing(
    engine: Engine, ingest: Ingest, sandbox: Running
) -> None:
    wanted = target("income")
    ingest.now, ingest.points = (lambda: NOW), 2000
    ingest.prepare_periods(CATALOG["income"], ENDED)
    with engine.begin() as connection:
        booked = connection.execute(text("select sum(calls) from coverage")).scalar_one()
        asked.book(
            connection, [Asked("income", f"{code}", "report_type=1", NOW, Status.COMPLETE) for code in range(30)]
        )
        now = standing(connection, wanted, NOW, NOW)
    assert (now.calls, now.total - now.done) == (booked + 30, len(ENDED))
    foreseen = outlook(engine, wanted, 2000)
    sandbox.forget()
    carry_out(ingest, foreseen, 2000)
    assert sandbox.stats()["calls"] == {"income": foreseen.calls}
    with engine.connect() as connection:
        told = connection.execute(text("select count(*) from asked where ts_code <> '*'")).scalar_one()
        now = standing(connection, wanted, NOW, NOW)
    assert (now.calls, now.total - now.done) == (booked + told, 0)
    with engine.begin() as connection:
        connection.execute(text("delete from income where ts_code = '000001.SZ' and end_date = '2025-09-30'"))
        connection.execute(
            text("update coverage set status = 'partial' where dataset = 'income' and partition = '2025-09-30'")
        )
    sandbox.forget()
    foreseen = outlook(engine, wanted, 2000)
    assert [(part.dataset.api, part.estimate.calls) for part in foreseen.parts] == [("income", 3)]
    carry_out(ingest, foreseen, 2000)
    assert sandbox.stats()["calls"] == {"income": 3}
