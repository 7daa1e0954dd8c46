"""Kept answers: bodies with their headers, as they were sent, bounded in bytes.

Those that were asked for longest ago make room for new ones.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from api.versions import Versions

Headers = list[tuple[bytes, bytes]]

OVERHEAD = 1024
"""Bytes that an answer takes beside its body and headers, roughly."""

SHARE = 8
"""One answer takes at the most this part of the room, so that no single one drives all others out."""

OF_BODY = {b"content-length", b"content-type", b"content-encoding"}
"""What is not told without a body."""

HOURS = sorted({time(), *(hour for each in CATALOG.values() for hour in (each.published, each.due) if hour)})
"""When an answer may change without a landing: at midnight, when a dataset is published, and when it is due."""


def next_change(moment: datetime) -> datetime:
    """The first of those hours after a moment: until then the clock changes no answer."""
    here = moment.astimezone(SHANGHAI)
    today = (datetime.combine(here.date(), hour, SHANGHAI) for hour in HOURS)
    return next((at for at in today if at > here), datetime.combine(here.date() + timedelta(days=1), time(), SHANGHAI))


@dataclass(slots=True)
class Answer:
    """An answer with status 200, and what it is true of."""

    headers: Headers
    body: bytes
    tag: bytes
    datasets: frozenset[str] | None
    """What it was made from; None: anything."""
    state: str
    """The state of those that it tells."""
    until: datetime
    seen: Versions | None = field(default=None, repr=False)
    """The versions at which it was last found to hold."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers) + OVERHEAD

    def holds(self, versions: Versions, moment: datetime) -> bool:
        """Whether it would be made the same way now, but for the time in it."""
        if moment >= self.until:
            return False
        if self.seen is not versions:
            if versions.of(self.datasets) != self.state:
                return False
            self.seen = versions
        return True

    def told(self, tags: bytes) -> bool:
        """Whether a client that names these tags has it already."""
        return tags.strip() == b"*" or self.tag in (tag.strip().removeprefix(b"W/") for tag in tags.split(b","))

    @property
    def headers_alone(self) -> Headers:
        """The headers of an answer without a body."""
        return [(name, value) for name, value in self.headers if name.lower() not in OF_BODY]


class Store:
    """The answers that are kept."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.size = 0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, key: Hashable, versions: Versions, moment: datetime) -> Answer | None:
        """The answer to this question, where it holds; one that does not is dropped."""
        answer = self._answers.get(key)
        if answer is None:
            return None
        if not answer.holds(versions, moment):
            self._drop(key)
            return None
        self._answers.move_to_end(key)
        return answer

    def takes(self, size: int) -> bool:
        """Whether an answer of this size is kept at all."""
        return size + OVERHEAD <= self.room // SHARE

    def keep(self, key: Hashable, answer: Answer) -> None:
        """Keep an answer, and drop others for it."""
        self._drop(key)
        self._answers[key] = answer
        self.size += answer.size
        while self.size > self.room:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: Hashable) -> None:
        if (answer := self._answers.pop(key, None)) is not None:
            self.size -= answer.size


def header(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The value of a header; empty when there is none, joined when there are several."""
    return b",".join(value for known, value in headers if known.lower() == name)
