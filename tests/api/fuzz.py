"""How many cases are made up: a few of each route in every run of the tests, thousands in `make fuzz`."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = int(os.environ.get("FUZZ_CASES", "0"))
"""How many there shall be in all; 0: a few, and the same ones each time."""

PARTS = 70
"""How many tests share them."""

ANSWERED: Counter[int] = Counter()
"""Answers by status."""


def trials(few: int, parts: int = PARTS, steps: int = 1) -> settings:
    """The settings of a test that makes up a few cases, or its part of all; of scenarios, those of so many steps."""
    return settings(
        max_examples=CASES // parts or few,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not CASES,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )


def summary() -> Iterator[str]:
    """What was answered, in all."""
    if CASES:
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(ANSWERED.items()))
        yield f"{ANSWERED.total():,} cases were answered ({told})"
