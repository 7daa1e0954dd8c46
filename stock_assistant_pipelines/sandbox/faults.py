"""Misbehaviour on request: what the real service is known to do wrong, and when to do it.

A specification is `name:selector=value:…`, such as `half:api=daily:day=20251218:times=1`.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from stock_assistant_pipelines.protocol.interfaces import HOMES, INTERFACES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stock_assistant_pipelines.protocol.query import Query

KINDS = {
    "http_502": "HTTP 502 from the gateway, no JSON",
    "html": "HTTP 200 with an HTML page",
    "timeout": "the answer is held for `seconds`",
    "reset": "the connection is closed without an answer",
    "half": "every second row is missing",
    "yesterday": "the rows of the trading day before, under their own day",
    "stale": "the rows of the trading day before, relabelled as the day that was asked for",
    "empty": "no rows",
    "throttle": "refused: too many calls per minute",
    "throttle_hour": "refused: too many calls per hour",
    "throttle_day": "refused: too many calls per day",
    "permission": "refused: no permission for the interface",
    "bad_token": "refused: wrong token",
    "malformed": "the JSON is cut off",
    "drop_field": "the last field is missing",
    "null_data": "code 0, data null",
}
"""Every fault and what it does."""


class FaultError(ValueError):
    """A specification cannot be read. The message says what it takes."""


@dataclass(frozen=True)
class Misbehaviour:
    """One kind of misbehaviour and when it befalls a call; a server says which kinds and selectors it knows."""

    KINDS: ClassVar[Mapping[str, str]]
    READERS: ClassVar[Mapping[str, Callable[[str], Any]]]
    HELD: ClassVar[frozenset[str]]
    """The kinds for which `seconds` says something."""

    kind: str
    after: int = 0
    """So many matching calls are spared first."""
    times: int | None = None
    """So many times, then never again."""
    every: int = 1
    """Only each so-manieth matching call."""
    seconds: float = 60.0
    """How long a kind that holds something holds it."""

    @classmethod
    def parse(cls, spec: str) -> Self:
        """Read a specification. Raises `FaultError`."""
        kind, *selectors = spec.strip().split(":")
        if kind not in cls.KINDS:
            raise FaultError(f"`{kind}` is no fault; there are {', '.join(cls.KINDS)}")
        values: dict[str, Any] = {}
        for selector in selectors:
            name, equals, text = selector.partition("=")
            if not equals or name not in cls.READERS:
                raise FaultError(
                    f"`{selector}` in `{spec}` is no selector; there are {', '.join(f'{each}=' for each in cls.READERS)}"
                )
            try:
                values[name] = cls.READERS[name](text)
            except ValueError as error:
                raise FaultError(f"`{selector}` in `{spec}`: {error}") from None
        return cls(kind, **values)

    def selected(self) -> dict[str, object]:
        """The selectors that say which calls, besides how often; None where one says nothing."""
        return {}

    def __str__(self) -> str:
        """The specification it was read from, in one fixed order."""
        selectors = {**self.selected(), "after": self.after or None, "times": self.times}
        selectors["every"] = self.every if self.every > 1 else None
        selectors["seconds"] = self.seconds if self.kind in self.HELD else None
        return ":".join([self.kind, *(f"{name}={value}" for name, value in selectors.items() if value is not None)])


def _api(text: str) -> str:
    if text not in INTERFACES:
        raise ValueError(f"not in the catalog, which has {', '.join(INTERFACES)}")
    return text


def _day(text: str) -> str:
    if not (len(text) == 8 and text.isdecimal()):
        raise ValueError("takes a day as YYYYMMDD")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("takes a whole number above zero")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < 86_400:
        raise ValueError("takes seconds, such as 2.5")
    return seconds


OFTEN: Mapping[str, Callable[[str], Any]] = {
    "after": _positive,
    "times": _positive,
    "every": _positive,
    "seconds": _seconds,
}
"""The selectors that every server knows."""


@dataclass(frozen=True)
class Fault(Misbehaviour):
    """What befalls calls of Tushare's interface."""

    KINDS = KINDS
    READERS: ClassVar[Mapping[str, Callable[[str], Any]]] = {"api": _api, "day": _day, **OFTEN}
    HELD = frozenset({"timeout"})

    api: str | None = None
    """Only calls of this interface, or of the one that asks it for the whole market."""
    day: str | None = None
    """Only calls whose parameters cover this day, `YYYYMMDD`."""

    def matches(self, api: str, query: Query) -> bool:
        """Whether a call is one of those it befalls, leaving `after`, `every` and `times` aside."""
        return self.api in {None, api, HOMES.get(api)} and (self.day is None or query.covers(self.day))

    def selected(self) -> dict[str, object]:
        """Interface and day."""
        return {"api": self.api, "day": self.day}


F = TypeVar("F", bound=Misbehaviour)


class Faults(Generic[F]):
    """The faults in force, and how often each was met. A call meets one fault at the most: the first that is due."""

    def __init__(self, kind: type[F], specs: Iterable[str] = ()) -> None:
        self.kind = kind
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._active: dict[int, F] = {}
        self._seen: dict[int, int] = {}
        self._fired: dict[int, int] = {}
        self.add(*specs)

    def add(self, *specs: str) -> list[int]:
        """Put faults in force and return their numbers; none when one of them cannot be read. Raises `FaultError`."""
        faults = [self.kind.parse(spec) for spec in specs]
        with self._lock:
            numbers = [next(self._ids) for _ in faults]
            for number, fault in zip(numbers, faults, strict=True):
                self._active[number], self._seen[number], self._fired[number] = fault, 0, 0
        return numbers

    def clear(self, number: int | None = None) -> None:
        """Heal one fault, or all of them."""
        with self._lock:
            for known in [number] if number is not None else list(self._active):
                self._active.pop(known, None)

    def due(self, matches: Callable[[F], bool]) -> F | None:
        """The fault that befalls a call, if any; it is counted as met."""
        with self._lock:
            for number, fault in self._active.items():
                if not matches(fault) or (fault.times is not None and self._fired[number] >= fault.times):
                    continue
                self._seen[number] += 1
                met = self._seen[number] - fault.after
                if met > 0 and met % fault.every == 0:
                    self._fired[number] += 1
                    return fault
        return None

    def report(self) -> list[dict[str, Any]]:
        """Every fault in force: number, specification, matching calls seen, times fired."""
        with self._lock:
            return [
                {"id": number, "spec": str(fault), "seen": self._seen[number], "fired": self._fired[number]}
                for number, fault in self._active.items()
            ]
