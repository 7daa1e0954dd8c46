"""Prices: the bar of the day as traded, returns against index and industry, indicators on adjusted bars.

Adjusted to the factor that was the newest on the day, the close of the day is the one that was traded; so what stands in one
scale with it is printed as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect.bars import Bars, bar_origin, unbroken
from stock_assistant_pipelines.research.collect.draft import Label
from stock_assistant_pipelines.research.collect.ground import INDEX, INDEX_NAME, SPANS, Ground, Peers
from stock_assistant_pipelines.research.collect.indicators import AVERAGES, WARM, indicators
from stock_assistant_pipelines.research.evidence import Origin, Unit

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from sqlalchemy import RowMapping

    from stock_assistant_pipelines.research.collect.company import Company
    from stock_assistant_pipelines.research.collect.draft import Part

VOLUME_SPAN = 20
SUSPENSION_SPAN = 60
LOT, THOUSAND = 100, 1000

TRADED = (
    ("close", "traded_close", Label("Close", "收盘价"), Unit.CNY_PER_SHARE, 1),
    ("open", "traded_open", Label("Open", "开盘价"), Unit.CNY_PER_SHARE, 1),
    ("high", "traded_high", Label("High of the day", "当日最高价"), Unit.CNY_PER_SHARE, 1),
    ("low", "traded_low", Label("Low of the day", "当日最低价"), Unit.CNY_PER_SHARE, 1),
    ("pct_chg", "pct_chg", Label("Change on the day", "当日涨跌幅"), Unit.PERCENT, 1),
    ("volume", "vol", Label("Volume", "成交量"), Unit.SHARES, LOT),
    ("amount", "amount", Label("Turnover", "成交额"), Unit.CNY, THOUSAND),
)
"""Items of the bar of the day: id, column of the query, label, unit, and how much of the unit the column counts in."""

INDICATORS = {
    **{f"sma.{n}": (Label(f"{n}-day moving average", f"{n}日均线"), Unit.CNY_PER_SHARE) for n in AVERAGES},
    "rsi.14": (Label("RSI (14)", "RSI（14）"), Unit.NONE),
    "macd": (Label("MACD line (12, 26)", "MACD的DIF（12，26）"), Unit.CNY_PER_SHARE),
    "macd.signal": (Label("MACD signal (9)", "MACD的DEA（9）"), Unit.CNY_PER_SHARE),
    "macd.histogram": (Label("MACD line less signal", "MACD的DIF减DEA"), Unit.CNY_PER_SHARE),
    "atr.14": (Label("Average true range (14)", "平均真实波幅（14）"), Unit.CNY_PER_SHARE),
    "bollinger.upper": (Label("Upper Bollinger band (20, 2)", "布林带上轨（20，2）"), Unit.CNY_PER_SHARE),
    "bollinger.middle": (Label("Middle Bollinger band (20, 2)", "布林带中轨（20，2）"), Unit.CNY_PER_SHARE),
    "bollinger.lower": (Label("Lower Bollinger band (20, 2)", "布林带下轨（20，2）"), Unit.CNY_PER_SHARE),
    "bollinger.position": (Label("Position between the Bollinger bands", "布林带内位置"), Unit.PERCENT),
}
"""What the indicators are called, and counted in."""


@dataclass(frozen=True, slots=True)
class Traded:
    """What was read of one stock: its bars, oldest first, and the days that it was suspended for."""

    rows: Sequence[RowMapping]
    suspended: Collection[date]


def collect(part: Part, company: Company, ground: Ground, traded: Traded) -> None:
    """The items of prices."""
    today = next((row for row in traded.rows if row["trade_date"] == ground.day), None)
    if today is None:
        part.lacks("prices", _why_none(company, ground, traded))
        return
    for name, column, label, unit, scale in TRADED:
        value = None if today[column] is None else today[column] * scale
        origin = bar_origin(company.ts_code, ground.day, column.removeprefix("traded_"))
        part.value(
            name,
            label,
            value,
            unit,
            known_at=ground.published("daily"),
            origins=[origin],
            period=ground.day.isoformat(),
            signed=name == "pct_chg",
        )
    bars = unbroken(company, ground, traded.rows, traded.suspended)
    if bars is None:
        part.lacks("returns", f"no adjustment factor: {ground.absence('adj_factor')}")
        return
    for span in SPANS:
        _collect_return(part, bars, ground, span)
        _collect_index(part, ground, span)
        _collect_industry(part, company.industry, ground, span)
    _collect_indicators(part, bars, ground)
    _collect_year(part, bars, ground)
    _collect_volume(part, bars, ground)
    _collect_suspensions(part, bars, ground, traded.suspended)


def _why_none(company: Company, ground: Ground, traded: Traded) -> str:
    """Why the day has no bar of this stock."""
    if company.delist_date:
        return f"delisted on {company.delist_date}"
    if company.list_date and company.list_date > ground.day:
        return "it is not listed by this day"
    if ground.day in traded.suspended:
        last = traded.rows[-1]["trade_date"] if traded.rows else None
        return "suspended for the whole day" + (f"; it last traded on {last}" if last else "")
    return ground.absence("daily")


def _collect_return(part: Part, bars: Bars, ground: Ground, span: int) -> None:
    begin = ground.begins(span)
    base = bars.at(begin) if begin else None
    if base is None:
        part.lacks(f"return.{span}d", bars.short(span + 1))
        return
    part.value(
        f"close.{span}d",
        Label(f"Adjusted close {span} trading days before", f"{span}个交易日前的收盘价（复权）"),
        base["close"],
        Unit.CNY_PER_SHARE,
        known_at=ground.published("adj_factor"),
        origins=(bars.origin(base, "close"), *bars.factors(base)),
        period=base["trade_date"].isoformat(),
        derivation="adjusted",
    )
    label = Label(f"Return over {span} trading days", f"近{span}个交易日涨跌幅")
    part.derive(f"return.{span}d", label, "change", "close", f"close.{span}d", period=f"{span}d")


def _collect_index(part: Part, ground: Ground, span: int) -> None:
    begin, name = ground.begins(span), f"return.{span}d"
    days = [day for day in (ground.day, begin) if day is not None]
    gone = [day.isoformat() for day in days if day not in ground.index]
    if begin is None or gone:
        part.lacks(f"index.{name}", f"index_daily has no {INDEX} of {', '.join(gone) or 'so long ago'}")
        return
    for item, day, label in (
        ("index.close", ground.day, Label(f"{INDEX_NAME} ({INDEX}), close", f"{INDEX_NAME}收盘点位")),
        (
            f"index.close.{span}d",
            begin,
            Label(f"{INDEX_NAME}, {span} days before", f"{span}个交易日前的{INDEX_NAME}点位"),
        ),
    ):
        if item in part.draft.items:
            continue
        part.value(
            item,
            label,
            ground.index[day],
            Unit.INDEX_POINTS,
            known_at=ground.published("index_daily", day),
            origins=[bar_origin(INDEX, day, "close", "index_daily")],
            period=day.isoformat(),
        )
    label = Label(f"{INDEX_NAME}, return over {span} trading days", f"{INDEX_NAME}近{span}个交易日涨跌幅")
    part.derive(f"index.{name}", label, "change", "index.close", f"index.close.{span}d", period=f"{span}d")
    label = Label(f"Return over {span} trading days above {INDEX_NAME}", f"近{span}个交易日相对{INDEX_NAME}的超额收益")
    part.derive(f"excess.{span}d.index", label, "difference", name, f"index.{name}", period=f"{span}d")


def _collect_industry(part: Part, industry: str | None, ground: Ground, span: int) -> None:
    if industry is None:
        return
    begin, name = ground.begins(span), f"return.{span}d"
    peers: Peers = ground.peers[industry]
    if begin is None or span not in peers.returns:
        part.lacks(f"industry.{name}", f"{peers.traded.get(span, 0)} stocks of the industry traded on both days")
        return
    part.value(
        f"industry.{name}",
        Label(
            f"Median return of the industry as known now, over {span} trading days",
            f"所属行业（现时分类）近{span}个交易日涨跌幅中位数",
        ),
        peers.returns[span],
        Unit.PERCENT,
        known_at=ground.published("daily"),
        origins=(
            Origin("stock_basic", {"industry": industry}, "industry"),
            *(Origin("daily", {"trade_date": day.isoformat()}, "close") for day in (begin, ground.day)),
            *(Origin("adj_factor", {"trade_date": day.isoformat()}, "adj_factor") for day in (begin, ground.day)),
        ),
        period=f"{span}d",
        signed=True,
        derivation="median",
    )
    label = Label(
        f"Return over {span} trading days above the industry's median", f"近{span}个交易日相对行业中位数的超额收益"
    )
    part.derive(f"excess.{span}d.industry", label, "difference", name, f"industry.{name}", period=f"{span}d")


def _collect_indicators(part: Part, bars: Bars, ground: Ground) -> None:
    for name, indicator in indicators(bars.rows).items():
        label, unit = INDICATORS[name]
        if indicator.value is None:
            enough = len(bars.rows) >= indicator.needed
            part.lacks(name, "the price did not move" if enough else bars.short(indicator.needed, "bars"))
            continue
        smoothed = indicator.needed == WARM and indicator.derivation != "sma"
        rows = bars.rows if smoothed else bars.rows[-indicator.needed :]
        part.value(
            name,
            label,
            indicator.value,
            unit,
            known_at=ground.published("daily"),
            origins=bars.span(rows, "close"),
            period=ground.day.isoformat(),
            signed=indicator.derivation == "macd",
            derivation=indicator.derivation,
        )
    for length in AVERAGES:
        label = Label(f"Close against the {length}-day average", f"收盘价相对{length}日均线的偏离")
        part.derive(f"sma.{length}.distance", label, "change", "close", f"sma.{length}")
    label = Label("Average true range as a share of the close", "平均真实波幅占收盘价的比例")
    part.derive("atr.14.share", label, "share", "atr.14", "close")


def _collect_year(part: Part, bars: Bars, ground: Ground) -> None:
    """The highest and the lowest price of 52 weeks, the day included."""
    first = next((day for day in ground.sessions if (ground.day - day).days < 364), ground.day)
    if bars.since > first or ground.sessions[0] == first:
        for name in ("high.52w", "low.52w"):
            part.lacks(name, bars.short(sum(day >= first for day in ground.sessions)))
        return
    rows = [row for row in bars.rows if row["trade_date"] >= first]
    for name, column, choose, label in (
        ("high.52w", "high", max, Label("Highest price of 52 weeks, adjusted", "近52周最高价（复权）")),
        ("low.52w", "low", min, Label("Lowest price of 52 weeks, adjusted", "近52周最低价（复权）")),
    ):
        value = choose(row[column] for row in rows)
        row = next(each for each in reversed(rows) if each[column] == value)
        part.value(
            name,
            label,
            value,
            Unit.CNY_PER_SHARE,
            known_at=ground.published("daily"),
            origins=(bars.origin(row, column), *bars.factors(row)),
            period=row["trade_date"].isoformat(),
            derivation="highest" if column == "high" else "lowest",
        )
    label = Label("Close against the highest price of 52 weeks", "收盘价较52周最高价")
    part.derive("high.52w.distance", label, "change", "close", "high.52w", period=ground.day.isoformat())
    label = Label("Close against the lowest price of 52 weeks", "收盘价较52周最低价")
    part.derive("low.52w.distance", label, "change", "close", "low.52w", period=ground.day.isoformat())


def _collect_volume(part: Part, bars: Bars, ground: Ground) -> None:
    """The mean volume of the bars before the day: what the day's is held against."""
    before = [row for row in bars.rows[-1 - VOLUME_SPAN : -1] if row["vol"] is not None]
    if len(before) < VOLUME_SPAN:
        part.lacks("volume.20d", bars.short(VOLUME_SPAN + 1, "bars"))
        return
    total = sum((row["vol"] for row in before), Decimal())
    part.value(
        "volume.20d",
        Label("Mean volume of the 20 bars before", "前20个交易日平均成交量"),
        total * LOT / VOLUME_SPAN,
        Unit.SHARES,
        known_at=ground.published("daily", before[-1]["trade_date"]),
        origins=(bars.origin(before[0], "vol"), bars.origin(before[-1], "vol")),
        period=f"{VOLUME_SPAN}d",
        derivation="average",
    )
    label = Label("Volume as a multiple of the mean of 20 bars", "成交量相当于前20日均量的倍数")
    part.derive("volume.ratio", label, "ratio", "volume", "volume.20d")


def _collect_suspensions(part: Part, bars: Bars, ground: Ground, suspended: Collection[date]) -> None:
    recent = ground.sessions[-SUSPENSION_SPAN:]
    if bars.since > recent[0] or len(recent) < SUSPENSION_SPAN:
        part.lacks("suspended.60d", bars.short(SUSPENSION_SPAN))
        return
    traded = {row["trade_date"] for row in bars.rows}
    count = sum(day in suspended and day not in traded for day in recent)
    part.value(
        "suspended.60d",
        Label("Days suspended of the last 60 trading days", "近60个交易日停牌天数"),
        Decimal(count),
        Unit.DAYS,
        known_at=ground.published("suspend_d"),
        origins=[
            Origin("suspend_d", {"trade_date": day.isoformat(), "ts_code": bars.ts_code}, "suspend_type")
            for day in (recent[0], recent[-1])
        ],
        period=f"{SUSPENSION_SPAN}d",
        derivation="count",
    )
