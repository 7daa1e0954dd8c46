"""The laws of the synthetic market: datasets agree, prices obey the exchange's arithmetic, chance can be looked up."""

from __future__ import annotations

from datetime import datetime, time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerDay, Whole
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Listed, NeverFewer
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.protocol.query import parse
from stock_assistant_pipelines.sandbox.clock import SHANGHAI
from stock_assistant_pipelines.sandbox.market.companies import companies
from stock_assistant_pipelines.sandbox.market.days import Days
from stock_assistant_pipelines.sandbox.market.listing import LARGEST
from stock_assistant_pipelines.sandbox.market.sessions import sessions
from stock_assistant_pipelines.sandbox.market.source import SyntheticMarket

from .conftest import DAY, NOW, Client

TRADING_DAYS = sessions().days[: sessions().at_or_before(DAY) + 1]
days = st.sampled_from(TRADING_DAYS)
few = settings(max_examples=25, deadline=None)
CENT = 0.005 + 1e-6

BOARD_LIMITS = {"北交所": 0.30, "科创板": 0.20, "创业板": 0.20, "主板": 0.10}


@pytest.fixture(scope="session")
def stocks(shared_client: Client) -> dict[str, dict[str, str]]:
    """Every stock that ever was, by code."""
    fields = ",".join(CATALOG["stock_basic"].fields)
    return {
        row["ts_code"]: row for status in "LDP" for row in shared_client.rows("stock_basic", fields, list_status=status)
    }


def listed(stocks: dict[str, dict[str, str]], day: str) -> set[str]:
    return {code for code, row in stocks.items() if row["list_date"] <= day < (row["delist_date"] or "99999999")}


def history(client: Client, api: str, code: str) -> list[dict[str, object]]:
    """All rows of one stock, oldest first."""
    return [
        row
        for first, last in (("19900101", "20051231"), ("20060101", DAY))
        for row in client.rows(api, ",".join(CATALOG[api].fields), ts_code=code, start_date=first, end_date=last)[::-1]
    ]


@few
@given(day=days)
def test_the_datasets_of_a_day_agree_on_who_is_there(
    shared_client: Client, stocks: dict[str, dict[str, str]], day: str
) -> None:
    codes = {
        api: [row["ts_code"] for row in shared_client.rows(api, trade_date=day)]
        for api in ("daily", "daily_basic", "adj_factor", "stk_limit")
    }
    suspended = {
        row["ts_code"]
        for row in shared_client.rows("suspend_d", trade_date=day)
        if row["suspend_type"] == "S" and row["suspend_timing"] is None
    }
    there = listed(stocks, day)
    assert there
    assert suspended <= there
    assert set(codes["daily"]) == there - suspended
    assert codes["daily_basic"] == codes["daily"] == sorted(codes["daily"])
    assert set(codes["adj_factor"]) == there
    assert set(codes["stk_limit"]) >= there
    assert not any(len(found) != len(set(found)) for found in codes.values())


@few
@given(day=days)
def test_bars_obey_the_arithmetic_of_the_exchange(
    shared_client: Client, stocks: dict[str, dict[str, str]], day: str
) -> None:
    limits = {
        row["ts_code"]: row
        for row in shared_client.rows("stk_limit", ",".join(CATALOG["stk_limit"].fields), trade_date=day)
    }
    for bar in shared_client.rows("daily", trade_date=day):
        limit = limits[bar["ts_code"]]
        assert limit["down_limit"] <= bar["low"] <= min(bar["open"], bar["close"])
        assert max(bar["open"], bar["close"]) <= bar["high"] <= limit["up_limit"]
        assert limit["pre_close"] == bar["pre_close"]
        assert bar["change"] == pytest.approx(bar["close"] - bar["pre_close"], abs=1e-6)
        assert bar["pct_chg"] == pytest.approx(bar["change"] / bar["pre_close"] * 100, abs=1e-4)
        assert all(round(bar[name], 2) == bar[name] for name in ("open", "high", "low", "close", "pre_close"))
        assert bar["low"] - 1e-3 <= bar["amount"] * 10 / bar["vol"] <= bar["high"] + 1e-3
        assert bar["vol"] > 0


