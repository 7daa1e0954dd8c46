"""Where filings become rows: codes, days and words in the place of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stock_assistant_pipelines.sandbox.table import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger
    from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is to be told: reports, pair by pair, as far as they were out by the end of a session."""

    stock: Ints
    quarter: Ints
    now: int
    types: frozenset[int]
    """The report types asked for."""

    def take(self, at: Ints) -> Asked:
        """Some of the reports."""
        return Asked(self.stock[at], self.quarter[at], self.now, self.types)


class Desk:
    """Writes numbers of stocks, quarters and sessions as Tushare does."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.seed = ledger.seed
        self._codes = texts(ledger.stocks.codes)
        self._numbers = {code: number for number, code in enumerate(ledger.stocks.codes)}
        self._days = texts([*ledger.sessions.days, None])

    def stocks(self, codes: Iterable[str]) -> Ints:
        """The stocks with these codes, in the order of all codes; those that are not there left out."""
        return np.array(sorted(self._numbers[code] for code in codes if code in self._numbers), dtype=np.int64)

    def ids(self, asked: Asked) -> Ints:
        """What chance is drawn for."""
        ids: Ints = self.ledger.stocks.ids[asked.stock]
        return ids

    def keys(self, stock: Ints, quarter: Ints) -> dict[str, NDArray[Any]]:
        """Whose report it is, and about which period."""
        return {"ts_code": self._codes[stock], "end_date": self.ledger.periods.days[quarter]}

    def days(self, session: Ints) -> NDArray[Any]:
        """Sessions as days; null for those that never come."""
        days: NDArray[Any] = self._days[np.minimum(session, len(self._days) - 1)]
        return days


def words(choices: Sequence[str | None], number: Ints) -> NDArray[Any]:
    """Words by their numbers."""
    chosen: NDArray[Any] = texts(choices)[number]
    return chosen


def pick(choices: Sequence[str | None], draw: Floats) -> NDArray[Any]:
    """Words by chance, each as likely as the others."""
    return words(choices, (draw * len(choices)).astype(np.int64))
