"""Drain: a process that is to stop goes on answering until those who send it requests have learned that it goes.

SIGTERM begins it. `/health/ready` answers 503 from then on, so that a proxy or Kubernetes sends nothing new; every answer
closes its connection, so that what is open moves elsewhere; and when the time is over, what is under way is finished and the
process ends with 0. A second SIGTERM ends the waiting, a third what is under way.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from types import FrameType


@dataclass(slots=True)
class Drain:
    """Whether this process is about to stop."""

    seconds: float
    """For how long it goes on."""
    until: float | None = None
    """When that is over; None: it is not to stop."""

    def begin(self) -> None:
        """Begin to stop."""
        self.until = monotonic() + self.seconds

    @property
    def under_way(self) -> bool:
        """Whether it is to stop."""
        return self.until is not None

    @property
    def over(self) -> bool:
        """Whether it has gone on for long enough."""
        return self.until is not None and monotonic() >= self.until


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which would hang up on who is just about to ask."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self.drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first SIGTERM, which is then no reason to end by a signal; Ctrl-C stops at once, as ever."""
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
        elif not self.drain.under_way:
            self.drain.begin()
        elif not self.should_exit:
            self.should_exit = True
        else:
            self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look ten times a second whether it is time to stop."""
        if self.drain.over:
            self.should_exit = True
        return await super().on_tick(counter)
