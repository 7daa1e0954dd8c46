"""One quota for every worker of an account, on whatever machine: a ring of permits per interface, kept in PostgreSQL.

A permit is a row. It is taken before a call and free again one window after the answer to that call began; Tushare counts
calls when they arrive, which is before that, so no window of Tushare's ever holds more calls than there are permits. A
permit whose holder dies comes back by itself. Times are those of the database's clock.
"""

from __future__ import annotations

import hashlib
import logging
import random
import secrets
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg.rows import dict_row

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.tiers import tier
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.errors import QuotaUnavailable, Throttled, Window
from stock_assistant_pipelines.tushare.permit import Permit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from stock_assistant_pipelines.settings import Settings

LOG = logging.getLogger(__name__)

WINDOW = 60.0
"""Seconds over which Tushare counts calls."""

HORIZON = 1.0
"""How many seconds ahead a permit may be taken: enough that none lies idle, and little enough that a pause is heeded soon."""

TIMEOUT = 10
"""Seconds after which a database that does not answer counts as lost."""


def account(base_url: str, token: str) -> str:
    """A short name for who is counted by Tushare. The token cannot be found from it."""
    return hashlib.sha256(f"{base_url}\n{token}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Limits:
    """How often interfaces may be called."""

    points: int
    calls_per_minute: int | None = None
    """In place of what the points allow; an interface's own limit holds all the same."""

    def per_minute(self, api: str) -> int:
        """Calls of an interface in one window."""
        general = self.calls_per_minute or tier(self.points).calls_per_minute
        own = CATALOG[api].calls_per_minute if api in CATALOG else None
        return min(general, own or general)

    @property
    def per_day(self) -> int | None:
        """Calls of each interface in a day; None where only the minutes count."""
        return tier(self.points).calls_per_day


@dataclass(frozen=True, slots=True)
class Usage:
    """How it stands with one interface."""

    account: str
    api: str
    calls_per_minute: int
    used: int
    """Permits that are not free: calls under way, and those of the last window."""
    under_way: int
    paused_until: datetime | None
    paused_because: str | None
    calls_today: int
    calls_per_day: int | None
    urgent: bool
    """Whether somebody urgent waits, and all others let him go first."""

    @property
    def spent(self) -> bool:
        """Whether the calls of this day are made."""
        return self.calls_per_day is not None and self.calls_today >= self.calls_per_day

    @property
    def free(self) -> int:
        """Calls that could be made at once."""
        return 0 if self.paused_until or self.spent else self.calls_per_minute - self.used


@dataclass(frozen=True, slots=True)
class _Standing:
    """What was said to somebody who wanted a permit: the permit and when the call may begin, or what it is waited for."""

    slot: int | None
    wait: float | None
    paused_until: datetime | None
    pause: float | None
    paused_window: str | None
    held: float | None
    full: float | None
    calls: int


class SharedQuota:
    """The permits of one account, for one process. Threads share it; it keeps one connection of its own.

    `urgent` goes first: while an urgent caller waits for a permit, no other takes one of that interface.
    """

    def __init__(
        self,
        conninfo: str,
        account: str,
        limits: Limits,
        *,
        window: float = WINDOW,
        patience: float = 60.0,
        pause: float = 61.0,
        urgent: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect when first needed.

        A call arrives within `patience` seconds or never: so long is a permit kept without an answer, and a window more.
        `pause` is how many seconds an interface is left alone after Tushare said that the calls of its minute are used up.
        """
        self._session = _Session(conninfo)
        self._account = account
        self._limits = limits
        self._window = window
        self._patience = patience
        self._pause = pause
        self._urgent = urgent
        self._sleep = sleep
        self._queues: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._laid: set[str] = set()

    @classmethod
    def from_settings(cls, settings: Settings, conninfo: str, *, urgent: bool = False) -> Self | None:
        """The quota of the configured account; None where there is none to keep to, or no account."""
        if settings.tushare_token is None or settings.tushare_calls_per_minute == 0:
            return None
        return cls(
            conninfo,
            account(settings.tushare_base_url, settings.tushare_token.get_secret_value()),
            Limits(settings.tushare_points, settings.tushare_calls_per_minute),
            patience=2 * settings.tushare_timeout,  # connecting may take one, sending another
            pause=settings.tushare_throttle_seconds,
            urgent=urgent,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    @contextmanager
    def permit(self, api: str) -> Iterator[Permit]:
        """Wait for a permit, and give it back one window after the answer began. Without an answer its lease runs out.

        Raises `Throttled` when the calls of an hour or a day are used up, and `QuotaUnavailable` without a database.
        """
        lease = secrets.randbits(63)
        with self._queues[api]:  # one waits for all threads here: fewer questions, and less is promised ahead
            slot = self._take(api, lease)
        permit = Permit()
        try:
            yield permit
        finally:
            if permit.answered_at is not None:
                self._give_back(api, slot, lease, self._window - (time.monotonic() - permit.answered_at))

    def throttled(self, error: Throttled) -> None:
        """Pause the interface for everyone, for as long as the refusal says and no longer."""
        now: datetime = self._rows(error.api, "now")[0]["now"]
        wait = timedelta(seconds=self._pause) if error.window is Window.MINUTE else error.wait(now)
        self._rows(error.api, "pause", until=now + wait, pause=error.window.value, because=error.message)

    def _take(self, api: str, lease: int) -> int:
        """Take a permit as soon as there is one, and wait until its call may begin."""
        while True:
            standing = self._ask(api, lease)
            if standing.slot is None:
                self._sleep(self._delay(api, standing))
                continue
            assert standing.wait is not None
            if standing.wait > 0:
                self._wait(api, standing.slot, lease, standing.wait)
            return standing.slot

    def _wait(self, api: str, slot: int, lease: int, seconds: float) -> None:
        """Wait for a permit that was taken ahead. Whoever is interrupted leaves it as it was."""
        begin = time.monotonic() + seconds
        try:
            self._sleep(seconds)
        except BaseException:
            self._give_back(api, slot, lease, begin - time.monotonic())
            raise

    def _ask(self, api: str, lease: int) -> _Standing:
        """Ask for a permit once. The first time, and when it is gone, the ring of the interface is laid."""
        slots = self._limits.per_minute(api)
        words = {
            "slots": slots,
            "per_day": self._limits.per_day,
            "urgent": self._urgent,
            "horizon": HORIZON,
            "span": self._window,
            "hold": self._patience + self._window,
            "lease": lease,
        }
        rows = self._rows(api, "take", **words) if api in self._laid else []
        while not rows:
            self._rows(api, "lay", slots=slots, per_day=self._limits.per_day)
            self._laid.add(api)
            rows = self._rows(api, "take", **words)
        return _Standing(**rows[0])

    def _delay(self, api: str, standing: _Standing) -> float:
        """How long to wait before asking again. No two wait alike, so that they do not come all at once.

        Raises `Throttled` when it would be an hour or a day.
        """
        some = random.random()  # noqa: S311 - nothing secret
        if standing.pause is not None:
            assert standing.paused_until is not None
            window = Window(standing.paused_window or Window.MINUTE)
            if window is not Window.MINUTE:
                until = f"{standing.paused_until.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
                raise Throttled(api, window, f"the calls of this {window} are used up until {until}, Shanghai time")
            return standing.pause + 0.1 * some
        if self._limits.per_day is not None and standing.calls >= self._limits.per_day:
            made = f"its {self._limits.per_day:,} calls of today are made"
            raise Throttled(api, Window.DAY, f"{made}: it is asked again after midnight, Shanghai time")
        if standing.held is not None:
            return standing.held + 0.02 + 0.1 * some
        return max((standing.full or 0) - HORIZON * (0.5 + 0.5 * some), 0.01)

    def _give_back(self, api: str, slot: int, lease: int, seconds: float) -> None:
        """Say from when on a permit is free again. Without a database its lease runs out: the answer is worth more."""
        try:
            self._rows(api, "give", slot=slot, lease=lease, seconds=max(seconds, 0.0))
        except QuotaUnavailable as error:
            LOG.warning("%s: a permit is not given back, and comes back by itself", error)

    def _rows(self, api: str, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run one of the statements for an interface."""
        try:
            return self._session.rows(name, {"account": self._account, "api": api, **values})
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
        raise QuotaUnavailable(api, f"the quota cannot be asked, so no call is made: PostgreSQL: {reason}")


class _Session:
    """One connection, opened when it is needed, and again when it was lost. Statements run one after the other."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._lock = threading.Lock()

    def rows(self, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        """Run a statement by itself and return its rows; on a new connection when the old one was lost."""
        with self._lock:
            try:
                return self._run(name, values)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._drop()
                return self._run(name, values)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _run(self, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = _connect(self._conninfo)
        cursor = self._connection.execute(_statement(name), values)
        return cursor.fetchall() if cursor.description else []

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(conninfo: str) -> psycopg.Connection[dict[str, Any]]:
    """Connect for single statements, which do not wait for the disk: what a crash forgets is some calls of a moment."""
    connection = psycopg.connect(
        conninfo,
        autocommit=True,
        row_factory=dict_row,
        application_name="stock-assistant quota",
        connect_timeout=TIMEOUT,
        tcp_user_timeout=TIMEOUT * 1000,
    )
    connection.execute("set synchronous_commit to off")
    return connection


@cache
def _statement(name: str) -> bytes:
    """A statement from `tushare/sql/NAME.sql`."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_bytes()


def usage(conninfo: str, account: str | None = None) -> list[Usage]:
    """How it stands with each interface that was asked, of one account or of all."""
    with _connect(conninfo) as connection:
        rows = [Usage(**row) for row in connection.execute(_statement("usage"))]
    return [row for row in rows if account in {None, row.account}]
