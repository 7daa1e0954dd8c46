"""The law of reports: nothing that lands later changes a byte of the report of a past day, from evidence to Markdown."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from desks import Office, clear, laid_out
from evidence_market import HALTED, MAIN, NEW, PEERS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from later_events import EVENTS, LATER, OF_A_STOCK, Later
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

FEW = (MAIN, PEERS[1], NEW, HALTED)
ALL = [(event, day) for event in EVENTS for day in LATER]
"""All that may happen on any later day."""


@pytest.fixture
def growing(postgres: URL) -> Iterator[Engine]:
    """The market, to which a test adds later rows."""
    with laid_out(postgres) as engine:
        yield engine


@pytest.fixture
def first(growing: Engine, rules: RunningModel) -> dict[str, tuple[str, str]]:
    """The reports before anything else was known."""
    return written(Office(growing, rules))


def written(office: Office) -> dict[str, tuple[str, str]]:
    """Id and hash of each report, written anew: even the ledger has forgotten."""
    clear(office.engine)
    office.rules.heal()
    office.rules.inject("wrong_company:times=100")  # whom it names is listed later, or never
    office.expect(*FEW)
    office.write()
    return {row["ts_code"]: (row["id"], row["sha256"]) for row in office.reports()}


def test_all_that_may_happen_later_changes_no_report_of_a_past_day(
    growing: Engine, rules: RunningModel, first: dict[str, tuple[str, str]]
) -> None:
    random = Random(7)
    events = [(event, day, code) for event, day in ALL for code in (FEW if event in OF_A_STOCK else [MAIN])]
    random.shuffle(events)
    with growing.begin() as connection:
        for event, day, code in events:
            later = Later(connection, day, random)
            later.code = code
            getattr(later, event)()
    assert written(Office(growing, rules)) == first


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # an example lands rows for good: none can be made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    events=st.lists(st.sampled_from(ALL), min_size=3, max_size=12, unique=True),
    random=st.randoms(use_true_random=False),
)
def test_a_few_later_rows_change_no_report_of_a_past_day(
    growing: Engine,
    rules: RunningModel,
    first: dict[str, tuple[str, str]],
    events: list[tuple[str, date]],
    random: Random,
) -> None:
    for event, day in events:
        try:
            with growing.begin() as connection:
                getattr(Later(connection, day, random), event)()
        except IntegrityError:
            continue  # an example before told it already
    assert written(Office(growing, rules)) == first
