"""Rendering: a text with placeholders, and the values printed into it. The only place where a figure becomes text.

The same sheet, text and language always give the same characters. Each printed value comes with where it stands and which items
it was made of, so that a page can link every figure to its evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.derivations import FUNCTIONS, NotDerivable
from stock_assistant_pipelines.research.evidence import Item, Sheet, Unit
from stock_assistant_pipelines.research.grammar import Placeholder, Words, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

HUNDRED_MILLION, TEN_THOUSAND = Decimal(100_000_000), Decimal(10_000)
BILLION, MILLION = Decimal(1_000_000_000), Decimal(1_000_000)
DECIMALS: Mapping[Unit, int] = {Unit.DAYS: 0, Unit.COUNT: 0, Unit.SHARES: 0}
"""Decimals by unit where nothing else is asked for; two elsewhere."""

DIGITS = 60
"""More than any figure has: rounding never fails for length."""

_QUARTER = re.compile(r"(\d{4})q([1-4])((?:\.[a-z]+)*)")
_SPAN = re.compile(r"(\d+)([dy])")


class Language(StrEnum):
    """What a report is written in."""

    ZH = "zh"
    EN = "en"


class Unprintable(ValueError):
    """A placeholder that cannot be printed: an unknown item, one without a value, a derivation that is refused."""


SCALES = {
    Language.ZH: ((HUNDRED_MILLION, "亿"), (TEN_THOUSAND, "万")),
    Language.EN: ((BILLION, "bn"), (MILLION, "mn")),
}
"""In which money and shares are counted, the largest first."""


@dataclass(frozen=True, slots=True)
class Span:
    """A printed value: where it stands in the text, and what it was made of."""

    start: int
    end: int
    ids: tuple[str, ...]
    function: str | None
    value: Decimal | None
    """The value before rounding; None of a text, a period, a label."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text with its values printed."""

    text: str
    spans: tuple[Span, ...]


def render(text: str, sheet: Sheet, language: Language) -> Rendered:
    """Print the values of a sheet into a text. Raises `GrammarError` or `Unprintable`."""
    written: list[str] = []
    spans: list[Span] = []
    at = 0
    for piece in parse(text):
        if isinstance(piece, Words):
            printed = piece.text
        else:
            printed, value = _value(piece, sheet, language)
            spans.append(Span(at, at + len(printed), piece.ids, piece.function, value))
        written.append(printed)
        at += len(printed)
    return Rendered("".join(written), tuple(spans))


def _value(piece: Placeholder, sheet: Sheet, language: Language) -> tuple[str, Decimal | None]:
    items = tuple(_item(sheet, each) for each in piece.ids)
    if piece.function:
        return _derived(piece, items, language)
    item = items[0]
    if piece.format == "label":
        return (item.label_zh if language is Language.ZH else item.label), None
    if piece.format == "period":
        return period(item, language), None
    if item.value is None:
        if item.text is None:
            raise Unprintable(f"{item.id} has no value.")
        if piece.format:
            raise Unprintable(f"{item.id} is a text: it has no format {piece.format!r}.")
        return item.text, None
    return number(item.value, item.unit, language, piece.format), item.value


def _item(sheet: Sheet, name: str) -> Item:
    item = sheet.by_id.get(name)
    if item is None:
        raise Unprintable(f"There is no evidence {name!r}.")
    return item


def _derived(piece: Placeholder, items: tuple[Item, ...], language: Language) -> tuple[str, Decimal | None]:
    function = FUNCTIONS.get(piece.function or "")
    if function is None:
        raise Unprintable(f"There is no derivation {piece.function!r}: there are {', '.join(FUNCTIONS)}.")
    if piece.format in {"period", "label"}:
        raise Unprintable(f"{piece.function}() has no {piece.format}.")
    try:
        derived = function(*items)
    except NotDerivable as error:
        raise Unprintable(f"{piece.function}({', '.join(piece.ids)}): {error}.") from error
    return number(derived.value, derived.unit, language, piece.format), derived.value


