"""Workers of one account, each with a connection of its own as if on a machine of its own, and what they told."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg

from stock_assistant_pipelines.tushare.quota import Limits, SharedQuota, Usage, usage
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stock_assistant_pipelines.warehouse.database import Database


class Waited(Exception):
    """A worker was about to wait."""


def no_waiting(seconds: float) -> None:
    """Raise instead of waiting."""
    raise Waited(seconds)


@dataclass
class Account:
    """An account at Tushare that nobody else uses, and the database where its quota is kept."""

    database: Database
    name: str = field(default_factory=lambda: uuid4().hex[:12])

    @property
    def conninfo(self) -> str:
        return conninfo(self.database.url)

    @contextmanager
    def worker(self, calls: int | None = None, *, points: int = 5000, **words: Any) -> Iterator[SharedQuota]:
        """A worker who may make so many calls in a window, which is short."""
        words = {"window": 0.3, "patience": 0.3, "pause": 0.3, **words}
        with SharedQuota(self.conninfo, self.name, Limits(points, calls), **words) as quota:
            yield quota

    def usage(self, api: str = "daily") -> Usage:
        """How it stands with an interface."""
        return next(row for row in usage(self.conninfo, self.name) if row.api == api)

    def change(self, statement: str) -> None:
        """Change what is kept, as time would."""
        with psycopg.connect(self.conninfo) as connection:
            connection.execute(statement.encode(), {"account": self.name})


def call(quota: SharedQuota, api: str = "daily") -> None:
    """Make a call that is answered at once."""
    with quota.permit(api) as permit:
        permit.answered()


@contextmanager
def together(*jobs: Callable[[], None]) -> Iterator[None]:
    """Do these in threads of their own while the block runs, and wait for them. Raises what the first of them raised."""
    failures: list[Exception] = []

    def do(job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as failure:  # noqa: BLE001 - raised below, in the thread of the test  # noqa: BLE001 - it is raised where the threads are waited for
            failures.append(failure)

    threads = [threading.Thread(target=do, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
