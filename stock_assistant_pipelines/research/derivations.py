"""Derivations: the arithmetic that a report may do with evidence, registered by name. Pure functions of items.

A text may ask for one (`{{yoy(a, b)}}`); the collectors make items by the same functions. What cannot be told
honestly, a growth from a negative base, two periods that are no year apart, two units, is refused with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.evidence import Item, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HUNDRED = Decimal(100)
DIGITS = 28
"""Significant digits that arithmetic keeps."""

_QUARTER = re.compile(r"(\d{4})q([1-4])")


class NotDerivable(ValueError):
    """A derivation that these items do not allow; says why."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What a derivation makes."""

    value: Decimal
    unit: Unit
    signed: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A registered derivation."""

    name: str
    arguments: str
    """What it takes, in order."""
    meaning: str
    meaning_zh: str
    apply: Callable[[tuple[Item, ...]], Derived]

    def __call__(self, *items: Item) -> Derived:
        """Derive. Raises `NotDerivable`."""
        with localcontext(prec=DIGITS):
            return self.apply(items)


def _pair(items: tuple[Item, ...]) -> tuple[Item, Item, Decimal, Decimal]:
    """Two items of one unit, and their values."""
    if len(items) != 2:
        raise NotDerivable(f"takes two items, not {len(items)}")
    first, second = items
    if first.value is None or second.value is None:
        raise NotDerivable(f"{first.id if first.value is None else second.id} has no value")
    if first.unit != second.unit:
        raise NotDerivable(f"{first.id} is in {first.unit or 'no unit'}, {second.id} in {second.unit or 'no unit'}")
    return first, second, first.value, second.value


def _change(items: tuple[Item, ...]) -> Derived:
    first, second, new, old = _pair(items)
    _in_order(first, second)
    if quarter(first) and measure(first) != measure(second):
        raise NotDerivable(
            f"{first.id} and {second.id} are two things: compare them by ratio(), share() or difference()"
        )
    if old <= 0:
        raise NotDerivable(f"{second.id} is not above zero: a growth from there means nothing")
    if first.unit in {Unit.PERCENT, Unit.POINTS}:
        raise NotDerivable("percentages are compared by difference()")
    return Derived((new / old - 1) * HUNDRED, Unit.PERCENT, signed=True)


def _yoy(items: tuple[Item, ...]) -> Derived:
    first, second, *_ = _pair(items)
    new, old = quarter(first), quarter(second)
    if new is None or old is None or new[0] - old[0] != 1 or new[1] != old[1]:
        raise NotDerivable(f"{first.id} and {second.id} are not the same quarter of two years in a row")
    return _change(items)


def _difference(items: tuple[Item, ...]) -> Derived:
    first, second, new, old = _pair(items)
    if measure(first) == measure(second):
        _in_order(first, second)
    same = first.id.partition(".")[0] == second.id.partition(".")[0]
    unit = Unit.POINTS if first.unit is Unit.PERCENT else first.unit
    return Derived(new - old, unit, signed=same or (first.signed and second.signed))


def _ratio(items: tuple[Item, ...]) -> Derived:
    _, second, above, below = _pair(items)
    if below <= 0:
        raise NotDerivable(f"{second.id} is not above zero: a multiple of it means nothing")
    return Derived(above / below, Unit.TIMES, signed=False)


def _share(items: tuple[Item, ...]) -> Derived:
    _, second, part, whole = _pair(items)
    if whole <= 0:
        raise NotDerivable(f"{second.id} is not above zero: a share of it means nothing")
    return Derived(part / whole * HUNDRED, Unit.PERCENT, signed=False)


def _cagr(items: tuple[Item, ...]) -> Derived:
    first, second, new, old = _pair(items)
    late, early = quarter(first), quarter(second)
    years = late[0] - early[0] if late and early and late[1] == early[1] else 0
    if years < 1 or measure(first) != measure(second):
        raise NotDerivable(f"{first.id} and {second.id} are not the same quarter of a later and an earlier year")
    if old <= 0 or new <= 0:
        raise NotDerivable("a yearly growth needs both values above zero")
    return Derived(((new / old) ** (Decimal(1) / years) - 1) * HUNDRED, Unit.PERCENT, signed=True)


def _mean(items: tuple[Item, ...]) -> Derived:
    if len(items) < 2:
        raise NotDerivable("takes two items or more")
    units = {item.unit for item in items}
    if len(units) > 1:
        raise NotDerivable("the items are of different units")
    values = [item.value for item in items if item.value is not None]
    if len(values) < len(items):
        raise NotDerivable("one of the items has no value")
    return Derived(sum(values, Decimal()) / len(values), items[0].unit, signed=all(item.signed for item in items))


def _in_order(first: Item, second: Item) -> None:
    """Of two report periods the later one comes first."""
    new, old = quarter(first), quarter(second)
    if new and old and new <= old:
        raise NotDerivable(f"{first.id} is not later than {second.id}: the later one comes first")


def measure(item: Item) -> str:
    """What an item measures, whatever the report period: its id without the period."""
    return ".".join(part for part in item.id.split(".") if not _QUARTER.fullmatch(part))


def quarter(item: Item) -> tuple[int, int] | None:
    """Year and quarter of an item that speaks of a report period; None of any other."""
    found = _QUARTER.match(item.period or "")
    return (int(found[1]), int(found[2])) if found else None


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        function.name: function
        for function in (
            Function("change", "new, old", "new over old, less one, in percent", "变动幅度（%）", _change),
            Function("yoy", "new, old", "change on the same quarter a year earlier, in percent", "同比（%）", _yoy),
            Function("difference", "a, b", "a less b; of percentages in percentage points", "差值", _difference),
            Function("ratio", "a, b", "a as a multiple of b", "倍数", _ratio),
            Function("share", "part, whole", "the part of the whole, in percent", "占比（%）", _share),
            Function("cagr", "new, old", "growth a year between two years, in percent", "年均复合增速（%）", _cagr),
            Function("mean", "a, b, …", "the mean", "均值", _mean),
        )
    }
)
"""The derivations that a text may ask for, by name."""
