"""Readers of the API that ask without a break, and what became of every request."""

from __future__ import annotations

import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from drill.waiting import Stuck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READERS = 4
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    at: float
    """When it was over, on the monotonic clock."""
    seconds: float
    failure: str | None
    """Why it was not answered as it should be; None when it was."""


class Load:
    """What readers asked, each for the URL of its next turn, and how it went."""

    def __init__(self, url: Callable[[int], str], pause: float = 0.0) -> None:
        self.outcomes: list[Outcome] = []
        self._url = url
        self._pause = pause
        self._over = threading.Event()

    @property
    def failures(self) -> list[str]:
        """Why requests were not answered."""
        return [each.failure for each in self.outcomes if each.failure is not None]

    def back(self, moment: float) -> float:
        """Seconds from a moment to the first answer after the last failure that followed it."""
        failed = [each.at for each in self.outcomes if each.at > moment and each.failure is not None]
        well = [each.at for each in self.outcomes if each.failure is None and each.at > max(failed, default=moment)]
        return min(well, default=float("inf")) - moment

    @contextmanager
    def running(self, readers: int = READERS) -> Iterator[None]:
        """Ask for as long as the block lasts. Raises `Stuck` when a reader has not asked until its end."""
        threads = [threading.Thread(target=self._read) for _ in range(readers)]
        for thread in threads:
            thread.start()
        try:
            yield
            dead = sum(not thread.is_alive() for thread in threads)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        if dead:
            raise Stuck(f"{dead} of {readers} readers have not asked until the end: what they met is not counted")

    def _read(self) -> None:
        for turn in count(1):
            if self._over.is_set():
                return
            url, began = self._url(turn), time.monotonic()
            failure = _failure(url)
            self.outcomes.append(Outcome(ended := time.monotonic(), ended - began, failure))
            time.sleep(self._pause)


def _failure(url: str) -> str | None:
    """Ask, and read the whole answer; why there was none."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            response.read()
            return None if response.status == 200 else f"{url}: status {response.status}"
    except Exception as error:  # noqa: BLE001 - whatever ends a request is its outcome, an answer that is cut off too
        return f"{url}: {type(error).__name__}: {error}"
