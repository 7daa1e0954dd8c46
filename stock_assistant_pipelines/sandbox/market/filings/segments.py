"""`fina_mainbz`: what revenue consists of by product, region and industry, in half-year and annual reports."""

from __future__ import annotations

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.desk import Asked, Desk, words
from stock_assistant_pipelines.sandbox.market.filings.statements import reports
from stock_assistant_pipelines.sandbox.market.filings.timetable import Fate
from stock_assistant_pipelines.sandbox.market.noise import Bools, Floats, Ints, Stream, uniform
from stock_assistant_pipelines.sandbox.table import Table, texts

ITEMS = {
    "P": ("主导产品", "配套产品", "技术服务", "贸易商品", "租赁业务", "其他产品"),
    "D": ("华东地区", "华南地区", "华北地区", "西部地区", "境外"),
    "I": ("制造业", "服务业", "贸易", "其他业务"),
}
"""What revenue is divided by, and into what."""

KIND, PLACE = (
    np.unique(names, return_inverse=True)[1]
    for names in zip(*((k, item) for k in ITEMS for item in ITEMS[k]), strict=True)
)
"""Of each item, where what revenue is divided by and its name stand in the order of an answer."""

FEWEST = {"P": 4, "D": 4, "I": 2}
PLACES = 16
"""More places than a way of dividing has items."""

UNTOLD = 0.35
"""How many reports tell revenue only, without profits and costs."""

TWICE = 0.08
"""How many reports have every row twice, with either flag."""


def fina_mainbz(desk: Desk, asked: Asked) -> Table:
    """Rows of `fina_mainbz`: 10 to 15 per report, which add up to its revenue in each of the three ways."""
    ledger = desk.ledger
    out = ledger.timetable.filed[asked.stock, asked.quarter] <= asked.now
    asked = asked.take(np.flatnonzero(out & (asked.quarter % 2 == 1)))
    stock, quarter, ids = asked.stock, asked.quarter, desk.ids(asked)
    slip = ledger.slipped(stock, quarter, np.full(len(stock), asked.now))
    report = reports(ledger, stock, quarter, slip)
    revenue = np.rint(report.told("revenue") * 100).astype(np.int64)
    spent = np.nan_to_num(report.told("oper_cost")) * 100
    sales, there = (np.concatenate(each, axis=1) for each in zip(*_divided(desk, ids, quarter, revenue), strict=True))
    number = np.concatenate([n * PLACES + np.arange(len(items)) for n, items in enumerate(ITEMS.values())])
    dear = 0.85 + 0.3 * uniform(desk.seed, Stream.SEGMENT_COST, ids[:, None], number)
    cost = np.rint(sales * np.clip((spent / np.maximum(revenue, 1))[:, None] * dear, 0, 0.98))
    untold = (uniform(desk.seed, Stream.SEGMENT_NULL, ids, quarter // 4) < UNTOLD) | (spent <= 0)
    cost = np.where(untold[:, None], np.nan, cost)
    row, column, flag = _rows(desk, ids, quarter, there, ledger.timetable.fate[stock, quarter] == Fate.ZERO)
    return Table(
        desk.keys(stock[row], quarter[row])
        | {
            "type": texts([kind for kind, items in ITEMS.items() for _ in items])[column],
            "bz_item": texts([item for items in ITEMS.values() for item in items])[column],
            "bz_sales": sales[row, column] / 100,
            "bz_profit": (sales[row, column] - cost[row, column]) / 100,
            "bz_cost": cost[row, column] / 100,
            "curr_type": texts(["CNY"] * len(row)),
            "update_flag": words(("0", "1"), flag),
        }
    )


def _divided(desk: Desk, ids: Ints, quarter: Ints, revenue: Ints) -> list[tuple[Ints, Bools]]:
    """Revenue, in cents, over the items of each way of dividing it, and which of them a company has."""
    parts = []
    for number, (kind, items) in enumerate(ITEMS.items()):
        choices = len(items) - FEWEST[kind] + 1
        count = FEWEST[kind] + (uniform(desk.seed, Stream.SEGMENTS, ids, number) * choices).astype(np.int64)
        place = np.arange(len(items), dtype=np.int64)
        there = place < count[:, None]
        when = (quarter[:, None] + 1) * (PLACES * len(ITEMS)) + number * PLACES + place
        weight: Floats = 0.05 + uniform(desk.seed, Stream.SEGMENT, ids[:, None], number * PLACES + place) ** 2
        weight = np.where(there, weight * (0.9 + 0.2 * uniform(desk.seed, Stream.SEGMENT, ids[:, None], when)), 0.0)
        sales = np.floor(revenue[:, None] * (weight / weight.sum(axis=1, keepdims=True))).astype(np.int64)
        sales[:, 0] += revenue - sales.sum(axis=1)
        parts.append((sales, there))
    return parts


def _rows(desk: Desk, ids: Ints, quarter: Ints, there: Bools, zero: Bools) -> tuple[Ints, Ints, Ints]:
    """Report, item and flag of each row: 1, or 0 where a report has nothing else; both where it has every row twice."""
    twice = uniform(desk.seed, Stream.SEGMENTS, ids, quarter + PLACES) < TWICE
    row, column = np.nonzero(there)
    again = np.flatnonzero(twice[row] & ~zero[row])
    at = np.concatenate([np.arange(len(row)), again])
    flag = np.concatenate([np.where(zero[row], 0, 1), np.zeros(len(again), dtype=np.int64)])
    order = np.lexsort((PLACE[column[at]], 1 - flag, KIND[column[at]], row[at]))
    return row[at][order], column[at][order], flag[order]
