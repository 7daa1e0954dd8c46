"""Clients that ask without a break, and what became of every request."""

from __future__ import annotations

import threading
import time
import urllib.request
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from drill.waiting import Stuck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from deploy.native.client import Client

    Ask = Callable[[str], str | None]
    """Asks for a path, and says why it was not answered as it should be. It may raise whatever it meets."""

TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    at: float
    """When it was over, on the monotonic clock."""
    seconds: float
    failure: str | None
    """What was asked and why it was not answered as it should be; None when it was."""


class Load:
    """What is asked at each turn, in each of these ways in a thread of its own, for as long as the block lasts."""

    def __init__(self, question: Callable[[int], str], ways: Sequence[Ask], pause: float = 0.0) -> None:
        self.outcomes: list[Outcome] = []
        self._question = question
        self._pause = pause
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(ask,)) for ask in ways]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let no more be asked. Raises `Stuck` when a client has not asked until now."""
        dead = sum(not thread.is_alive() for thread in self._threads)
        self._over.set()
        for thread in self._threads:
            thread.join()
        if dead and kind is None:
            raise Stuck(
                f"{dead} of {len(self._threads)} clients have not asked until the end: what they met is not counted"
            )

    @property
    def failures(self) -> list[str]:
        """Why requests were not answered."""
        return [each.failure for each in self.outcomes if each.failure is not None]

    @property
    def answered(self) -> int:
        """How many requests were answered as they should be."""
        return sum(each.failure is None for each in self.outcomes)

    def back(self, moment: float) -> float | None:
        """Seconds from a moment to the first answer after the last failure that followed it; None when there was none."""
        failed = [each.at for each in self.outcomes if each.at > moment and each.failure is not None]
        last = max(failed, default=moment)
        well = [each.at for each in self.outcomes if each.failure is None and each.at > last]
        return min(well) - moment if well else None

    def _work(self, ask: Ask) -> None:
        for turn in count():
            if self._over.is_set():
                return
            path = self._question(turn)
            began = time.monotonic()
            try:
                failure = ask(path)
            except Exception as error:  # noqa: BLE001 - whatever ends a request is its outcome, an answer that is cut off too
                failure = f"{type(error).__name__}: {error}"
            ended = time.monotonic()
            self.outcomes.append(Outcome(ended, ended - began, None if failure is None else f"{path}: {failure}"))
            time.sleep(self._pause)


def in_turn(paths: Sequence[str]) -> Callable[[int], str]:
    """One of these after the other, again and again."""
    return lambda turn: paths[turn % len(paths)]


def anew(url: str) -> str | None:
    """Ask over a connection of its own, and read the whole answer."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        response.read()
        return None if response.status == 200 else f"status {response.status}"


def kept(client: Client, bodies: Mapping[str, Any]) -> Ask:
    """Ask over the connection that a client keeps, with the body that a path has here.

    Tushare's protocol tells of a failure with the status 200.
    """

    def ask(path: str) -> str | None:
        answer = client.ask(path, bodies.get(path))
        if answer.status != 200:
            return f"status {answer.status}"
        if b'"msg":' in answer.body[:200] and answer.json()["code"] != 0:
            return answer.body[:200].decode(errors="replace")
        return None

    return ask
