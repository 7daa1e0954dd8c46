"""Figures: what a report prints, and the lines of evidence that each printed figure leads to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from api.answers import moment
from stock_assistant_pipelines.research.evidence import Item
from stock_assistant_pipelines.research.render import Language, number, period

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from api.pages.languages import Language as Told

WEB = ("http://", "https://")
"""What a link to a page begins with: no other address that the web told is one."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: words, or a printed figure with the line that it leads to."""

    text: str
    line: str | None = None
    exact: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A row that a figure was taken from."""

    dataset: str
    key: str
    column: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of evidence: an item, or a figure that a text had reckoned from items."""

    id: str
    name: str
    label: str
    shown: str
    exact: str | None
    period: str | None = None
    known_at: str | None = None
    sources: tuple[Source, ...] = ()
    derivation: str | None = None
    inputs: tuple[str, ...] = ()
    url: str | None = None


def pieces(claim: dict[str, Any]) -> list[Piece]:
    """The text of a claim, cut at its figures."""
    text, at, cut = claim["text"] or "", 0, []
    for span in sorted(claim["spans"], key=lambda span: span["start"]):
        if span["start"] > at:
            cut.append(Piece(text[at : span["start"]]))
        exact = None if span["value"] is None else f"{span['value']}"
        cut.append(Piece(text[span["start"] : span["end"]], line_of(span), exact))
        at = span["end"]
    return [*cut, Piece(text[at:])] if at < len(text) else cut


def line_of(span: dict[str, Any]) -> str:
    """The id of the line that a figure leads to."""
    if span["function"] is None:
        return _id(span["ids"][0])
    return "-".join((_id(span["function"]), *span["ids"]))


def lines(
    items: Sequence[dict[str, Any]], published: Sequence[dict[str, Any]], language: Told
) -> tuple[list[Line], list[Line]]:
    """What the published claims rest on, with what that is made of; and what else there is. Both in the sheet's order."""
    cited = _cited(items, published)
    rest = [_line(item, language) for item in items if item["id"] not in cited]
    return [*(_line(item, language) for item in items if item["id"] in cited), *_reckoned(published)], rest


def _cited(items: Iterable[dict[str, Any]], published: Iterable[dict[str, Any]]) -> set[str]:
    inputs = {item["id"]: item["inputs"] for item in items}
    open_ = [one for claim in published for one in claim["evidence"]]
    open_ += [one for claim in published for span in claim["spans"] for one in span["ids"]]
    cited: set[str] = set()
    while open_:
        name = open_.pop()
        if name in inputs and name not in cited:
            cited.add(name)
            open_.extend(inputs[name])
    return cited


def _reckoned(published: Iterable[dict[str, Any]]) -> Iterator[Line]:
    """The figures that the texts had reckoned, each once."""
    seen: set[str] = set()
    for claim in published:
        for span in claim["spans"]:
            name = line_of(span)
            if span["function"] is None or name in seen:
                continue
            seen.add(name)
            shown, call = claim["text"][span["start"] : span["end"]], f"{span['function']}({', '.join(span['ids'])})"
            yield Line(
                name, call, "", shown, f"{span['value']}", derivation=span["function"], inputs=tuple(span["ids"])
            )


def _line(told: dict[str, Any], language: Told) -> Line:
    item = Item.from_plain({**told, "origins": ()})
    spoken = Language(language)
    line = Line(
        _id(item.id),
        item.id,
        item.label_zh if spoken is Language.ZH else item.label,
        (item.text or "–") if item.value is None else number(item.value, item.unit, spoken),
        None if item.value is None else f"{item.value:f}",
        known_at=moment(item.known_at),
        sources=tuple(_source(origin) for origin in told["origins"]),
        derivation=item.derivation,
        inputs=item.inputs,
        url=item.url if item.url and item.url.lower().startswith(WEB) else None,
    )
    return replace(line, period=period(item, spoken)) if item.period else line


def _source(origin: dict[str, Any]) -> Source:
    key = ", ".join(f"{name} {value}" for name, value in origin["key"].items())
    return Source(origin["dataset"], key, origin["column"], origin["href"])


def _id(name: str) -> str:
    return f"e-{name}"
