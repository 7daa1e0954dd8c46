"""How versions of a row are told apart, and since when each was known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Stages:
    """Rows are stages of one thing, and the day that they share is that of the first: when was each known?"""

    column: str
    """What stage a row is of."""
    days: Mapping[str, tuple[str, ...]]
    """By stage: of these days the first that is not null is the one by which it was known, if it was not read earlier.

    Stages that are not here, and those without such a day, are known since they were read.
    """


@dataclass(frozen=True, slots=True)
class Versions:
    """Rows are never overwritten: an answer that differs is a new version of its key, and each is known from a moment on."""

    known: tuple[str, ...]
    """Of these days the first that is not null is the one on which a version became known, at its end in Asia/Shanghai.

    Empty: a version is known since it was read.
    """
    prefer: tuple[str, ...] = ("update_flag",)
    """Of versions that became known at the same time, the highest in these columns stands."""
    after_period: bool = True
    """Whether nothing can be known before the period is over."""
    stages: Stages | None = None
    """Where the days in `known` do not tell when a row was known: never before them, and not before its stage was."""

    @property
    def days(self) -> tuple[str, ...]:
        """All columns that say when a version became known."""
        staged = chain.from_iterable(self.stages.days.values()) if self.stages else ()
        return tuple(dict.fromkeys((*self.known, *staged)))
