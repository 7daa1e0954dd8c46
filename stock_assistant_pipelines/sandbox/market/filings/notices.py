"""What companies tell before they report: forecasts of the profit, preliminary figures, and the day they plan to report on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.desk import Asked, Desk, pick, words
from stock_assistant_pipelines.sandbox.market.filings.periods import COUNT, YEAR_END
from stock_assistant_pipelines.sandbox.market.filings.statements import reports
from stock_assistant_pipelines.sandbox.market.filings.timetable import Fate
from stock_assistant_pipelines.sandbox.market.listing import NEVER
from stock_assistant_pipelines.sandbox.market.noise import Bools, Floats, Ints, Stream, symmetric, uniform
from stock_assistant_pipelines.sandbox.table import Table, texts

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger

FORECASTS = np.array([0.06, 0.22, 0.12, 0.45])
"""How many companies forecast which quarter of the year's; those that make a loss nearly all forecast the annual one."""

WITH_LAST_REPORT = 0.2
"""How many of the forecasts come with the report before, when the period is not over."""

REVISED = 0.1
EXPRESSED = {1: 0.04, 3: 0.3}
"""How many companies tell preliminary figures of the half-year and of the year."""

TYPES = ("预增", "略增", "续盈", "略减", "预减", "扭亏", "首亏", "续亏", "减亏")
REASONS = (
    "报告期内主营产品销量上升，毛利率改善。",
    "受市场需求波动影响，产品价格变动较大。",
    "报告期内计提资产减值准备。",
    None,
)


def forecast(desk: Desk, asked: Asked) -> Table:
    """Rows of `forecast`: newest first, revisions beside what they revise."""
    ledger, stock, quarter, ids = desk.ledger, asked.stock, asked.quarter, desk.ids(asked)
    first, second = _forecast_days(ledger, stock, quarter, ids)
    at = np.concatenate([np.flatnonzero(second <= asked.now), np.flatnonzero(first <= asked.now)])
    revised = np.arange(len(at)) < (second <= asked.now).sum()
    order = np.argsort(at, kind="stable")
    at, revised = at[order], revised[order]
    stock, quarter, ids = stock[at], quarter[at], ids[at]
    profit = (ledger.profit[stock, quarter] + ledger.slip[stock, quarter]) / 1e6
    before = ledger.profit[stock, quarter - 4] / 1e6
    low, high = _range(desk.seed, ids, quarter, profit, revised)
    change = [np.round((bound - before) / np.abs(before) * 100, 2) for bound in (low, high)]
    kind = np.where(
        profit < 0,
        np.where(before >= 0, 6, np.where(profit < before, 7, 8)),
        np.where(
            before < 0,
            5,
            np.searchsorted([-50, -5, 5, 50], -(profit - before) / np.maximum(np.abs(before), 1e-9) * 100),
        ),
    )
    summary = [
        f"预计{end[:4]}年{end[4:6]}月末累计净利润{least:.2f}万元至{most:.2f}万元。"
        for end, least, most in zip(ledger.periods.days[quarter], low.tolist(), high.tolist(), strict=True)
    ]
    return Table(
        desk.keys(stock, quarter)
        | {
            "ann_date": desk.days(np.where(revised, second[at], first[at])),
            "type": words(TYPES, kind),
            "p_change_min": change[0],
            "p_change_max": change[1],
            "net_profit_min": low,
            "net_profit_max": high,
            "last_parent_net": np.round(before, 2),
            "first_ann_date": desk.days(first[at]),
            "summary": texts(summary),
            "change_reason": pick(REASONS, uniform(desk.seed, Stream.FORECAST_ON, ids, quarter + COUNT)),
            "update_flag": words(("0", "1"), revised.astype(np.int64)),
        }
    )


def _forecast_days(ledger: Ledger, stock: Ints, quarter: Ints, ids: Ints) -> tuple[Ints, Ints]:
    """When each company forecasts each quarter, and when it revises that; never where it does not."""
    seed, timetable, periods = ledger.seed, ledger.timetable, ledger.periods
    filed = timetable.filed[stock, quarter]
    likely = np.where((quarter % 4 == YEAR_END) & (ledger.profit[stock, quarter] < 0), 0.95, FORECASTS[quarter % 4])
    draw = uniform(seed, Stream.FORECAST_ON, ids, quarter)
    early = uniform(seed, Stream.FORECAST_WIDTH, ids, quarter + COUNT) < WITH_LAST_REPORT
    until = np.minimum(
        np.where(quarter % 4 == YEAR_END, periods.closing[quarter] + 20, periods.closing[quarter] + 12), filed
    )
    after = until - (draw**2 * 10).astype(np.int64)
    before = timetable.filed[stock, quarter - 1]
    day = np.where(early & (before < periods.closing[quarter]), before, after)
    happens = (uniform(seed, Stream.FORECAST, ids, quarter) < likely) & (filed < NEVER)
    happens &= (day >= ledger.stocks.first[stock]) & (day < filed)
    again = happens & (uniform(seed, Stream.FORECAST_AGAIN, ids, quarter) < REVISED)
    revised = (
        day + 1 + (uniform(seed, Stream.FORECAST_AGAIN, ids, quarter + COUNT) * (filed - day - 1)).astype(np.int64)
    )
    return np.where(happens, day, NEVER), np.where(again & (revised < filed), revised, NEVER)


