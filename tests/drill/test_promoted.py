"""A promotion after which nothing lands, or nobody is answered, is no success."""

from __future__ import annotations

from datetime import date

import pytest

from drill.load import Load, Outcome, in_turn
from drill.replica import Landing, read_again
from drill.waiting import Stuck

DAYS = {("daily", date(2022, 6, day)): float(day) for day in (1, 2, 3)}


def asked(*outcomes: tuple[float, str | None]) -> Load:
    load = Load(in_turn(["/"]), [])
    load.outcomes = [Outcome(at, 0.1, failure) for at, failure in outcomes]
    return load


def test_a_landing_that_was_over_before_the_fault_did_not_meet_it() -> None:
    assert Landing(DAYS).after(1.5) == 0.5
    with pytest.raises(Stuck, match="every day had landed"):
        Landing(DAYS).after(3.0)


def test_an_api_that_does_not_answer_again_is_told() -> None:
    assert read_again(asked((1.0, None), (2.0, "down"), (3.5, None)), 1.5) == 2.0
    with pytest.raises(Stuck, match="did not answer again: down"):
        read_again(asked((1.0, None), (2.0, "down")), 1.5)
    with pytest.raises(Stuck, match="nobody asked any more"):
        read_again(asked((1.0, None)), 1.5)
