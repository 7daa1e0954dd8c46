"""The law of reports: nothing that lands later changes a byte of the report of a past day, from evidence to Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from desks import Office, clear, laid_out
from evidence_market import HALTED, MAIN, NEW, PEERS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from later_events import EVENTS, LATER, Later
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from random import Random

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

FEW = (MAIN, PEERS[1], NEW, HALTED)
ALL = [(event, day) for event in EVENTS for day in LATER]
"""All that may happen on any later day."""


@pytest.fixture(scope="module")
def growing(postgres: URL) -> Iterator[Engine]:
    """The market, to which later rows are added from example to example."""
    with laid_out(postgres) as engine:
        yield engine


@pytest.fixture(scope="module")
def first(growing: Engine, rules_server: RunningModel) -> dict[str, tuple[str, str]]:
    """The reports before anything else was known."""
    return written(Office(growing, rules_server))


def written(office: Office) -> dict[str, tuple[str, str]]:
    """Id and hash of each report, written anew: even the ledger has forgotten."""
    clear(office.engine)
    office.rules.heal()
    office.rules.inject("wrong_company:times=100")  # whom it names is listed later, or never
    office.expect(*FEW)
    office.write()
    return {row["ts_code"]: (row["id"], row["sha256"]) for row in office.reports()}


@pytest.mark.parametrize(
    ("examples", "happening"),
    [
        pytest.param(1, st.permutations(ALL), id="all at once"),
        pytest.param(
            8,
            st.lists(st.sampled_from(ALL), min_size=3, max_size=12, unique=True),
            marks=pytest.mark.slow,
            id="a few at a time",
        ),
    ],
)
def test_later_rows_change_no_report_of_a_past_day(
    growing: Engine, rules: RunningModel, first: dict[str, tuple[str, str]], examples: int, happening: Any
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),  # an example lands rows for good: none can be made smaller
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        events=happening,
        random=st.randoms(use_true_random=False),
    )
    def nothing_changes(events: list[tuple[str, date]], random: Random) -> None:
        for event, day in events:
            try:
                with growing.begin() as connection:
                    getattr(Later(connection, day, random), event)()
            except IntegrityError:
                continue  # an example before told it already
        assert written(Office(growing, rules)) == first

    nothing_changes()
