"""A worker of the benchmark of the quota: calls some interfaces, as often as its limiter lets it, until the time is over."""

from __future__ import annotations

import math
import resource
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from pydantic import SecretStr
from pyrate_limiter import Limiter, PostgresBucket, Rate

from stock_assistant_pipelines.settings.tushare import SANDBOX_TOKEN
from stock_assistant_pipelines.tushare.errors import Throttled
from stock_assistant_pipelines.tushare.permit import Permit
from stock_assistant_pipelines.tushare.quota import Limits, SharedQuota
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from stock_assistant_pipelines.tushare.permit import Quota

CHEAP = {"ts_code": "600000.SH", "trade_date": "20251218"}
"""One row of one day: what is measured is the quota, not the market."""


class Over(BaseException):
    """The time is over: whoever waits need wait no longer. No limiter takes it for an error of a call."""


@dataclass
class Task:
    """What a worker does."""

    url: str
    conninfo: str
    apis: tuple[str, ...]
    limiter: str
    points: int
    calls: int
    """How many of each interface a window allows."""
    window: float
    patience: float
    threads: int
    """Threads for each interface."""
    until: float = math.inf
    """On the clock that all processes of a machine share."""

    def wait(self, seconds: float) -> None:
        """Sleep, unless that would be for longer than there is time."""
        if time.monotonic() + seconds >= self.until:
            raise Over
        time.sleep(seconds)


class Pool:
    """The part of a pool that the library uses: a connection for each thread, and a transaction for as long as it is held."""

    closed = False

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._own = threading.local()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """This thread's connection, in a transaction."""
        if not hasattr(self._own, "connection"):
            self._own.connection = psycopg.connect(self._conninfo)
            self._own.connection.execute("set synchronous_commit to off")
        connection: psycopg.Connection[tuple[Any, ...]] = self._own.connection
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

    def close(self) -> None:
        """Leave the connections to the end of the process."""


class Library:
    """pyrate-limiter as a quota: a bucket, and so a table, for each interface."""

    def __init__(self, task: Task) -> None:
        self._task = task
        pool = Pool(task.conninfo)
        rate = Rate(task.calls, int(task.window * 1000))
        self._limiters = {api: Limiter(PostgresBucket(pool, f"bench_{api}", [rate])) for api in (*task.apis, "warm_up")}

    @contextmanager
    def permit(self, api: str) -> Iterator[Permit]:
        """Wait for leave. Nothing is given back: the window counts from here."""
        try:
            self._limiters[api].try_acquire("call", timeout=self._timeout())
        except TimeoutError:
            raise Over from None
        yield Permit()

    def _timeout(self) -> float:
        return max(self._task.until - time.monotonic(), 0.001) if math.isfinite(self._task.until) else -1

    def throttled(self, error: Throttled) -> None:
        """Go on: the library has no word for it."""

    def close(self) -> None:
        """Stop the threads that clean the tables up, and close the connections."""
        for limiter in self._limiters.values():
            limiter.close()


class Nothing:
    """No limiter: whoever is refused asks again at once."""

    @contextmanager
    def permit(self, api: str) -> Iterator[Permit]:
        """Let the call through."""
        yield Permit()

    def throttled(self, error: Throttled) -> None:
        """Go on."""


def quota(task: Task) -> Quota:
    """The limiter of a task."""
    match task.limiter:
        case "ours":
            return SharedQuota(
                task.conninfo,
                "bench",
                Limits(task.points),
                window=task.window,
                patience=task.patience,
                pause=task.window,
                sleep=task.wait,
            )
        case "library":
            return Library(task)
        case _:
            return Nothing()


def work(task: Task, pipe: Connection) -> None:
    """Say when everything is ready, hear until when to call, and call; then tell how many calls were made, and the
    processor time of all that.
    """
    counts = [0] * (len(task.apis) * task.threads)
    limiter = quota(task)
    with Transport(SecretStr(SANDBOX_TOKEN), task.url, connections=len(counts), quota=limiter) as transport:
        with limiter.permit("warm_up"):
            pipe.send(None)
        task.until = pipe.recv()
        threads = [
            threading.Thread(target=_call, args=(task, transport, task.apis[at % len(task.apis)], counts, at))
            for at in range(len(counts))
        ]
        began = resource.getrusage(resource.RUSAGE_SELF)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended = resource.getrusage(resource.RUSAGE_SELF)
    cpu = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    pipe.send((sum(counts), cpu))


def _call(task: Task, transport: Transport, api: str, counts: list[int], at: int) -> None:
    """Ask one interface again and again, and count."""
    try:
        while time.monotonic() < task.until:
            try:
                transport.page(api, CHEAP, ("ts_code",))
                counts[at] += 1
            except Throttled:
                pass  # the sandbox has counted it
    except Over:
        pass
