"""Answers made by rules: claims about the evidence items that stand as JSON in the prompt, with placeholders for their values.

Items are objects with an `id`, wherever in the prompt; of what else they hold `value`, `text`, `kind`, `topic`, `signed` and
`derivation` are read. The same prompt always brings the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Item = Mapping[str, Any]
Answer = dict[str, Any]

HAN = ("\u4e00", "\u9fff")
MOST = 5
"""Claims of one answer."""

WORDS = {
    "zh": {
        "value": "{{%s:label}}为{{%s}}。",
        "up": "{{%s:label}}为{{%s}},方向为正。",
        "down": "{{%s:label}}为{{%s}},方向为负。",
        "news": "据所引报道:{{%s}}。",
        "lead": "就现有证据而言,{{%s:label}}为{{%s}}。",
        "invalidation": "若{{%s:label}}与此相反,上述判断即不成立。",
        "risk": "{{%s:label}}之后可能改变,规则无法预知。",
        "company": "云海控股的{{%s:label}}为{{%s}}。",
        "digits": "{{%s:label}}为{{%s}},约为12.5%%。",
    },
    "en": {
        "value": "{{%s:label}} is {{%s}}.",
        "up": "{{%s:label}} is {{%s}}, which is positive.",
        "down": "{{%s:label}} is {{%s}}, which is negative.",
        "news": "According to the cited report: {{%s}}.",
        "lead": "On this evidence, {{%s:label}} is {{%s}}.",
        "invalidation": "Should {{%s:label}} turn the other way, this no longer holds.",
        "risk": "{{%s:label}} may change, which rules cannot foresee.",
        "company": "Yunhai Holdings' {{%s:label}} is {{%s}}.",
        "digits": "{{%s:label}} is {{%s}}, about 12.5%%.",
    },
}
"""The sentences, by language."""


class NoEvidence(ValueError):
    """The prompt holds no items, so there is nothing to say."""


def answer(prompt: str, system: str, contract: str, defect: str | None = None) -> Answer:
    """An answer that keeps to a contract: where that names a `stance` it is a synthesis, else a note. Raises `NoEvidence`.

    `defect` plants one: `wrong_company` or `literal_digits`.
    """
    telling = [item for item in items(prompt) if item.get("value") is not None or item.get("text")]
    about = [item for item in telling if item.get("topic") != "company"]
    if not about:
        raise NoEvidence("no evidence in the prompt: send items as JSON objects with an id and a value")
    words = WORDS["zh" if any(HAN[0] <= sign <= HAN[1] for sign in system or prompt) else "en"]
    chosen = sorted(about, key=_weight)[:MOST]
    claims = [_claim(item, words) for item in chosen]
    if defect:
        name = "company" if defect == "wrong_company" else "digits"
        claims[0] = _said(words[name], chosen[0], "fact")
    if '"stance"' not in contract:
        return {"summary": _summary(chosen[0], words), "claims": claims}
    return _synthesis(chosen, claims, words)


def items(prompt: str) -> list[Item]:
    """The evidence items in a text, in order, each id once."""
    found: dict[str, Item] = {}
    for value in _documents(prompt):
        for item in _within(value):
            found.setdefault(str(item["id"]), item)
    return list(found.values())


def _documents(text: str) -> Iterator[Any]:
    """The JSON objects and lists in a text, the outermost only."""
    decoder = json.JSONDecoder()
    at = 0
    while (at := next((i for i in range(at, len(text)) if text[i] in "[{"), -1)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            at += 1
            continue
        yield value


def _within(value: Any) -> Iterator[Item]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str) and ("value" in value or "text" in value):
            yield value
            return
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _within(each)


def _weight(item: Item) -> tuple[int, str]:
    """What tells a direction comes first, then what has a place in history, then figures, then texts."""
    if item.get("signed"):
        return 0, item["id"]
    if item.get("derivation"):
        return 1, item["id"]
    return (2 if item.get("value") is not None else 3), item["id"]


def _sign(item: Item) -> int:
    if not item.get("signed") or item.get("value") is None:
        return 0
    value = str(item["value"])
    return 0 if not value.strip("-0.") else -1 if value.startswith("-") else 1


def _claim(item: Item, words: Mapping[str, str]) -> Answer:
    if item.get("value") is None:
        return _said(words["news" if item.get("kind") == "news" else "value"], item, "fact")
    sign = _sign(item)
    said = _said(words[{1: "up", -1: "down", 0: "value"}[sign]], item, "fact")
    return {**said, "direction": {1: "up", -1: "down", 0: "none"}[sign]}


def _summary(item: Item, words: Mapping[str, str]) -> Answer:
    return _claim(item, words) if item.get("value") is None else _said(words["lead"], item, "fact")


def _said(sentence: str, item: Item, kind: str) -> Answer:
    text = sentence % ((item["id"],) * sentence.count("%s"))
    return {"text": text, "kind": kind, "evidence": [item["id"]], "direction": "none"}


def _synthesis(chosen: list[Item], claims: list[Answer], words: Mapping[str, str]) -> Answer:
    balance = sum(_sign(item) for item in chosen)
    stance = "neutral" if balance == 0 else "outperform" if balance > 0 else "underperform"
    return {
        "stance": stance,
        "horizon": 20,
        "probability": 0.5 + 0.05 * min(abs(balance), 4),
        "thesis": claims,
        "invalidation": [_said(words["invalidation"], chosen[0], "opinion")],
        "risks": [_said(words["risk"], chosen[-1], "risk")],
    }
