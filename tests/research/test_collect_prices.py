"""What a sheet says of prices, each figure recomputed from the bars that were laid."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median, pstdev
from typing import TYPE_CHECKING

import pytest
from evidence_market import DAY, HALTED, INDEX, LISTED, MAIN, NEW, PAST, PEERS, book, change, query, sheet, values

from stock_assistant_pipelines.research.evidence import Unit

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.evidence import Sheet

BARS = """
    SELECT trade_date, close * adj_factor, high * adj_factor, low * adj_factor, vol
    FROM daily JOIN adj_factor USING (trade_date, ts_code) WHERE ts_code = :code ORDER BY 1
"""
NEAR = Decimal("0.0001")
"""TA-Lib's doubles, and prices of four decimals, against exact ones."""


@pytest.fixture
def bars(market: Connection) -> list[tuple[float, float, float]]:
    """Adjusted close, high and low of the main stock, oldest first, in the scale of the day."""
    rows = query(market, BARS, code=MAIN)
    return [tuple(float(value / Decimal("2.5")) for value in row[1:4]) for row in rows][-500:]


def test_the_bar_is_printed_as_it_was_traded_in_plain_units(market: Connection, known: Sheet) -> None:
    row = query(
        market, "SELECT close, high, low, pct_chg, vol, amount FROM daily WHERE ts_code = :main AND trade_date = :day"
    )
    close, high, low, pct_chg, vol, amount = row[0]
    told = values(known)
    assert [told[name] for name in ("close", "high", "low", "pct_chg")] == [close, high, low, pct_chg]
    assert (told["volume"], known.by_id["volume"].unit) == (vol * 100, Unit.SHARES)
    assert (told["amount"], known.by_id["amount"].unit) == (amount * 1000, Unit.CNY)


@pytest.mark.parametrize("span", [5, 20, 60, 250])
def test_returns_are_those_of_adjusted_closes_against_index_and_industry(
    market: Connection, known: Sheet, span: int
) -> None:
    prices = {code: {row[0]: row[1] for row in query(market, BARS, code=code)} for code in PEERS}
    begin = PAST[-1 - span]
    returns = {code: (each[DAY] / each[begin] - 1) * 100 for code, each in prices.items()}
    index = dict(query(market, "SELECT trade_date, close FROM index_daily WHERE ts_code = :index", index=INDEX))
    index_return = (index[DAY] / index[begin] - 1) * 100
    told = values(known)
    assert abs(told[f"return.{span}d"] - returns[MAIN]) < Decimal("0.001")
    assert abs(told[f"index.return.{span}d"] - index_return) < Decimal("1e-20")
    assert abs(told[f"industry.return.{span}d"] - median(returns.values())) < Decimal("1e-20")
    assert told[f"excess.{span}d.index"] == told[f"return.{span}d"] - told[f"index.return.{span}d"]
    assert told[f"excess.{span}d.industry"] == told[f"return.{span}d"] - told[f"industry.return.{span}d"]
    assert known.by_id[f"excess.{span}d.index"].unit is Unit.POINTS
    assert known.by_id[f"return.{span}d"].period == f"{span}d"


def test_averages_and_bands_are_those_of_the_last_bars(bars: list[tuple[float, float, float]], known: Sheet) -> None:
    close, told = [bar[0] for bar in bars], values(known)
    for length in (20, 60, 250):
        average = Decimal(sum(close[-length:]) / length)
        assert abs(told[f"sma.{length}"] - average) < NEAR
        assert told[f"sma.{length}.distance"] == (told["close"] / told[f"sma.{length}"] - 1) * 100
    width = 4 * pstdev(close[-20:])
    lower = sum(close[-20:]) / 20 - width / 2
    assert abs(float(told["bollinger.upper"] - told["bollinger.lower"]) - width) < 0.0005
    assert abs(float(told["bollinger.position"]) - (close[-1] - lower) / width * 100) < 0.01


def test_smoothed_indicators_follow_their_formulas(bars: list[tuple[float, float, float]], known: Sheet) -> None:
    close, told = [bar[0] for bar in bars], values(known)
    steps = [after - before for before, after in pairwise(close)]
    up, down = wilder([max(step, 0) for step in steps]), wilder([max(-step, 0) for step in steps])
    assert abs(float(told["rsi.14"]) - 100 * up / (up + down)) < 0.001
    ranges = [max(high, before[0]) - min(low, before[0]) for before, (_, high, low) in pairwise(bars)]
    assert abs(float(told["atr.14"]) - wilder(ranges)) < 0.001
    fast, slow = smoothed(close, 12), smoothed(close, 26)
    line = [a - b for a, b in zip(fast, slow, strict=True)]
    assert abs(float(told["macd"]) - line[-1]) < 0.001
    assert abs(float(told["macd.signal"]) - smoothed(line, 9)[-1]) < 0.001
    assert abs(told["macd.histogram"] - (told["macd"] - told["macd.signal"])) <= 2 * NEAR


def wilder(steps: list[float]) -> float:
    """Wilder's mean over 14, which begins with a plain one."""
    mean = sum(steps[:14]) / 14
    for step in steps[14:]:
        mean = (mean * 13 + step) / 14
    return mean


