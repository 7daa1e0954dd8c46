"""`dividend`: plans, resolutions and what was carried out, for the very ex-dates that prices and adjustment factors follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.events import WIDTH
from stock_assistant_pipelines.sandbox.market.filings.desk import Asked, Desk, words
from stock_assistant_pipelines.sandbox.market.filings.periods import YEAR_END, year_of
from stock_assistant_pipelines.sandbox.market.listing import NEVER
from stock_assistant_pipelines.sandbox.market.noise import Bools, Floats, Ints, Stream, uniform
from stock_assistant_pipelines.sandbox.table import Table

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger

STAGES = ("预案", "股东大会通过", "实施")
DONE = len(STAGES) - 1

DOUBLE = 0.05
"""How many ex-dates pay two dividends at once: the year's, and a special one, of which the shares are no part."""

SPECIAL_SHARE = 0.3
NOTHING = 0.6
"""How many of the companies that pay nothing resolve on that."""


@dataclass(frozen=True, slots=True, eq=False)
class Plans:
    """Plans of what to pay out of a year's profit, pair by pair; sessions, `NEVER` where there is no such day."""

    stock: Ints
    quarter: Ints
    """The period that is paid for."""
    event: Ints
    """The place of the ex-date; -1 where nothing is paid."""
    share: Floats
    """Which part of the ex-date's cash it is."""
    planned: Ints
    resolved: Ints
    announced: Ints
    """The day on which the carrying out is announced."""


def dividend(desk: Desk, asked: Asked) -> Table:
    """Rows of `dividend`: old stages stay, the newest period first, and of a plan the newest stage."""
    ledger, now = desk.ledger, asked.now
    plans = _plans(ledger, asked.take(np.flatnonzero(asked.quarter % 4 == YEAR_END)))
    days = np.stack([plans.planned, plans.resolved, plans.announced], axis=1)
    plan, stage = np.nonzero(days <= now)
    order = np.lexsort((-stage, plans.stock[plan], -plans.quarter[plan]))
    plan, stage = plan[order], stage[order]
    stock, event, done = plans.stock[plan], plans.event[plan], stage == DONE
    paid = event >= 0
    payouts, sessions = ledger.payouts, payouts_session(ledger, event)
    main = plans.quarter[plan] % 4 == YEAR_END
    cash = np.where(paid, payouts.cash[event], 0.0)
    special = np.round(cash * SPECIAL_SHARE, 4)
    share = plans.share[plan]
    cash = np.round(np.where(share == 1, cash, np.where(main, cash - special, special)), 4)
    shares, bonus = (np.where(paid & main, each[event], 0.0) for each in (payouts.shares, payouts.bonus))
    ex = np.where(done, sessions, NEVER)
    return Table(
        desk.keys(stock, plans.quarter[plan])
        | {
            "ann_date": desk.days(plans.planned[plan]),  # of every stage: the day of the plan
            "div_proc": words(STAGES, stage),
            "stk_div": shares,
            "stk_bo_rate": bonus,
            "stk_co_rate": shares - bonus,
            "cash_div": np.where(done, cash, 0.0),
            "cash_div_tax": cash,
            "record_date": desk.days(np.where(done, ex - 1, NEVER)),
            "ex_date": desk.days(ex),
            "pay_date": desk.days(ex),
            "div_listdate": desk.days(np.where(shares > 0, ex, NEVER)),
            "imp_ann_date": desk.days(np.where(done, plans.announced[plan], NEVER)),
            "base_date": ledger.periods.days[plans.quarter[plan]],
            "base_share": np.where(paid, payouts.base[event] / 10_000, np.nan),
        }
    )


def payouts_session(ledger: Ledger, event: Ints) -> Ints:
    """The sessions of ex-dates by their places; never for none."""
    return np.where(event >= 0, ledger.payouts.session[event], NEVER)


def _plans(ledger: Ledger, asked: Asked) -> Plans:
    """The plans that go with annual reports, and the special ones that are paid along with them."""
    stock, quarter = asked.stock, asked.quarter
    event = _events(ledger, stock, quarter)
    filed, ids = ledger.timetable.filed[stock, quarter], ledger.stocks.ids[stock]
    some = uniform(ledger.seed, Stream.PLANNED, ids, quarter) < NOTHING
    told = (filed < NEVER) & (filed >= ledger.stocks.first[stock]) & ((event >= 0) | some)
    at = np.flatnonzero(told)
    stock, quarter, event, filed, ids = stock[at], quarter[at], event[at], filed[at], ids[at]
    paid = event >= 0
    announced = np.where(paid, payouts_session(ledger, event) - 6, NEVER)
    room = np.where(paid, announced - filed, 40)
    lead = 1 + (uniform(ledger.seed, Stream.MEETING, ids, quarter) * np.maximum(room - 2, 0)).astype(np.int64)
    resolved = np.minimum(filed + lead, ledger.stocks.last[stock] - 1)
    double = paid & (uniform(ledger.seed, Stream.SPECIAL_CASH, ids, quarter) < DOUBLE)
    double &= ledger.payouts.shares[event] == 0
    share = np.where(double, 1 - SPECIAL_SHARE, 1.0)
    more = np.flatnonzero(double)
    late = np.maximum(resolved, ledger.periods.closing[np.minimum(quarter + 1, len(ledger.periods.ends) - 1)] + 1)
    order = np.argsort(np.concatenate([np.arange(len(at)), more]), kind="stable")
    return Plans(
        stock=np.concatenate([stock, stock[more]])[order],
        quarter=np.concatenate([quarter, quarter[more] + 1])[order],
        event=np.concatenate([event, event[more]])[order],
        share=np.concatenate([share, np.full(len(more), SPECIAL_SHARE)])[order],
        planned=np.concatenate([filed, np.minimum(late, announced)[more]])[order],
        resolved=np.concatenate([resolved, np.full(len(more), NEVER)])[order],
        announced=np.concatenate([announced, announced[more]])[order],
    )


def _events(ledger: Ledger, stock: Ints, quarter: Ints) -> Ints:
    """The ex-date on which the profit of each year is paid out, by its place; -1 for none."""
    sessions, payouts = ledger.sessions, ledger.payouts
    opens = np.searchsorted(sessions.numbers, (year_of(quarter) + 1) * 10_000).astype(np.int64)
    closes = np.searchsorted(sessions.numbers, (year_of(quarter) + 2) * 10_000).astype(np.int64)
    keys = payouts.stock * WIDTH + payouts.session
    at = np.minimum(
        np.searchsorted(keys, stock * WIDTH + np.maximum(opens, ledger.stocks.first[stock] + 1)), len(keys) - 1
    )
    there: Bools = (payouts.stock[at] == stock) & (payouts.session[at] < closes) & (payouts.cash[at] > 0)
    return np.where(there, at, -1)