def _range(seed: int, ids: Ints, quarter: Ints, profit: Floats, revised: Bools) -> tuple[Floats, Floats]:
    """Bounds around what will be reported, 10,000 CNY; a revision is nearer."""
    width = (
        np.abs(profit) * (0.03 + 0.2 * uniform(seed, Stream.FORECAST_WIDTH, ids, quarter)) * np.where(revised, 0.3, 1.0)
    )
    middle = profit + 0.6 * width * symmetric(seed, Stream.FORECAST_WIDTH, ids, quarter + 2 * COUNT)
    return np.round(middle - width, 2), np.round(middle + width, 2)


def express(desk: Desk, asked: Asked) -> Table:
    """Rows of `express`: figures that are nearly those of the report, without an audit."""
    ledger, ids = desk.ledger, desk.ids(asked)
    stock, quarter = asked.stock, asked.quarter
    filed = ledger.timetable.filed[stock, quarter]
    likely = np.select([quarter % 4 == place for place in EXPRESSED], list(EXPRESSED.values()), 0.0)
    lead = (uniform(desk.seed, Stream.EXPRESS_ON, ids, quarter) * 28).astype(np.int64)
    day = ledger.periods.closing[quarter] + 8 + lead
    tells = (uniform(desk.seed, Stream.EXPRESS, ids, quarter) < likely) & (day < filed) & (filed < NEVER)
    at = np.flatnonzero(tells & (day >= ledger.stocks.first[stock]) & (day <= asked.now))
    stock, quarter, ids, day = stock[at], quarter[at], ids[at], day[at]
    off = 1 + 0.004 * symmetric(desk.seed, Stream.EXPRESS_OFF, ids, quarter)
    now = reports(ledger, stock, quarter, ledger.slip[stock, quarter])
    past = reports(ledger, stock, quarter - 4, np.zeros(len(at), dtype=np.int64))
    figures = {
        name: np.round(now.told(name) * off, 2)
        for name in ("revenue", "operate_profit", "total_profit", "total_assets", "total_hldr_eqy_exc_min_int")
    }
    profit = np.round(now.told("n_income_attr_p") * off, 2)
    shares, shares_before = now.told("total_share"), past.told("total_share")
    last = {name: past.told(name) for name in ("revenue", "operate_profit", "total_profit", "n_income_attr_p")}
    equity, opened = figures["total_hldr_eqy_exc_min_int"], now.opened("total_hldr_eqy_exc_min_int")
    opened_assets, opened_shares = now.opened("total_assets"), now.opened("total_share")
    roe = profit / equity * 100
    growth = {
        "yoy_sales": (figures["revenue"], last["revenue"]),
        "yoy_op": (figures["operate_profit"], last["operate_profit"]),
        "yoy_tp": (figures["total_profit"], last["total_profit"]),
        "yoy_dedu_np": (profit, last["n_income_attr_p"]),
        "yoy_eps": (profit / shares, last["n_income_attr_p"] / shares_before),
        "growth_assets": (figures["total_assets"], opened_assets),
        "yoy_equity": (equity, opened),
        "growth_bps": (equity / shares, opened / opened_shares),
    }
    return Table(
        desk.keys(stock, quarter)
        | figures
        | {name: np.round((new - old) / np.abs(old) * 100, 2) for name, (new, old) in growth.items()}
        | {
            "ann_date": desk.days(day),
            "n_income": profit,
            "diluted_eps": np.round(profit / shares, 4),
            "diluted_roe": np.round(roe, 4),
            "yoy_net_profit": last["n_income_attr_p"],
            "bps": np.round(equity / shares, 4),
            "or_last_year": last["revenue"],
            "op_last_year": last["operate_profit"],
            "tp_last_year": last["total_profit"],
            "np_last_year": last["n_income_attr_p"],
            "eps_last_year": np.round(last["n_income_attr_p"] / shares_before, 4),
            "open_net_assets": opened,
            "open_bps": np.round(opened / opened_shares, 4),
            "perf_summary": texts([None] * len(at)),
            "is_audit": np.zeros(len(at), dtype=np.int64),
            "update_flag": words(("0", "1"), (ledger.timetable.fate[stock, quarter] != Fate.ZERO).astype(np.int64)),
        }
    )


def disclosure_date(desk: Desk, asked: Asked) -> Table:
    """Rows of `disclosure_date` as they read in a session: the plan in force, the plans before it, and the day it was done."""
    ledger, stock, quarter = desk.ledger, asked.stock, asked.quarter
    timetable, stocks, now = ledger.timetable, ledger.stocks, asked.now
    published = ledger.periods.published[quarter]
    since = np.maximum(published, stocks.first[stock])
    ordinary = timetable.ordinary[stock, quarter]
    at = np.flatnonzero(
        (since <= now) & (stocks.first[stock] <= ordinary) & (ledger.periods.closing[quarter] < stocks.last[stock])
    )
    stock, quarter, since = stock[at], quarter[at], since[at]
    plans, moved = timetable.plans(stock, quarter)
    filed = timetable.filed[stock, quarter]
    stage = (moved <= now).sum(axis=1)
    row = np.arange(len(at))
    changed = np.where(stage > 0, moved[row, np.maximum(stage - 1, 0)], 0)
    days = desk.days(plans)
    earlier = [",".join(days[n, :count]) or None for n, count in enumerate(stage.tolist())]
    return Table(
        desk.keys(stock, quarter)
        | {
            "ann_date": desk.days(np.maximum(since, changed)),
            "pre_date": days[row, stage],
            "actual_date": desk.days(np.where(filed <= now, filed, NEVER)),
            "modify_date": texts(earlier),
        }
    )
