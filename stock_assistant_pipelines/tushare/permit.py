"""Leave to make a call: what the transport wants of a quota, and the one that lets everyone through."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from stock_assistant_pipelines.tushare.errors import Throttled


@dataclass(slots=True)
class Permit:
    """Leave to make one call."""

    answered_at: float | None = None
    """When its answer began, by this process's monotonic clock: from then on it is certain that Tushare has counted it."""

    def answered(self) -> None:
        """Note that the answer has begun."""
        self.answered_at = time.monotonic()


class Quota(Protocol):
    """Who gives leave to call, for as long as it takes, and is told when Tushare says that it was too much."""

    def permit(self, api: str) -> AbstractContextManager[Permit]:
        """Wait until a call may be made. Raises `Throttled`, without a call, when that is not within a minute or so."""

    def throttled(self, error: Throttled) -> None:
        """Hear that Tushare refused a call: nobody asks until that is over."""


class Unlimited:
    """No quota: every call may be made at once."""

    @contextmanager
    def permit(self, api: str) -> Iterator[Permit]:
        """Let the call through."""
        yield Permit()

    def throttled(self, error: Throttled) -> None:
        """Leave the waiting to whoever made the call."""