@few
@given(day=days)
def test_limits_follow_the_board(shared_client: Client, stocks: dict[str, dict[str, str]], day: str) -> None:
    special = special_on(shared_client, day)
    for row in shared_client.rows("stk_limit", ",".join(CATALOG["stk_limit"].fields), trade_date=day):
        if row["ts_code"] not in stocks:
            continue
        board = stocks[row["ts_code"]]["market"]
        share = BOARD_LIMITS[board]
        share = (
            0.10
            if board == "创业板" and day < "20200824"
            else 0.05
            if board == "主板" and row["ts_code"] in special
            else share
        )
        assert row["up_limit"] == pytest.approx(row["pre_close"] * (1 + share), abs=CENT)
        assert row["down_limit"] == pytest.approx(row["pre_close"] * (1 - share), abs=CENT)


def special_on(client: Client, day: str) -> set[str]:
    names = client.rows("namechange")
    return {
        row["ts_code"]
        for row in names
        if row["name"].startswith("*ST") and row["start_date"] <= day <= (row["end_date"] or "99999999")
    }


@few
@given(day=days)
def test_valuation_agrees_with_the_bars(shared_client: Client, day: str) -> None:
    bars = {row["ts_code"]: row for row in shared_client.rows("daily", trade_date=day)}
    for row in shared_client.rows("daily_basic", trade_date=day):
        bar = bars[row["ts_code"]]
        assert row["close"] == bar["close"]
        assert row["total_mv"] == pytest.approx(row["close"] * row["total_share"], abs=6e-5)
        assert row["circ_mv"] == pytest.approx(row["close"] * row["float_share"], abs=6e-5)
        assert row["turnover_rate"] == pytest.approx(bar["vol"] / row["float_share"], abs=6e-5)
        assert row["free_share"] <= row["float_share"] <= row["total_share"]


def test_about_a_quarter_has_no_earnings(shared_client: Client) -> None:
    rows = [
        row
        for year in range(2005, 2025)
        for row in shared_client.rows("daily_basic", "pe", trade_date=f"{year}0310") or []
    ]
    rows += [row for day in TRADING_DAYS[3000::250] for row in shared_client.rows("daily_basic", "pe", trade_date=day)]
    assert 0.18 < sum(row["pe"] is None for row in rows) / len(rows) < 0.32


@few
@given(data=st.data())
def test_asked_by_stock_or_by_day_the_rows_are_the_same(
    shared_client: Client, stocks: dict[str, dict[str, str]], data: st.DataObject
) -> None:
    api = data.draw(st.sampled_from(["daily", "adj_factor", "daily_basic", "suspend_d", "stk_limit"]))
    code = data.draw(st.sampled_from(sorted(stocks)))
    first = data.draw(st.integers(0, len(TRADING_DAYS) - 8))
    window = TRADING_DAYS[first : first + 8]
    by_stock = shared_client.rows(api, ts_code=code, start_date=window[0], end_date=window[-1])
    by_day = [
        row for day in reversed(window) for row in shared_client.rows(api, trade_date=day) if row["ts_code"] == code
    ]
    assert by_stock == by_day


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_pre_close_is_the_last_close_less_what_an_ex_date_takes(
    shared_client: Client, stocks: dict[str, dict[str, str]], data: st.DataObject
) -> None:
    code = data.draw(st.sampled_from(sorted(stocks)))
    factor = {row["trade_date"]: row["adj_factor"] for row in history(shared_client, "adj_factor", code)}
    for before, bar in pairwise(history(shared_client, "daily", code)):
        expected = before["close"] * factor[before["trade_date"]] / factor[bar["trade_date"]]  # type: ignore[operator]
        assert bar["pre_close"] == pytest.approx(expected, abs=CENT)