def smoothed(line: list[float], length: int) -> list[float]:
    """An exponential mean; where it begins has long worn off."""
    found = [line[0]]
    for value in line[1:]:
        found.append(found[-1] + (value - found[-1]) * 2 / (length + 1))
    return found


def test_the_year_s_extremes_are_those_of_fifty_two_weeks(market: Connection, known: Sheet) -> None:
    rows = [row for row in query(market, BARS, code=MAIN) if DAY - row[0] < timedelta(days=364)]
    told = values(known)
    assert abs(told["high.52w"] - max(row[2] for row in rows) / Decimal("2.5")) < NEAR
    assert abs(told["low.52w"] - min(row[3] for row in rows) / Decimal("2.5")) < NEAR
    assert told["high.52w.distance"] == (told["close"] / told["high.52w"] - 1) * 100
    highest = max(rows, key=lambda row: row[2])[0]
    assert known.by_id["high.52w"].period == highest.isoformat()


def test_volume_is_held_against_the_bars_before(market: Connection, known: Sheet) -> None:
    volumes = [row[4] for row in query(market, BARS, code=MAIN)]
    told = values(known)
    assert told["volume.20d"] == sum(volumes[-21:-1]) * 5
    assert told["volume.ratio"] == told["volume"] / told["volume.20d"]


def test_a_hole_in_the_bars_ends_what_is_reckoned_from_them(market: Connection) -> None:
    change(market, "DELETE FROM daily WHERE ts_code = :main AND trade_date = :hole", hole=PAST[-100])
    told = sheet(market)
    assert {"return.60d", "sma.60", "rsi.14"} <= set(told.by_id)
    for name in ("return.250d", "sma.250", "high.52w"):
        assert name not in told.by_id
        assert f"since {PAST[-99]}" in told.missing[name]


def test_a_suspension_is_no_hole_and_is_counted(market: Connection) -> None:
    change(market, "DELETE FROM daily WHERE ts_code = :main AND trade_date = :off", off=PAST[-6])
    change(market, "INSERT INTO suspend_d VALUES (:main, :off, null, 'S')", off=PAST[-6])
    told = values(sheet(market))
    assert told["suspended.60d"] == 1
    rows = dict(query(market, "SELECT trade_date, close FROM daily WHERE ts_code = :main"))
    assert told["close.5d"] == rows[PAST[-7]]
    assert "sma.250" in told


def test_a_day_without_a_factor_has_prices_and_nothing_that_needs_adjusting(market: Connection) -> None:
    change(market, "DELETE FROM adj_factor WHERE ts_code = :main AND trade_date = :day")
    told = sheet(market)
    assert "close" in told.by_id
    assert "return.5d" not in told.by_id
    assert "adj_factor" in told.missing["returns"]


def test_who_was_suspended_on_the_day_is_told_so(market: Connection) -> None:
    told = sheet(market, HALTED)
    assert "close" not in told.by_id
    assert told.missing["prices"] == f"suspended for the whole day; it last traded on {PAST[-2]}"
    assert told.missing["valuation"] == "no bar on the day"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (None, f"daily of {DAY} has not landed"),
        ("partial", f"daily of {DAY} is partial, and has no row of this stock"),
        ("complete", f"daily of {DAY} is complete and has no row of this stock"),
    ],
)
def test_a_bar_that_did_not_arrive_is_told_with_what_is_booked(
    market: Connection, status: str | None, reason: str
) -> None:
    change(market, "DELETE FROM daily WHERE ts_code = :main AND trade_date = :day")
    change(market, "DELETE FROM coverage WHERE dataset = 'daily'")
    if status:
        book(market, "daily", DAY.isoformat(), status)
    assert sheet(market).missing["prices"] == reason


def test_who_was_listed_lately_lacks_what_takes_longer(market: Connection) -> None:
    told = sheet(market, NEW)
    assert {"return.20d", "sma.20"} <= set(told.by_id)
    for name in ("return.60d", "return.250d", "sma.60", "rsi.14", "low.52w", "suspended.60d"):
        assert told.missing[name].startswith(f"listed on {LISTED}: 40 bars")
    early = sheet(market, NEW, PAST[-41])
    assert early.missing["prices"] == "it is not listed by this day"
    assert "list_date" not in early.by_id


def test_an_index_that_has_not_landed_leaves_the_return_alone(market: Connection) -> None:
    change(market, "DELETE FROM index_daily WHERE trade_date = :begin", begin=PAST[-21])
    told = sheet(market)
    assert "return.20d" in told.by_id
    assert "excess.20d.index" not in told.by_id
    assert told.missing["index.return.20d"] == f"index_daily has no {INDEX} of {PAST[-21]}"


def test_the_company_is_told_as_it_was(known: Sheet) -> None:
    told = values(known)
    assert known.name == told["name"] == "茅台股份"
    assert (told["industry"], told["list_date"], told["status"]) == ("白酒", "2001-08-27", "上市")
    assert "as known now" in known.by_id["industry"].label


def test_a_later_delisting_is_not_told_and_an_earlier_one_is(market: Connection) -> None:
    change(market, "UPDATE stock_basic SET delist_date = :later WHERE ts_code = :main", later=date(2025, 6, 2))
    assert values(sheet(market))["status"] == "上市"
    change(market, "UPDATE stock_basic SET delist_date = :day WHERE ts_code = :main")
    assert values(sheet(market))["status"] == "已退市"
