"""The balance sheet: what is owned and owed, spread over the lines of a kind of company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.accounts import SHEETS, Kind, Position
from stock_assistant_pipelines.sandbox.market.filings.course import Course, Lines, total
from stock_assistant_pipelines.sandbox.market.filings.periods import YEAR_END, place_of
from stock_assistant_pipelines.sandbox.market.noise import Ints, Stream, symmetric, uniform, wave

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 32
"""More positions than one side of a balance sheet has."""

TOTALS = {
    "accounts_receiv_bill": ("notes_receiv", "accounts_receiv"),
    "accounts_pay": ("notes_payable", "acct_payable"),
    "oth_rcv_total": ("oth_receiv",),
    "oth_pay_total": ("oth_payable",),
    "fix_assets_total": ("fix_assets",),
    "cip_total": ("cip",),
}
"""Lines of companies of industry that gather others."""


def balance(course: Course) -> Lines:
    """All lines of the balance sheet at each moment."""
    sheet, ledger, excess = SHEETS[course.kind], course.ledger, course.excess
    equity = course.equity + course.minority
    owed = _owed(course, equity)
    lines = _spread(course, equity + owed, sheet.assets, 0) | _spread(course, owed, sheet.liabilities, SIDE)
    lines[sheet.doubtful] = lines[sheet.doubtful] + excess
    for group in dict.fromkeys(position.group for position in (*sheet.assets, *sheet.liabilities) if position.group):
        lines[group] = total(
            lines, *(each.column for each in (*sheet.assets, *sheet.liabilities) if each.group == group)
        )
    if course.kind is Kind.INDUSTRY:
        lines |= {name: total(lines, *parts) for name, parts in TOTALS.items()}
    retained, capital = ledger.retained[course.who, course.at], ledger.share_capital[course.who, course.at]
    reserve = _reserve(course, retained, capital)
    return lines | {
        "total_assets": equity + owed + excess,
        "total_liab": owed,
        "total_share": capital,
        "cap_rese": ledger.paid_in[course.who, course.at] - capital,
        "surplus_rese": reserve,
        "undistr_porfit": retained - reserve + excess,
        "minority_int": course.minority,
        "total_hldr_eqy_exc_min_int": course.equity + excess,
        "total_hldr_eqy_inc_min_int": equity + excess,
        "total_liab_hldr_eqy": equity + owed + excess,
    }


def _owed(course: Course, equity: Ints) -> Ints:
    """Total liabilities: a multiple of the equity that changes slowly; more than is owned where equity is gone."""
    seed, ids = course.ledger.seed, course.ids
    low, high = SHEETS[course.kind].leverage
    leverage = low + (high - low) * uniform(seed, Stream.LEVERAGE, ids) ** 1.5
    leverage = leverage * np.exp(0.15 * wave(seed, Stream.LEVERAGE_WAVE, ids, course.at, 8))
    base = np.maximum(equity, 0.3 * course.ledger.paid_in[course.who, course.at])
    owed: Ints = np.rint(base * leverage).astype(np.int64) + np.maximum(-equity, 0)
    return owed


def _spread(course: Course, whole: Ints, positions: Sequence[Position], first: int) -> Lines:
    """Spread a total over positions; the first one takes what is left."""
    seed, ids = course.ledger.seed, course.ids[:, :, None]
    number = np.arange(first, first + len(positions), dtype=np.int64)
    low, high = (np.array([position[side] for position in positions], dtype=np.float64) for side in (1, 2))
    share = low + (high - low) * uniform(seed, Stream.ITEM, ids, number)
    share = share * (1 + 0.12 * symmetric(seed, Stream.ITEM_QUARTER, ids, course.at[:, :, None] * (2 * SIDE) + number))
    since, until = (np.array([getattr(position, word) for position in positions]) for word in ("since", "until"))
    year = course.year[:, :, None]
    amount = np.rint(np.where((since <= year) & (year <= until), share, 0.0) * whole[:, :, None]).astype(np.int64)
    amount[:, :, 0] = whole - amount[:, :, 1:].sum(axis=2)
    return {position.column: amount[:, :, n] for n, position in enumerate(positions)}


def _reserve(course: Course, retained: Ints, capital: Ints) -> Ints:
    """The statutory reserve: a tenth of the profits of whole years, up to half of the share capital."""
    closed = np.where(course.at % 4 == YEAR_END, course.at, course.at - place_of(course.at))
    tenth = np.rint(0.1 * course.ledger.earned[course.who, closed]).astype(np.int64)
    reserve: Ints = np.clip(tenth, 0, np.minimum(capital // 2, np.maximum(retained, 0)))
    return reserve
