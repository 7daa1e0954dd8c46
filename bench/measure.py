"""Rounds in turns, and what they tell: medians, spread, and ratios taken round by round."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class Figures:
    """One figure, measured several times, in the order of the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles, between which half of the rounds lie."""
        if len(self.values) < 3:
            return min(self.values), max(self.values)
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return low, high

    def over(self, other: Figures) -> Figures:
        """How many times the other this is, round by round: what slowed a whole round down is not seen in it."""
        return Figures(tuple(ours / theirs for ours, theirs in zip(self.values, other.values, strict=True)))

    def scaled(self, factor: float) -> Figures:
        """The same in another unit."""
        return Figures(tuple(value * factor for value in self.values))

    def plus(self, other: Figures) -> Figures:
        """Both together, round by round."""
        return Figures(tuple(ours + theirs for ours, theirs in zip(self.values, other.values, strict=True)))


def figure(figures: Figures) -> str:
    """The median, and in brackets between what half of the rounds lie."""
    low, high = figures.spread
    return f"{number(figures.median)} ({number(low)}–{number(high)})"


def ratio(figures: Figures) -> str:
    """A ratio's median and spread."""
    low, high = figures.spread
    return f"**{number(figures.median)}×** ({number(low)}–{number(high)})"


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def in_turns(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Figures]:
    """Time each side once a round, forwards and backwards by turns, so that no side always comes after the same one."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for at in range(rounds):
        for name in list(sides)[:: 1 if at % 2 == 0 else -1]:
            with stopwatch() as watch:
                sides[name]()
            seconds[name].append(watch.seconds)
    return {name: Figures(tuple(values)) for name, values in seconds.items()}


@dataclass
class Stopwatch:
    """How long something took."""

    seconds: float = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time a block."""
    watch = Stopwatch()
    began = time.perf_counter()
    try:
        yield watch
    finally:
        watch.seconds = time.perf_counter() - began


@contextmanager
def clocked(module: ModuleType, *names: str) -> Iterator[dict[str, float]]:
    """Put a clock around functions of a module for as long as a block lasts; yields the seconds spent in each."""
    spent = dict.fromkeys(names, 0.0)
    originals = {name: getattr(module, name) for name in names}

    def with_clock(name: str) -> Callable[..., Any]:
        @wraps(originals[name])
        def timed(*args: Any, **words: Any) -> Any:
            with stopwatch() as watch:
                result = originals[name](*args, **words)
            spent[name] += watch.seconds
            return result

        return timed

    for name in names:
        setattr(module, name, with_clock(name))
    try:
        yield spent
    finally:
        for name, original in originals.items():
            setattr(module, name, original)
