"""Waiting for what should happen, and saying that it did not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 600.0
"""Seconds after which something that should happen is taken not to."""


class Stuck(RuntimeError):
    """Something that should have happened did not."""


def until(
    condition: Callable[[], Any], what: str, seconds: float = PATIENCE, meanwhile: Callable[[], Any] | None = None
) -> Any:
    """Wait for a condition, and look at something `meanwhile`. Raises `Stuck` when it does not come true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Stuck(f"{what}: not within {seconds:.0f} s")
        if meanwhile:
            meanwhile()
        time.sleep(0.2)
    return value
