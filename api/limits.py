"""Limits: how many requests a minute, counted in this process for each key and for each address without a key.

A bucket holds a minute's requests and fills evenly. All that is kept of one is the moment at which it will be full again.
Buckets that nobody used for longest are forgotten first, so that memory has an end: who is forgotten starts with a full one.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 60.0
"""Seconds in which an empty bucket is full again."""

BUCKETS = 10_000
"""How many are kept."""


@dataclass(frozen=True, slots=True)
class Count:
    """What is left after a request, as the fields RateLimit and RateLimit-Policy say it."""

    policy: str
    quota: int
    left: int
    full_in: int
    """Seconds until the whole quota is there again."""
    retry_in: int
    """Seconds until the next request is answered; 0: at once, and this one is."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10."""
        return [
            (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (self.policy.encode(), self.quota, WINDOW)),
            (b"ratelimit", b'"%b";r=%d;t=%d' % (self.policy.encode(), self.left, self.full_in)),
        ]


class Limiter:
    """The buckets of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, policy: str, who: str, quota: int) -> Count:
        """Take a request out of somebody's bucket, or tell when there will be one."""
        now = self._clock()
        each = WINDOW / quota
        full_at = max(self._full_at.get((policy, who), now), now)
        wait = full_at + each - now - WINDOW
        if wait > 1e-9:
            return Count(policy, quota, 0, ceil(full_at - now), max(1, ceil(wait)))
        full_at += each
        self._full_at[policy, who] = full_at
        self._full_at.move_to_end((policy, who))
        if len(self._full_at) > BUCKETS:
            self._full_at.popitem(last=False)
        return Count(policy, quota, int((WINDOW - (full_at - now)) / each + 1e-6), ceil(full_at - now), 0)
