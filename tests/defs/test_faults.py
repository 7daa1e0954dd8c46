"""Every way the source misbehaves, during a backfill: nothing is recorded complete that is not, and a second run completes
exactly the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
from code_location import CodeLocation
from sqlalchemy import select, text

from stock_assistant_pipelines.warehouse.tables import COVERAGE, Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.settings import Settings

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
    # Near those above: another refusal of the same kind, one dataset in place of all.
    *(
        pytest.param(fault, marks=pytest.mark.slow)
        for fault in (
            "timeout:seconds=1:every=9:times=6",
            "stale:api=daily:every=4:times=20",
            "yesterday:api=index_daily:times=3",
            "throttle_hour:every=10:times=3",
            "bad_token:every=15:times=2",
            "http_502:times=16",
        )
    ),
    # These are asked again as a 502 is: tests/ingest/test_ingest_faults.py tries them on one day.
    *(
        pytest.param(f"{kind}:every=5:times=8", marks=pytest.mark.slow)
        for kind in ("html", "reset", "malformed", "null_data")
    ),
]


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
def undisturbed(span: dict[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    """The tables of an undisturbed run, filled by the first test that needs them."""
    return {}


@pytest.fixture
def truth(
    span: dict[str, str],
    undisturbed: dict[str, dict[str, dict[str, str]]],
    installation: Settings,
    engine: Engine,
    sandbox: Running,
) -> dict[str, dict[str, str]]:
    """What the source says when it is well. The database is empty again afterwards."""
    if not undisturbed:
        with dg.DagsterInstance.ephemeral() as instance:
            assert CodeLocation(installation, instance).run(*NAMES, **span).success
        undisturbed["tables"] = tables(engine)
        with engine.begin() as connection:
            connection.execute(text(f"truncate {', '.join(NAMES)}, trade_cal, stock_basic, index_basic, coverage"))
        sandbox.forget()
    return undisturbed["tables"]


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_recorded_complete_that_is_not_and_a_second_run_completes_the_rest(
    truth: dict[str, dict[str, str]],
    span: dict[str, str],
    location: CodeLocation,
    engine: Engine,
    sandbox: Running,
    fault: str,
) -> None:
    sandbox.inject(fault)
    location.run(*NAMES, **span)
    assert sandbox.stats()["faults"], "the fault never fired: the test would prove nothing"

    first = booked(engine)
    landed = tables(engine)
    complete = {key for key, status in first.items() if status == Status.COMPLETE}
    for name, day in complete:
        assert landed[name].get(day) == truth[name].get(day), f"{name} of {day} is recorded complete and is not"
    for name in NAMES:
        for day in location.materialized(name):
            assert landed[name].get(day) == truth[name].get(day), f"Dagster shows {name} of {day} and it is not there"

    sandbox.heal()
    sandbox.forget()
    second = location.run(*NAMES, **span)
    failures = [event.step_failure_data.error for event in second.all_events if event.is_step_failure]
    assert second.success, failures
    asked = {
        (call["api"], f"{day[:4]}-{day[4:6]}-{day[6:]}")
        for call in sandbox.calls(last=5000)
        if (day := call["params"].get("trade_date"))
    }
    assert not asked & complete, "what had landed was fetched again"
    assert tables(engine) == truth
    assert set(booked(engine).values()) == {Status.COMPLETE, Status.CLOSED}
