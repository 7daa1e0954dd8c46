"""The service that backs up: it receives WAL without a pause, dumps and copies each night, and restores once a week.

What is due is read from what there is, so that a start anew neither forgets a night nor does it twice. What failed is tried
again after a while.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import psycopg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import status, wal
from stock_assistant_pipelines.backup.programs import BackupFailed
from stock_assistant_pipelines.backup.receiver import Receiver, due
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.embedded import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.keeper import Keeper

PAUSE = 5.0
"""Seconds between two looks."""

AGAIN = timedelta(minutes=30)
"""After which what failed is tried again."""

TOLD_EVERY = timedelta(minutes=1)
"""How often it is written down how far the WAL is."""

WEEK = timedelta(days=6, hours=12)
"""The restore test is due after the night's backups, a week later or a few hours less."""

LOG = logging.getLogger(__name__)


@dataclass
class Service:
    """One look after the other; `look` is one of them. WAL does not wait for a backup that is being made."""

    keeper: Keeper
    url: URL
    receiver: Receiver = field(init=False)

    def __post_init__(self) -> None:
        self.receiver = Receiver(self.url, self.keeper.store, self.keeper.seal, self.keeper.programs)

    def run(self) -> None:
        """Look until stopped, and see to the WAL beside it. What nobody expected of either ends the service."""
        self._attempt(self.keeper.store.clear)
        self._attempt(lambda: self.receive(calendar.now()))  # before the first base backup, which needs the WAL since
        stopped = Event()
        with ThreadPoolExecutor(1, thread_name_prefix="wal") as beside:
            receiving = beside.submit(self._receive_until, stopped)
            try:
                while not receiving.done():
                    self.look(calendar.now())
                    time.sleep(PAUSE)
            finally:
                stopped.set()
        receiving.result()

    def look(self, moment: datetime) -> None:
        """Do what is due. What fails is in the log and the status file, and does not stop the service."""
        night = last_night(moment, self.keeper.settings.backup_at)
        for kind, since, act in (
            ("dump", night, lambda: self.keeper.dump(self.url)),
            ("base", moment if due(self.keeper.store) else night, lambda: self.keeper.base(self.url)),
            ("restore_test", night - WEEK, self.keeper.rehearse),
        ):
            if self._due(kind, since, moment) and (kind != "restore_test" or self.keeper.seal.opens):
                self._attempt(act)
        self._attempt(self.keeper.hand_on)

    def _due(self, kind: str, since: datetime, moment: datetime) -> bool:
        """Whether nothing of a kind has ended well since then, nor failed just now."""
        known = [each for each in status.results(self.keeper.status) if each.kind == kind]
        if any(not each.ok and each.moment > moment - AGAIN for each in known):
            return False
        return not any(each.ok and each.moment >= since for each in known)

    def _receive_until(self, stopped: Event) -> None:
        try:
            while not stopped.is_set():
                self._attempt(lambda: self.receive(calendar.now()))
                stopped.wait(PAUSE)
        finally:
            self.receiver.stop()

    def receive(self, moment: datetime) -> None:
        """Keep the receiver running, and move what is whole; write down how far it is now and then, and what went wrong."""
        known = [each for each in status.results(self.keeper.status) if each.kind == "wal"]
        fresh = any(each.ok and each.moment > moment - TOLD_EVERY for each in known)
        if fresh and self.receiver.runs and not wal.whole(self.keeper.store):
            return
        with status.doing(self.keeper.status, "wal") as doing:
            try:
                behind = self.receiver.keep()
            finally:
                wal.keep(self.keeper.store, self.keeper.seal)
            doing.bytes, doing.detail = behind, f"{behind} bytes of WAL are not here yet"
            if due(self.keeper.store):
                doing.detail += "; it is received anew, and leads back once a base backup has been made"

    def _attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (BackupFailed, ServerError, psycopg.Error, OSError) as error:
            LOG.error("%s", error)


def last_night(moment: datetime, at: str) -> datetime:
    """The last time that the clock in Shanghai showed this hour and minute."""
    hour, minute = map(int, at.split(":"))
    night = moment.astimezone(SHANGHAI).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return night if night <= moment else night - timedelta(days=1)
