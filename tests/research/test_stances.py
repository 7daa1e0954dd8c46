"""When a stance has come true, and how wrong its probability was."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.research.contracts import Stance
from stock_assistant_pipelines.research.stances import brier, came_true

EXCESS = st.decimals(-50, 50, places=6)
HORIZON = st.sampled_from((1, 5, 20, 60))


@pytest.mark.parametrize(
    ("stance", "excess", "horizon", "true"),
    [
        ("outperform", "0.000001", 20, True),
        ("outperform", "0", 20, False),
        ("underperform", "-0.000001", 20, True),
        ("underperform", "0", 20, False),
        ("neutral", "0.447213", 1, True),
        ("neutral", "-0.447214", 1, False),
        ("neutral", "1", 5, True),
        ("neutral", "-2", 20, True),
        ("neutral", "2.000001", 20, False),
        ("neutral", "-3.464102", 60, False),
    ],
)
def test_better_is_above_worse_below_and_neutral_within_the_band(
    stance: str, excess: str, horizon: int, true: bool
) -> None:
    assert came_true(stance, Decimal(excess), horizon) is true


@given(EXCESS, HORIZON)
def test_better_and_worse_are_never_both_true_and_are_each_other_mirrored(excess: Decimal, horizon: int) -> None:
    better = came_true(Stance.OUTPERFORM, excess, horizon)
    assert not (better and came_true(Stance.UNDERPERFORM, excess, horizon))
    assert better == came_true(Stance.UNDERPERFORM, -excess, horizon)
    assert came_true(Stance.NEUTRAL, excess, horizon) == came_true(Stance.NEUTRAL, -excess, horizon)


def test_no_other_word_is_a_stance() -> None:
    with pytest.raises(ValueError, match="abstain"):
        came_true(Stance.ABSTAIN, Decimal(1), 20)


def test_the_probability_is_held_against_what_came() -> None:
    assert brier(Decimal("0.7"), True) == Decimal("0.09")
    assert brier(Decimal("0.7"), False) == Decimal("0.49")