def test_ex_dates_lift_the_factor_and_never_lower_it(shared_client: Client, stocks: dict[str, dict[str, str]]) -> None:
    oldest = min(stocks, key=lambda code: (stocks[code]["list_date"], code))
    factors = [row["adj_factor"] for row in history(shared_client, "adj_factor", oldest)]
    assert factors[0] == 1.0
    assert factors == sorted(factors)
    assert 5 < len(set(factors)) < 37


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_day_after_a_suspension_is_a_resumption(
    shared_client: Client, stocks: dict[str, dict[str, str]], data: st.DataObject
) -> None:
    code = data.draw(st.sampled_from(sorted(stocks)))
    rows = history(shared_client, "suspend_d", code)
    whole = {row["trade_date"] for row in rows if row["suspend_type"] == "S" and row["suspend_timing"] is None}
    resumed = {row["trade_date"] for row in rows if row["suspend_type"] == "R"}
    after = {later for day, later in pairwise(TRADING_DAYS) if day in whole and later not in whole}
    assert resumed == after
    assert {row["suspend_timing"] for row in rows} <= {None, "09:30-10:00"}


def test_names_follow_each_other_without_gap(shared_client: Client, stocks: dict[str, dict[str, str]]) -> None:
    names: dict[str, list[dict[str, str]]] = {}
    for row in shared_client.rows("namechange"):
        names.setdefault(row["ts_code"], []).insert(0, row)
    assert set(names) == set(stocks)
    for code, borne in names.items():
        assert borne[0]["start_date"] == stocks[code]["list_date"]
        assert borne[-1]["name"] == stocks[code]["name"]
        assert [row["end_date"] is None for row in borne] == [False] * (len(borne) - 1) + [True]
        assert all(earlier["end_date"] < later["start_date"] for earlier, later in pairwise(borne))


def test_stocks_look_like_the_market(stocks: dict[str, dict[str, str]]) -> None:
    assert {row["market"] for row in stocks.values()} == set(BOARD_LIMITS)
    assert {row["exchange"] for row in stocks.values()} == {"SSE", "SZSE", "BSE"}
    assert min(row["list_date"] for row in stocks.values()) == "19901219"
    gone = [row for row in stocks.values() if row["list_status"] == "D"]
    assert 0.02 < len(gone) / len(stocks) < 0.08
    assert all(row["area"] is None and row["industry"] is None and row["delist_date"] for row in gone)
    assert len({row["name"] for row in stocks.values()}) == len(stocks)


def test_limits_hold_funds_and_b_shares_too(shared_client: Client, stocks: dict[str, dict[str, str]]) -> None:
    codes = {row["ts_code"] for row in shared_client.rows("stk_limit", trade_date=DAY)}
    assert {code[:3] for code in codes - set(stocks)} >= {"159", "510", "200", "900"}


@few
@given(day=days)
def test_index_bars_follow_each_other(shared_client: Client, day: str) -> None:
    rows = (
        shared_client.rows("index_daily", ts_code="000001.SH", start_date="19901219", end_date=day)[:10]
        if day < "2000"
        else []
    )
    rows = rows or shared_client.rows(
        "index_daily", ts_code="000001.SH", start_date=f"{int(day[:4]) - 1}0101", end_date=day
    )
    for bar, before in pairwise(rows):
        assert bar["pre_close"] == before["close"]
        assert bar["low"] <= min(bar["open"], bar["close"]) <= max(bar["open"], bar["close"]) <= bar["high"]
        assert bar["pct_chg"] == pytest.approx((bar["close"] / bar["pre_close"] - 1) * 100, abs=1e-3)


def test_a_stock_keeps_its_prices_when_asked_anew() -> None:
    query = parse(CATALOG["daily"], {"trade_date": DAY})
    now = NOW.replace(tzinfo=SHANGHAI)
    one, two = (
        [
            table.rows(CATALOG["daily"].fields)
            for table in SyntheticMarket(stocks=80, seed=3).tables(CATALOG["daily"], query, now)
        ]
        for _ in range(2)
    )
    assert one == two


