"""The company, from `stock_basic` and `namechange`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.recomputed.printed import Told

if TYPE_CHECKING:
    import re

    from bench.recomputed.raw import Raw


def _name(raw: Raw, _: re.Match[str]) -> Told:
    borne = [row for row in raw.tables["namechange"] if row["start_date"] <= raw.day]
    return Told(text=borne[-1]["name"] if borne else raw.tables["stock_basic"][0]["name"])


def _column(raw: Raw, found: re.Match[str]) -> Told:
    return Told(text=raw.tables["stock_basic"][0][found[0]])


def _list_date(raw: Raw, _: re.Match[str]) -> Told:
    return Told(text=str(raw.tables["stock_basic"][0]["list_date"]))


def _status(raw: Raw, _: re.Match[str]) -> Told:
    delisted = raw.tables["stock_basic"][0]["delist_date"]
    return Told(text="已退市" if delisted and delisted <= raw.day else "上市")


RULES = (
    ("name", _name),
    ("industry|market", _column),
    ("list_date", _list_date),
    ("status", _status),
    ("index", lambda raw, found: Told(text="沪深300")),
)
