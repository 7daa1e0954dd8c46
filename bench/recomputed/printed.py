"""How a value is printed: rounded, scaled and named, from exact fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

CNY, SHARE_PRICE, SHARES, PERCENT, POINTS = "CNY", "CNY/share", "shares", "%", "pp"
TIMES, INDEX, DAYS, COUNT, PLAIN = "x", "points", "days", "count", ""

AROUND = {
    "zh": {
        CNY: "{}元", SHARE_PRICE: "{}元", SHARES: "{}股", PERCENT: "{}%", POINTS: "{}个百分点", TIMES: "{}倍",
        INDEX: "{}点", DAYS: "{}天", COUNT: "{}", PLAIN: "{}",
    },
    "en": {
        CNY: "CNY {}", SHARE_PRICE: "CNY {}", SHARES: "{} shares", PERCENT: "{}%", POINTS: "{} pp", TIMES: "{}x",
        INDEX: "{} points", DAYS: "{} days", COUNT: "{}", PLAIN: "{}",
    },
}  # fmt: skip
STEPS = {"zh": ((10**4, "万"), (10**8, "亿")), "en": ((10**6, "mn"), (10**9, "bn"))}
REPORTS = {
    "zh": ("{}年一季报", "{}年半年报", "{}年三季报", "{}年年报"),
    "en": ("the first quarter of {}", "the first half of {}", "the nine months of {}", "the full year of {}"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What an item says: a figure in a unit, or a text; and the period that it speaks of."""

    value: Fraction | None = None
    unit: str = PLAIN
    text: str | None = None
    period: str | None = None
    """A day, `2024q3`, `2024q3.ttm`, `2024q3.quarter`, `20d`, `3y`."""


def printed(told: Told, language: str, form: str | None = None) -> str:
    """As it stands in a text."""
    if told.value is None:
        return told.text or ""
    value = abs(told.value) if form == "abs" else told.value
    places = int(form) if form in {"0", "1", "2"} else None
    own = (0 if told.unit in {SHARES, DAYS, COUNT} else 2) if places is None else places
    number = plain(value, own)
    if told.unit in {CNY, SHARES}:
        number = _scaled(value, number, own, 2 if places is None else places, language)
    return AROUND[language][told.unit].format(number)


def _scaled(value: Fraction, number: str, own: int, places: int, language: str) -> str:
    """In the largest scale of which what is printed makes up one: 10,000.00万 is 1.00亿."""
    before = 1
    for scale, word in STEPS[language]:
        if nearest(abs(value) / before, own) * before < scale:
            break
        number = plain(value / scale, places) + word
        before, own = scale, places
    return number


def nearest(value: Fraction, places: int) -> Fraction:
    """Rounded to so many decimals, halves away from zero."""
    shifted = abs(value) * 10**places + Fraction(1, 2)
    return Fraction(shifted.numerator // shifted.denominator, 10**places) * (-1 if value < 0 else 1)


def plain(value: Fraction, places: int) -> str:
    """With so many decimals, and commas between thousands; never a negative zero."""
    number = nearest(value, places)
    whole = abs(number) * 10**places
    digits = f"{whole.numerator:0{places + 1}d}"
    before, after = (digits[:-places], "." + digits[-places:]) if places else (digits, "")
    return f"{'-' if number < 0 else ''}{int(before):,}{after}"


def in_words(period: str, language: str) -> str:
    """A period as it is printed."""
    zh = language == "zh"
    if period[4:5] == "q":
        year, quarter, kind = period[:4], int(period[5]), period[7:]
        if kind == "ttm":
            return f"截至{year}年{quarter * 3}月末的十二个月" if zh else f"the twelve months to Q{quarter} {year}"
        if kind == "quarter":
            return f"{year}年第{quarter}季度" if zh else f"Q{quarter} {year}"
        return REPORTS[language][quarter - 1].format(year)
    if period[-1] in "dy":
        unit = {"d": ("个交易日", "trading days"), "y": ("年", "years")}[period[-1]]
        return f"近{period[:-1]}{unit[0]}" if zh else f"the last {period[:-1]} {unit[1]}"
    return period
