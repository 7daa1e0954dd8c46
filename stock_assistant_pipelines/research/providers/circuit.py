"""A circuit per provider: who cannot answer is left alone for a while, so that nobody waits for him again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

STANDING = 600.0
"""Seconds after something that only a person can mend: a key, a balance, a model."""
FAILING = 60.0
"""Seconds after several failures in a row."""
IN_A_ROW = 5


class Failure(Protocol):
    """What a circuit has to know of a failure."""

    again: bool
    """Whether there was an answer, which could not be used."""
    stands: bool
    """Whether only a person can mend it."""


class Circuit:
    """Open: nobody asks. When its time is over the next one tries, and a failure opens it again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._failures = 0
        self.error: Failure | None = None
        """What opened it last."""

    @property
    def open(self) -> bool:
        """Whether nobody is to ask now."""
        return self._clock() < self._until

    def answered(self) -> None:
        """Somebody was answered: all is well."""
        self._failures = 0
        self.error = None

    def failed(self, error: Failure) -> None:
        """Somebody was not. An answer that cannot be used is one all the same."""
        if error.again:
            return
        self._failures += 1
        if error.stands or self._failures >= IN_A_ROW:
            self._until = self._clock() + (STANDING if error.stands else FAILING)
            self.error = error