@pytest.mark.parametrize("seed", [1, 2])
def test_no_close_of_the_largest_market_breaks_a_limit(seed: int) -> None:
    market = Days(seed, LARGEST, sessions())
    chosen = np.random.default_rng(seed)
    stock = chosen.integers(0, LARGEST, 400_000)
    session = chosen.integers(0, len(sessions()), 400_000)
    there = market.stocks.listed(stock, session)
    stock, session = stock[there], session[there]
    there = ~market.prices.suspended.covers(stock, session)
    stock, session = stock[there], session[there]
    close, pre_close = market.prices.close(stock, session), market.prices.pre_close(stock, session)
    down, up = market.prices.limits(stock, session, pre_close)
    assert len(close) > 100_000
    assert ((down <= close) & (close <= up)).all()
    assert close.min() >= 250


def test_the_largest_market_grows_like_the_real_one() -> None:
    market = Days(1, LARGEST, sessions())
    everyone = np.arange(LARGEST)
    sizes = {}
    for day in ("19951229", "20001229", "20101231", "20201231", "20251231"):
        sizes[day] = int(market.stocks.listed(everyone, np.full(LARGEST, sessions().at_or_before(day))).sum())
    real = {"19951229": 311, "20001229": 1060, "20101231": 2041, "20201231": 4181, "20251231": 5470}
    assert all(sizes[day] == pytest.approx(real[day], rel=0.12) for day in real)
    assert len(set(market.stocks.codes)) == LARGEST
    assert len({company.names[-1].name for company in companies(1, market.stocks)}) > 0.98 * LARGEST


def declared(**words: object) -> Dataset:
    columns = (
        Column("ts_code", Type.TEXT, "Code", "代码"),
        Column("trade_date", Type.DATE, "Day", "日期"),
        Column("score", Type.NUMBER, "Score", "分数"),
        Column("rank", Type.INTEGER, "Rank", "名次"),
        Column("label", Type.TEXT, "Label", "标签"),
    )
    common = {
        "api": "novelty",
        "title": "Novelty",
        "title_zh": "新",
        "row": "one row",
        "family": "market",
        "columns": columns,
    }
    return Dataset(**(common | words))  # type: ignore[arg-type]


def test_a_dataset_without_a_generator_is_made_up_from_its_columns() -> None:
    dataset = declared(
        grain=Grain.TRADE_DATE,
        key=("trade_date", "ts_code"),
        calls=PerDay(),
        calendar="trade_cal",
        expected=Listed("stock_basic"),
        published=time(16),
    )
    market, now = SyntheticMarket(stocks=60), datetime(2025, 12, 18, 18, tzinfo=SHANGHAI)
    query = parse(dataset, {"trade_date": DAY})
    (table,) = market.tables(dataset, query, now)
    (factors,) = market.tables(CATALOG["adj_factor"], query, now)
    assert table.rows(["ts_code", "trade_date"]) == factors.rows(["ts_code", "trade_date"])
    assert {type(value) for row in table.rows(["score", "rank", "label"])[:1] for value in row} == {float, int, str}
    assert table.rows(dataset.fields) == next(market.tables(dataset, query, now)).rows(dataset.fields)


def test_a_snapshot_without_a_generator_has_a_row_per_stock() -> None:
    dataset = declared(grain=Grain.SNAPSHOT, key=("ts_code",), calls=Whole(), expected=NeverFewer("ts_code"))
    market, now = SyntheticMarket(stocks=60), datetime(2025, 12, 18, 18, tzinfo=SHANGHAI)
    (table,) = market.tables(dataset, parse(dataset, {}), now)
    assert len({code for (code,) in table.rows(["ts_code"])}) == len(table) > 50


def test_on_an_ordinary_day_a_few_stocks_close_at_their_limit(shared_client: Client) -> None:
    at_limit = total = 0
    for day in TRADING_DAYS[-60:]:
        limits = {row["ts_code"]: row for row in shared_client.rows("stk_limit", trade_date=day)}
        bars = shared_client.rows("daily", trade_date=day)
        total += len(bars)
        at_limit += sum(
            bar["close"] in {limits[bar["ts_code"]]["up_limit"], limits[bar["ts_code"]]["down_limit"]} for bar in bars
        )
    assert 0.004 < at_limit / total < 0.03
