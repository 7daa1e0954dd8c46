"""Which items there are, and who recomputes each: by the shape of their ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.recomputed import company, filings, previews, prices, valuation

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.recomputed.printed import Told
    from bench.recomputed.raw import Raw

    Rule = tuple[str, Callable[[Raw, re.Match[str]], Told]]

RULES: tuple[Rule, ...] = (*company.RULES, *prices.RULES, *valuation.RULES, *filings.RULES, *previews.RULES)


class Unknown(LookupError):
    """An item that nobody here knows how to recompute."""


def recompute(raw: Raw, name: str) -> Told:
    """What an item of a sheet says. Raises `Unknown`; `LookupError` where the tables hold no such thing."""
    for pattern, rule in RULES:
        if found := re.fullmatch(pattern, name):
            return rule(raw, found)
    raise Unknown(f"nobody recomputes {name}")


def kind(name: str) -> str:
    """What sort of item it is: its id, whatever the report period and the span."""
    return re.sub(r"\b\d{4}q\d\b", "QUARTER", re.sub(r"\b\d+d\b", "SPAN", name))
