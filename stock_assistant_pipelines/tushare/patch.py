"""Which days with missing keys to ask for whole, and which codes to ask for by themselves, so that the calls are fewest.

Both are calls that cover missing keys: a day covers all of its own, a bundle of codes over a range covers theirs. The days
that would cost most by code are taken whole, as many as is cheapest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from dataclasses import dataclass, field
from math import ceil, fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

EFFORT = 1_000_000
"""How many keys are placed while splits are weighed: as many splits as that allows, and four at the least."""


@dataclass(slots=True)
class Bundle:
    """Codes that are asked for together, over the trading days from the first to the last one that is wanted."""

    newest: int
    """The position of its newest day among the trading days."""
    oldest: int = 0
    days: list[date] = field(default_factory=list)
    """Those on which one of the codes is wanted, newest first."""
    codes: dict[str, None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows its answer has at the most."""
        return len(self.codes) * (self.newest - self.oldest + 1)

    def add(self, code: str, day: date, position: int) -> None:
        """Want this code on this day, which is not newer than those before."""
        self.codes[code] = None
        self.oldest = position
        if not self.days or self.days[-1] != day:
            self.days.append(day)


@dataclass(frozen=True, slots=True)
class Split:
    """Days that are asked for whole, and bundles of codes for the others."""

    whole: frozenset[date]
    bundles: tuple[Bundle, ...]
    calls: int
    rows: int

    @property
    def cost(self) -> tuple[int, int]:
        """Fewer calls are better, then fewer rows."""
        return self.calls, self.rows


@dataclass(frozen=True)
class Patching:
    """Days that lack some keys, and what asking for them costs."""

    missing: Mapping[date, frozenset[str]]
    """The codes that each day lacks."""
    sizes: Mapping[date, int]
    """The rows of each day when it is whole."""
    pages: Mapping[date, int]
    """The answers that takes."""
    several: int
    """How many codes one call takes."""
    cap: int
    """How many rows one answer holds."""
    trading_days: Sequence[date]

    def cheapest(self) -> Split:
        """The split that takes the fewest calls, and of those the fewest rows."""
        order = self._dearest_first()
        best = self._split(order, len(order))
        distinct: set[str] = set()
        bounds = [0] * (len(order) + 1)
        for at in range(len(order) - 1, -1, -1):
            distinct |= self.missing[order[at]]
            bounds[at] = ceil(len(distinct) / self.several)
        whole = [0]
        for day in order:
            whole.append(whole[-1] + self.pages[day])
        for at in self._cuts(len(order)):
            if whole[at] + bounds[at] <= best.calls:
                best = min(best, self._split(order, at), key=lambda split: split.cost)
        return best

    def _dearest_first(self) -> list[date]:
        """The days by what they would cost by code: a code that several days lack costs each of them a share."""
        spread = Counter(code for codes in self.missing.values() for code in codes)
        share = {day: fsum(1 / spread[code] for code in codes) / self.pages[day] for day, codes in self.missing.items()}
        return sorted(self.missing, key=lambda day: (-share[day], -day.toordinal()))

    def _split(self, order: Sequence[date], at: int) -> Split:
        """Take the first `at` days whole, and the others by code."""
        bundles = self._bundles(order[at:])
        return Split(
            whole=frozenset(order[:at]),
            bundles=tuple(bundles),
            calls=sum(self.pages[day] for day in order[:at]) + len(bundles),
            rows=sum(self.sizes[day] for day in order[:at]) + sum(bundle.rows for bundle in bundles),
        )

    def _bundles(self, days: Sequence[date]) -> list[Bundle]:
        """Bundle the codes that these days lack, newest first: each code into the bundle that has it, or has room for it."""
        bundles: list[Bundle] = []
        having: dict[str, Bundle] = {}
        roomy: deque[Bundle] = deque()
        for day in sorted(days, reverse=True):
            position = bisect_left(self.trading_days, day)
            for code in sorted(self.missing[day]):
                bundle = having.get(code)
                if bundle is None or not self._fits(bundle, position, len(bundle.codes)):
                    bundle = self._with_room(roomy, position)
                    if bundle is None:
                        bundle = Bundle(newest=position)
                        bundles.append(bundle)
                        roomy.append(bundle)
                    having[code] = bundle
                bundle.add(code, day, position)
        return bundles

    def _with_room(self, roomy: deque[Bundle], position: int) -> Bundle | None:
        """A bundle that takes another code back to this day; those that do not will not for an older day either."""
        while roomy:
            if len(roomy[0].codes) < self.several and self._fits(roomy[0], position, len(roomy[0].codes) + 1):
                return roomy[0]
            roomy.popleft()
        return None

    def _fits(self, bundle: Bundle, position: int, codes: int) -> bool:
        return codes * (bundle.newest - position + 1) <= self.cap

    def _cuts(self, days: int) -> Iterator[int]:
        """Where the order of so many days is cut in two: all to the right of the cut are asked for by code."""
        keys = sum(map(len, self.missing.values()))
        step = ceil(days / max(4, EFFORT // keys))
        yield from range(days - step, 0, -step)
        yield 0
