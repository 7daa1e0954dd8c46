"""Keys: who may ask. All keys that are good are kept in memory, so that a request is let in without asking the database.

A key that was just made is found within `AGAIN` seconds; one that is revoked is refused by every process within `AGED`
seconds. While the database does not answer, the keys that are known stay good for `LOST` seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api import problems
from api.limits import Limiter
from api.problems import Problem
from stock_assistant_pipelines.warehouse.keys import PREFIX, digest

if TYPE_CHECKING:
    from fastapi import Request

    from api.access import Origin
    from api.database import Database
    from api.limits import Count

LOG = logging.getLogger(__name__)

FRESH, AGED, LOST = 5.0, 10.0, 60.0
"""Seconds: older than the first, the keys are read again beside the request; than the second, before it; than the third, no
key is believed any more."""

AGAIN = 1.0
"""Seconds between two readings for the sake of unknown keys, or after one that failed: guessing does not load the database."""

LONGEST = 256
"""Bytes of what may be a key."""

QUERY = "select hash, name, per_minute, expires_at from api_keys()"
CHALLENGE = 'Bearer realm="stock-assistant"'


@dataclass(frozen=True, slots=True)
class Key:
    """Somebody who may ask. Without a name: a program of this machine, which needs no key."""

    name: str | None
    per_minute: int | None = None
    """Its own limit; None: the one for all; 0: none."""
    expires_at: datetime | None = None


KEYLESS = Key(None)


@dataclass(slots=True)
class Visit:
    """What is known of a request while it is answered."""

    id: str
    """The request's id, in its answer and in the log."""
    origin: Origin | None = None
    key: Key | None = None
    """Who asks; None while nobody was let in."""
    count: Count | None = None
    problem: str | None = None
    """The kind of problem that it was answered by."""


class KeyRing:
    """The keys that are good, as they were last read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[bytes, Key] = {}
        self._read_at = self._tried_at = -LOST
        self._reading: asyncio.Task[None] | None = None
        self._failure: Problem | None = None

    async def find(self, key: bytes) -> Key | None:
        """The key that this is; None when it is none that is good. Raises `Problem` when the keys cannot be read."""
        if len(key) > LONGEST:
            return None
        if self._age > AGED:
            await self._read()
        elif self._age > FRESH:
            self._begin()
        name = digest(key)
        if name not in self._keys and self._age > AGAIN:
            await self._read()
        found = self._keys.get(name)
        if found is None or (found.expires_at is not None and found.expires_at <= datetime.now(UTC)):
            return None
        return found

    async def look(self) -> int:
        """How many keys are known, at most `AGED` seconds old. Raises `Problem` when they cannot be read."""
        if self._age > FRESH:
            await self._read()
        if self._failure is not None:
            raise self._failure
        return len(self._keys)

    @property
    def _age(self) -> float:
        return time.monotonic() - self._read_at

    async def _read(self) -> None:
        """Read the keys, all who wait together. Keys that are read already are good for a while when that fails."""
        if (task := self._begin()) is not None:
            await asyncio.shield(task)
        if self._failure is not None and self._age > LOST:
            raise self._failure

    def _begin(self) -> asyncio.Task[None] | None:
        """Begin to read, unless somebody does, or it failed a moment ago."""
        if self._reading is not None and not self._reading.done():
            return self._reading
        if self._failure is not None and time.monotonic() - self._tried_at < AGAIN:
            return None
        self._reading = asyncio.create_task(self._load())
        return self._reading

    async def _load(self) -> None:
        self._tried_at = began = time.monotonic()
        try:
            rows = await self._database.fetch(QUERY)
        except Problem as problem:
            LOG.warning("the keys could not be read: %s", problem.detail)
            self._failure = problem
            return
        self._keys = {row["hash"]: Key(row["name"], row["per_minute"], row["expires_at"]) for row in rows}
        self._read_at, self._failure = began, None


class Admission:
    """Who is let in, and how often."""

    def __init__(self, database: Database, per_minute: int) -> None:
        self.ring = KeyRing(database)
        self.limiter = Limiter()
        self.per_minute = per_minute

    async def admit(self, visit: Visit, token: str | None) -> Key:
        """Let somebody in by a key, or without one where none is needed, and count it. Raises `Problem`."""
        assert visit.origin is not None
        if token:
            key = await self.ring.find(token.encode("utf-8", "surrogatepass"))
            if key is None:
                self.count(visit)
                raise refused(
                    "No key of this server is like the one that was sent: it may be revoked or expired.",
                    "invalid_token",
                )
        elif visit.origin.keyless:
            key = KEYLESS
        else:
            self.count(visit)
            raise refused(
                "Send your key: `Authorization: Bearer KEY`, or `X-API-Key: KEY`. `stock-assistant keys create NAME` makes one."
            )
        self.count(visit, key)
        visit.key = key
        return key

    def count(self, visit: Visit, key: Key = KEYLESS) -> None:
        """Count a request for its key, or, without one, for its address. Raises `Problem` when that was one too many."""
        assert visit.origin is not None
        quota = self.per_minute if key.per_minute is None else key.per_minute
        if quota == 0:
            return
        policy, who = ("key", key.name) if key.name else ("address", visit.origin.bucket)
        visit.count = self.limiter.take(policy, who, quota)
        if visit.count.retry_in:
            raise Problem(
                problems.RATE_LIMITED,
                f"This {policy} may make {quota:,} requests a minute. Ask again in {visit.count.retry_in} s.",
                retry_after=visit.count.retry_in,
                limit=quota,
            )


def refused(detail: str, error: str | None = None) -> Problem:
    """Nobody is let in: 401, with the challenge that says how."""
    problem = Problem(problems.UNAUTHENTICATED, detail)
    problem.headers["WWW-Authenticate"] = f'{CHALLENGE}, error="{error}"' if error else CHALLENGE
    return problem


async def admit(request: Request, token: str | None) -> Key:
    """Let in who sends his key in the body, as Tushare's protocol does. Raises `Problem`.

    A program of this machine that needs no key may send any token: the one in its code is Tushare's. One that looks like a key
    of ours has to be one.
    """
    admission: Admission = request.app.state.admission
    visit: Visit = request.state.visit
    if visit.key is not None:  # let in by a header
        return visit.key
    assert visit.origin is not None
    if visit.origin.keyless and token is not None and not token.startswith(PREFIX):
        token = None
    return await admission.admit(visit, token)


def count(request: Request) -> None:
    """Count a request of whom nobody has let in yet, for its address. Raises `Problem` when that was one too many."""
    visit: Visit = request.state.visit
    if visit.key is None:
        request.app.state.admission.count(visit)