def number(value: Decimal, unit: Unit, language: Language, form: str | None = None) -> str:
    """Print a value with its unit. Halves are rounded away from zero."""
    if form == "abs":
        value = abs(value)
    decimals = int(form) if form and form.isdecimal() else None
    if unit in {Unit.CNY, Unit.SHARES}:
        return _large(value, unit, language, decimals)
    plain = rounded(value, DECIMALS.get(unit, 2) if decimals is None else decimals)
    match unit:
        case Unit.PERCENT:
            return f"{plain}%"
        case Unit.POINTS:
            return f"{plain}个百分点" if language is Language.ZH else f"{plain} pp"
        case Unit.TIMES:
            return f"{plain}倍" if language is Language.ZH else f"{plain}x"
        case Unit.CNY_PER_SHARE:
            return f"{plain}元" if language is Language.ZH else f"CNY {plain}"
        case Unit.INDEX_POINTS:
            return f"{plain}点" if language is Language.ZH else f"{plain} points"
        case Unit.DAYS:
            return f"{plain}天" if language is Language.ZH else f"{plain} days"
        case _:
            return plain


def _large(value: Decimal, unit: Unit, language: Language, decimals: int | None) -> str:
    """Money and shares, in the scale that is read most easily: 亿 and 万, billions and millions.

    What rounds up to the next scale is printed in that one: never 10,000.00万, never 1,000.00mn.
    """
    name = {Unit.CNY: ("元", "CNY "), Unit.SHARES: ("股", "")}[unit]
    places = 2 if decimals is None else decimals
    for (scale, word), smaller in zip(SCALES[language], (*SCALES[language][1:], (Decimal(1), "")), strict=True):
        own = places if smaller[1] or decimals is not None else DECIMALS.get(unit, 2)
        if _rounded(abs(value) / smaller[0], own) * smaller[0] >= scale:
            return _named(rounded(value / scale, places) + word, name, unit, language)
    return _named(rounded(value, DECIMALS.get(unit, 2) if decimals is None else decimals), name, unit, language)


def _named(plain: str, name: tuple[str, str], unit: Unit, language: Language) -> str:
    if language is Language.ZH:
        return plain + name[0]
    return f"{name[1]}{plain}" + (" shares" if unit is Unit.SHARES else "")


def rounded(value: Decimal, decimals: int) -> str:
    """A decimal with so many digits after the point, and a comma between thousands; never a negative zero."""
    value = _rounded(value, decimals)
    return f"{value or abs(value):,f}"


def _rounded(value: Decimal, decimals: int) -> Decimal:
    with localcontext(prec=DIGITS):
        return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def period(item: Item, language: Language) -> str:
    """The period of an item in words. Raises `Unprintable` when it has none."""
    text = item.period
    if text is None:
        raise Unprintable(f"{item.id} speaks of no period.")
    chinese = language is Language.ZH
    if found := _QUARTER.fullmatch(text):
        return _quarter(found[1], int(found[2]), found[3], chinese)
    if found := _SPAN.fullmatch(text):
        words = {"d": ("个交易日", "trading days"), "y": ("年", "years")}[found[2]]
        return f"近{found[1]}{words[0]}" if chinese else f"the last {found[1]} {words[1]}"
    return text


def _quarter(year: str, quarter: int, rest: str, chinese: bool) -> str:
    """A report period: what was reported of it, the single quarter (`.quarter`), or the twelve months to its end (`.ttm`)."""
    if rest == ".ttm":
        return f"截至{year}年{quarter * 3}月末的十二个月" if chinese else f"the twelve months to Q{quarter} {year}"
    if rest == ".quarter":
        return f"{year}年第{quarter}季度" if chinese else f"Q{quarter} {year}"
    names = (
        ("一季报", "半年报", "三季报", "年报")
        if chinese
        else ("first quarter", "first half", "nine months", "full year")
    )
    return f"{year}年{names[quarter - 1]}" if chinese else f"the {names[quarter - 1]} of {year}"
