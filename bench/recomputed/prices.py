"""Prices: the bar of the day, returns, highs and lows, volume, and what is held against the index and the industry."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench.recomputed.chart import INDICATORS, indicator
from bench.recomputed.printed import CNY, DAYS, INDEX, PERCENT, PLAIN, POINTS, SHARE_PRICE, SHARES, TIMES, Told
from bench.recomputed.raw import median

if TYPE_CHECKING:
    import re

    from bench.recomputed.raw import Raw

BAR = {
    "close": ("close", SHARE_PRICE, 1),
    "open": ("open", SHARE_PRICE, 1),
    "high": ("high", SHARE_PRICE, 1),
    "low": ("low", SHARE_PRICE, 1),
    "pct_chg": ("pct_chg", PERCENT, 1),
    "volume": ("vol", SHARES, 100),
    "amount": ("amount", CNY, 1000),
}
PEER_PRICES = """
select bar.ts_code, bar.trade_date, bar.close, factor.adj_factor
from daily as bar join adj_factor as factor using (ts_code, trade_date)
where bar.ts_code = any(:codes) and bar.trade_date in (:first, :last)
"""


def _bar(raw: Raw, found: re.Match[str]) -> Told:
    column, unit, scale = BAR[found[0]]
    return Told(Fraction(raw.of_day("daily")[column]) * scale, unit, period=str(raw.day))


def _close(raw: Raw) -> Fraction:
    return Fraction(raw.of_day("daily")["close"])


def _base(raw: Raw, span: str) -> Told:
    """The adjusted close so many trading days before, or the last one before that."""
    day = raw.session(int(span))
    bar = [each for each in raw.bars if each.day <= day][-1]
    return Told(bar.close, SHARE_PRICE, period=str(bar.day))


def _growth(new: Fraction, old: Fraction) -> Fraction:
    return (new / old - 1) * 100


def _return(raw: Raw, span: str) -> Fraction:
    base = _base(raw, span).value
    assert base is not None
    return _growth(_close(raw), base)


def _index_return(raw: Raw, span: str) -> Fraction:
    return _growth(raw.index(raw.day), raw.index(raw.session(int(span))))


def _industry_return(raw: Raw, span: str) -> Fraction:
    first = raw.session(int(span))
    values = {"codes": raw.peers, "first": first, "last": raw.day}
    seen = {(row.ts_code, row.trade_date): row for row in raw.connection.execute(text(PEER_PRICES), values)}
    both = [code for code in raw.peers if (code, first) in seen and (code, raw.day) in seen]

    def price(code: str, day: object) -> Fraction:
        row = seen[code, day]
        return Fraction(row.close) * Fraction(row.adj_factor)

    return median(_growth(price(code, raw.day), price(code, first)) for code in both)


def _spanned(raw: Raw, found: re.Match[str]) -> Told:
    """A return, of the stock, the index or the industry, or what it is above one of these."""
    name, span, against = found["name"], found["span"], found["against"]
    returns = {"": _return, "index.": _index_return, "industry.": _industry_return}
    if against:
        value = _return(raw, span) - returns[f"{against}."](raw, span)
        return Told(value, POINTS, period=f"{span}d")
    return Told(returns[name](raw, span), PERCENT, period=f"{span}d")


def _indicator(raw: Raw, found: re.Match[str]) -> Told:
    unit = {"rsi.14": PLAIN, "bollinger.position": PERCENT}.get(found[0], SHARE_PRICE)
    return Told(indicator(found[0], raw.bars), unit, period=str(raw.day))


def _distance(raw: Raw, found: re.Match[str]) -> Told:
    return Told(_growth(_close(raw), indicator(found[1], raw.bars)), PERCENT, period=str(raw.day))


def _atr_share(raw: Raw, _: re.Match[str]) -> Told:
    return Told(indicator("atr.14", raw.bars) / _close(raw) * 100, PERCENT, period=str(raw.day))


def _extreme(raw: Raw, found: re.Match[str]) -> Told:
    """The highest or the lowest price of 364 days, the day included; told with the last day that saw it."""
    year = [bar for bar in raw.bars if bar.day > raw.day - timedelta(days=364)]
    side, sign = found["side"], 1 if found["side"] == "high" else -1
    bar = max(year, key=lambda each: (sign * getattr(each, side), each.day))
    value: Fraction = getattr(bar, side)
    if found["distance"]:
        return Told(_growth(_close(raw), value), PERCENT, period=str(raw.day))
    return Told(value, SHARE_PRICE, period=str(bar.day))


def _mean_volume(raw: Raw) -> Fraction:
    volumes = [bar.volume for bar in raw.bars[-21:-1] if bar.volume is not None]
    return sum(volumes, Fraction(0)) * 100 / 20


def _volume_ratio(raw: Raw, _: re.Match[str]) -> Told:
    return Told(Fraction(raw.of_day("daily")["vol"]) * 100 / _mean_volume(raw), TIMES, period=str(raw.day))


def _halted(raw: Raw, _: re.Match[str]) -> Told:
    traded = {bar.day for bar in raw.bars}
    days = [day for day in raw.sessions[-60:] if day in raw.halted and day not in traded]
    return Told(Fraction(len(days)), DAYS, period="60d")


def _index_close(raw: Raw, found: re.Match[str]) -> Told:
    day = raw.session(int(found["span"] or 0))
    return Told(raw.index(day), INDEX, period=str(day))


RULES = (
    ("|".join(BAR), _bar),
    (r"close\.(?P<span>\d+)d", lambda raw, found: _base(raw, found["span"])),
    (r"(?P<name>|index\.|industry\.)return\.(?P<span>\d+)d(?P<against>)", _spanned),
    (r"(?P<name>)excess\.(?P<span>\d+)d\.(?P<against>index|industry)", _spanned),
    (r"index\.close(?:\.(?P<span>\d+)d)?", _index_close),
    ("|".join(each.replace(".", r"\.") for each in INDICATORS), _indicator),
    (r"(sma\.\d+)\.distance", _distance),
    (r"atr\.14\.share", _atr_share),
    (r"(?P<side>high|low)\.52w(?P<distance>\.distance)?", _extreme),
    (r"volume\.20d", lambda raw, found: Told(_mean_volume(raw), SHARES, period="20d")),
    (r"volume\.ratio", _volume_ratio),
    (r"suspended\.60d", _halted),
)
