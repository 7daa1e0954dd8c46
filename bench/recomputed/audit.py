"""The audit: what reports print, held against what is recomputed, character by character; what is not recomputed is counted."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from bench.recomputed.items import Unknown, kind, recompute
from bench.recomputed.printed import Told, in_words, printed
from bench.recomputed.raw import Raw

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.evidence import Item

CLAIMS = "select * from research_claim where report_id = :id and held order by expert, ordinal"
REPORTS = "select * from research_report where markdown is not null order by id"

PLACEHOLDER = re.compile(r"\{\{\s*([^}]*?)\s*\}\}")
PLAIN = re.compile(r"([a-z0-9_.]+)(?::(\w+))?")
ROW = re.compile(r"\| `([a-z0-9_.]+)` \| (.*) \|")
CELL = re.compile(r"(?<!\\)\| ?")
ESCAPED = re.compile(r"\\(.)")
DIGIT = re.compile(r"\d")
EVIDENCE, MISSING = ("## 证据", "## Evidence"), ("## 缺少的证据", "## Missing evidence")

LABEL, REASON, JUDGEMENT = "names of items", "reasons why something is missing", "stance, horizon and probability"
ORIGIN, HEAD = "since when and from which rows (in the evidence)", "company, day and hashes"
DERIVED = "derivations that a text asks for"


@dataclass
class Audit:
    """What was held against the tables so far."""

    connection: Connection
    checked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Figures, texts and periods, by where they stand and the kind of their item."""
    unchecked: Counter[str] = field(default_factory=Counter)
    """What was not recomputed, by what it is."""
    differences: list[str] = field(default_factory=list)
    _raws: dict[tuple[str, date], Raw] = field(default_factory=dict)
    _told: dict[tuple[str, date, str], Told] = field(default_factory=dict)

    def reports(self) -> int:
        """Audit every report that there is; returns how many."""
        rows = list(self.connection.execute(text(REPORTS)).mappings())
        for row in rows:
            self._report(row)
        return len(rows)

    def same(self, where: str, stock: tuple[str, date], name: str, shown: str, language: str, form: str = "") -> None:
        """Hold what is shown of an item against what it is."""
        try:
            told = self.told(*stock, name)
            mine = in_words(told.period or "", language) if form == "period" else printed(told, language, form)
        except Unknown:
            self.unchecked[f"item {kind(name)}"] += 1
            return
        except (LookupError, TypeError, ZeroDivisionError, ValueError) as error:
            mine = f"{type(error).__name__}: {error}"  # the tables hold no such thing
        self.checked[where, kind(name)] += 1
        if mine != shown:
            self.differences.append(
                f"{where} of {stock[0]} {stock[1]}: {name} is printed as {shown!r}, and is {mine!r}"
            )

    def told(self, ts_code: str, day: date, name: str) -> Told:
        """What an item says, recomputed once. Raises `LookupError`."""
        if (ts_code, day) not in self._raws:
            self._raws.clear()  # reports come stock by stock
            self._told.clear()
            self._raws[ts_code, day] = Raw(self.connection, ts_code, day)
        if (ts_code, day, name) not in self._told:
            self._told[ts_code, day, name] = recompute(self._raws[ts_code, day], name)
        return self._told[ts_code, day, name]

    def _report(self, row: Mapping[str, Any]) -> None:
        shown = {_sentence(line) for line in row["markdown"].splitlines()}
        claims = self.connection.execute(text(CLAIMS), {"id": row["id"]}).mappings().all()
        for claim in claims:
            self._claim(row, claim)
            if claim["text"] not in shown:
                self.differences.append(f"{row['id']} does not show {claim['expert']} {claim['place']} as it is kept")
        self._page(row, {claim["text"] for claim in claims})

    def _claim(self, row: Mapping[str, Any], claim: Mapping[str, Any]) -> None:
        """Every placeholder of the template against the characters in its place; the words between them bear no digit."""
        stock, at, spans = (row["ts_code"], row["trade_date"]), 0, iter(claim["spans"])
        parts = PLACEHOLDER.split(claim["template"])
        for words, inside in zip(parts[::2], [*parts[1::2], None], strict=True):
            if claim["text"][at : at + len(words)] != words or DIGIT.search(words):
                self.differences.append(f"{row['id']} {claim['place']}: {words!r} is not printed as it is written")
            if inside is None:
                return
            span = next(spans)
            shown, at = claim["text"][span["start"] : span["end"]], span["end"]
            plain = PLAIN.fullmatch(inside)
            if plain is None:
                self.unchecked[DERIVED] += 1
            elif plain[2] == "label":
                self.unchecked[LABEL] += 1
            else:
                self.same("claims", stock, plain[1], shown, row["language"], plain[2] or "")

    def _page(self, row: Mapping[str, Any], claims: set[str]) -> None:
        """The page around the claims: the rows of the evidence, and whatever else bears digits."""
        part = ""
        for line in row["markdown"].splitlines():
            part = line if line.startswith("## ") else part
            if part in EVIDENCE and (found := ROW.fullmatch(line)):
                self._evidence(row, found[1], found[2])
            elif not DIGIT.search(line) or _sentence(line) in claims:
                continue
            elif part in MISSING and line.startswith("- "):
                self.unchecked[REASON] += 1
            elif line.startswith("**"):
                self.unchecked[JUDGEMENT] += 1
            elif line.startswith("# ") or row["evidence_sha256"] in line:
                self.unchecked[HEAD] += 1
            else:
                self.differences.append(f"{row['id']} holds a figure of no claim: {line!r}")

    def _evidence(self, row: Mapping[str, Any], name: str, rest: str) -> None:
        stock, language = (row["ts_code"], row["trade_date"]), row["language"]
        _, value, period, *_ = [ESCAPED.sub(r"\1", cell.strip()) for cell in CELL.split(rest)]
        self.same("evidence", stock, name, value, language)
        if period:
            self.same("periods in the evidence", stock, name, period, language, "period")
        self.unchecked[LABEL] += 1
        self.unchecked[ORIGIN] += 1


def _sentence(line: str) -> str:
    """What a line of a page says, without its mark and the ids that it cites."""
    return ESCAPED.sub(r"\1", line).partition(" (`")[0].removeprefix("- ")


def forms(item: Item) -> Iterator[str]:
    """In which ways an item can be printed."""
    yield ""
    if item.value is not None:
        yield from ("0", "1", "2", "abs")
    if item.period:
        yield "period"
