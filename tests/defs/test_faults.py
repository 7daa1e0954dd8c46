"""Every way the source misbehaves, during a backfill: nothing is recorded complete that is not, and a second run completes
exactly the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from stock_assistant_pipelines.calendar import weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs.assets import EVER
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.warehouse.tables import COVERAGE, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from code_location import CodeLocation
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.tushare.transport import Transport

SPANS = [
    pytest.param({"first": "2026-02-23", "last": "2026-03-04"}, id="7 days"),
    pytest.param({"first": "2025-12-02", "last": "2026-03-04"}, id="60 days", marks=pytest.mark.slow),
]
"""The Spring Festival lies between them; in the longer one New Year as well."""

NAMES = ("suspend_d", "daily", "adj_factor", "index_daily")
"""One of each kind: many days in a call, a day in a call, rows that may repeat, a code in a call."""

FAULTS = [
    "http_502:every=4:times=8",
    "drop_field:every=4:times=40",
    "half:every=3:times=80",
    "yesterday:every=4:times=40",
    "empty:every=4:times=40",
    "throttle:every=6:times=40",
    "throttle_day:every=25:times=2",
    "permission:every=20:times=2",
    "half:api=stock_basic:times=3",
    "half:api=suspend_d:times=1",
    "empty:api=trade_cal:times=1",
]

NEAR = [
    # Another refusal of the same kind, one dataset in place of all.
    "timeout:seconds=1:every=9:times=6",
    "stale:api=daily:every=4:times=20",
    "yesterday:api=index_daily:times=3",
    "throttle_hour:every=10:times=3",
    "bad_token:every=15:times=2",
    "http_502:times=16",
    # These are asked again as a 502 is: tests/ingest/test_ingest_faults.py tries them on one day.
    *(f"{kind}:every=5:times=8" for kind in ("html", "reset", "malformed", "null_data")),
]
"""Faults that come to the same as one of those above."""

IN_DAGSTER = {"half:every=3:times=80", "throttle_day:every=25:times=2"}
"""What a run makes of days that lack something, and of those that nobody could be asked for; it knows no more of a fault."""


def without(faults: Iterable[str], chosen: Collection[str]) -> list[Any]:
    """The faults; those that are not chosen are left to `make test-slow`."""
    return [fault if fault in chosen else pytest.param(fault, marks=pytest.mark.slow) for fault in faults]


def tables(engine: Engine) -> dict[str, dict[str, str]]:
    """A checksum of each dataset's rows, by trading day."""
    checksums = {}
    with engine.connect() as connection:
        for name in NAMES:
            query = f"""select trade_date::text, md5(string_agg(row, '|' order by row))
                from (select trade_date, t::text as row from {name} as t) as rows group by trade_date"""
            checksums[name] = dict(connection.execute(text(query)).all())
    return checksums


def booked(engine: Engine) -> dict[tuple[str, str], str]:
    """The status of each trading day of each dataset."""
    query = select(COVERAGE.c.dataset, COVERAGE.c.partition, COVERAGE.c.status).where(COVERAGE.c.dataset.in_(NAMES))
    with engine.connect() as connection:
        return {(row.dataset, row.partition): row.status for row in connection.execute(query)}


@pytest.fixture(scope="module", params=SPANS)
def span(request: pytest.FixtureRequest) -> dict[str, str]:
    """The first and the last day."""
    return request.param


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, dict[str, str]]]:
    """The tables of an undisturbed walk over each span, filled by the first test that needs them."""
    return {}


@dataclass
class Walk:
    """The walk without Dagster. As in its runs, each dataset is landed by itself."""

    engine: Engine
    transport: Transport

    def run(self, *names: str, first: str, last: str) -> bool:
        """Land the days; whether all are complete."""
        wanted = weekdays(date.fromisoformat(first), date.fromisoformat(last))
        landed = [
            entry
            for name in names
            for entry in Ingest(self.engine, self.transport).land(CATALOG[name], wanted, since=EVER, whole=False)
        ]
        return all(entry.settled for entry in landed)


@pytest.fixture
def walk(engine: Engine, transport: Transport) -> Walk:
    return Walk(engine, transport)


@pytest.fixture
def truth(
    span: dict[str, str],
    undisturbed: dict[str, dict[str, dict[str, str]]],
    walk: Walk,
    sandbox: Running,
) -> dict[str, dict[str, str]]:
    """What the source says when it is well. The database is empty again afterwards."""
    if span["first"] not in undisturbed:
        assert walk.run(*NAMES, **span)
        undisturbed[span["first"]] = tables(walk.engine)
        with walk.engine.begin() as connection:
            connection.execute(text(f"truncate {', '.join(NAMES)}, trade_cal, stock_basic, index_basic, coverage"))
        sandbox.forget()
    return undisturbed[span["first"]]


def recorded(truth: dict[str, dict[str, str]], engine: Engine, sandbox: Running) -> set[tuple[str, str]]:
    """The days that a disturbed backfill recorded complete: each must hold what the source has when it is well."""
    assert sandbox.stats()["faults"], "the fault never fired: the test would prove nothing"
    landed = tables(engine)
    complete = {key for key, status in booked(engine).items() if status == Status.COMPLETE}
    for name, day in complete:
        assert landed[name].get(day) == truth[name].get(day), f"{name} of {day} is recorded complete and is not"
    sandbox.heal()
    sandbox.forget()
    return complete


def all_is_there(
    truth: dict[str, dict[str, str]], engine: Engine, sandbox: Running, before: set[tuple[str, str]]
) -> None:
    """All that the source has is there and complete, and what had been before was not asked for."""
    asked = {
        (call["api"], f"{day[:4]}-{day[4:6]}-{day[6:]}")
        for call in sandbox.calls(last=5000)
        if (day := call["params"].get("trade_date"))
    }
    assert not asked & before, "what had landed was fetched again"
    assert tables(engine) == truth
    assert set(booked(engine).values()) == {Status.COMPLETE, Status.CLOSED}


@pytest.mark.parametrize("fault", without([*FAULTS, *NEAR], FAULTS))
def test_nothing_is_recorded_complete_that_is_not_and_a_second_walk_completes_the_rest(
    truth: dict[str, dict[str, str]], span: dict[str, str], walk: Walk, sandbox: Running, fault: str
) -> None:
    sandbox.inject(fault)
    walk.run(*NAMES, **span)
    complete = recorded(truth, walk.engine, sandbox)
    assert walk.run(*NAMES, **span)
    all_is_there(truth, walk.engine, sandbox, complete)


@pytest.mark.parametrize("fault", without([*FAULTS, *NEAR], IN_DAGSTER))
def test_dagster_shows_nothing_that_is_not_there_and_a_second_run_completes_the_rest(
    truth: dict[str, dict[str, str]],
    span: dict[str, str],
    location: CodeLocation,
    engine: Engine,
    sandbox: Running,
    fault: str,
) -> None:
    sandbox.inject(fault)
    location.run(*NAMES, **span)
    landed = tables(engine)
    complete = recorded(truth, engine, sandbox)
    for name in NAMES:
        for day in location.materialized(name):
            assert landed[name].get(day) == truth[name].get(day), f"Dagster shows {name} of {day} and it is not there"
    second = location.run(*NAMES, **span)
    failures = [event.step_failure_data.error for event in second.all_events if event.is_step_failure]
    assert second.success, failures
    all_is_there(truth, engine, sandbox, complete)
