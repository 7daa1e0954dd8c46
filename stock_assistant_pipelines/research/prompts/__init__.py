"""Prompts: what each expert is told, in files, and the questions that are made of them. Versioned by their content.

The system text is the shared rules and the expert's own part. The user text is the evidence, one JSON object per line with
values as they would be printed, what is missing, and, for the synthesis, what is left of the others' notes.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson

from stock_assistant_pipelines.research.contracts import Expert, Note, Synthesis
from stock_assistant_pipelines.research.evidence import Item, Kind, Sheet, Topic
from stock_assistant_pipelines.research.providers.exchange import Prompt, schema
from stock_assistant_pipelines.research.reading import TOPICS
from stock_assistant_pipelines.research.render import Language, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stock_assistant_pipelines.research.contracts import Claim
    from stock_assistant_pipelines.research.reading import Violation

FORM = 1
"""The version of the user text: raised when this module writes it in another way."""

WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.ZH: {
        "head": "公司：{name}（{ts_code}）。交易日：{day}。",
        "evidence": "证据：",
        "missing": "缺少：",
        "notes": "各位研究员通过核对的论断：",
        "answer": "你上次的回答：",
        "refused": "其中以下各处未通过核对，请只改正这些地方，其余保持不变，重新给出完整的回答：",
    },
    Language.EN: {
        "head": "Company: {name} ({ts_code}). Trading day: {day}.",
        "evidence": "Evidence:",
        "missing": "Missing:",
        "notes": "Claims of the other analysts that have been checked:",
        "answer": "Your last answer:",
        "refused": "These parts of it were refused. Mend them, leave the rest as it is, and give the whole answer again:",
    },
}


def contract(expert: Expert) -> type[Note] | type[Synthesis]:
    """What an expert answers with."""
    return Synthesis if expert is Expert.SYNTHESIS else Note


@cache
def system(expert: Expert, language: Language) -> str:
    """What an expert is told it is to do."""
    parts = (f"shared.{language}.md", f"{expert}.{language}.md")
    return "\n\n".join(files(__package__).joinpath(name).read_text(encoding="utf-8").strip() for name in parts)


@cache
def version(expert: Expert, language: Language) -> str:
    """The SHA-256 of all that makes an expert's question the same but its evidence."""
    told = [FORM, system(expert, language), WORDS[language], schema(contract(expert))]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


@cache
def edition(language: Language) -> str:
    """The version of all prompts in a language, twelve hex digits."""
    told = "".join(version(expert, language) for expert in Expert)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def given(expert: Expert, sheet: Sheet, notes: Mapping[Expert, Sequence[Claim]]) -> tuple[Item, ...]:
    """The items that an expert is shown: those of its topics, its own first; the synthesis those that the others cited.

    The company's are always among them, and come first.
    """
    if expert is not Expert.SYNTHESIS:
        topics = TOPICS[expert]
        return tuple(sorted(sheet.of(*topics), key=lambda item: topics.index(item.topic)))
    cited = {each for claims in notes.values() for claim in claims for each in claim.evidence}
    return tuple(item for item in sheet.items if item.topic is Topic.COMPANY or item.id in cited)


def ask(expert: Expert, sheet: Sheet, language: Language, notes: Mapping[Expert, Sequence[Claim]]) -> Prompt:
    """The question to an expert."""
    words = WORDS[language]
    lines = [words["head"].format(name=sheet.name, ts_code=sheet.ts_code, day=sheet.day), "", words["evidence"]]
    lines += [_json(shown(item, language)) for item in given(expert, sheet, notes)]
    if missing := list(_missing(expert, sheet)):
        lines += ["", words["missing"], *missing]
    if notes:
        lines += ["", words["notes"]]
        lines += [
            _json({"expert": name, "text": claim.text, "evidence": claim.evidence})
            for name, claims in notes.items()
            for claim in claims
        ]
    return Prompt(system(expert, language), "\n".join(lines))


def repair(prompt: Prompt, answer: Note | Synthesis, violations: Iterable[Violation], language: Language) -> Prompt:
    """The question anew, with the answer to it and what is wrong with that."""
    words = WORDS[language]
    lines = [prompt.user, "", words["answer"], _json(answer.model_dump(mode="json")), "", words["refused"]]
    lines += [f"- {each.where or '*'}: {each.detail}" for each in violations]
    return Prompt(prompt.system, "\n".join(lines))


def shown(item: Item, language: Language) -> dict[str, Any]:
    """An item as a model sees it: its value as it would be printed, rounded, with its unit."""
    made: dict[str, Any] = {"id": item.id, "label": item.label_zh if language is Language.ZH else item.label}
    if item.value is not None:
        made["value"] = number(item.value, item.unit, language)
    else:
        made["text"] = item.text
    if item.signed and item.value is not None:
        made["direction"] = {1: "up", -1: "down", 0: "flat"}[item.direction]
    if item.period:
        made["period"] = item.period
    made["topic"] = item.topic
    if item.kind is Kind.NEWS:
        made["kind"] = item.kind
    return made


def _missing(expert: Expert, sheet: Sheet) -> Iterator[str]:
    """What is missing: all of it for the synthesis, else what has to do with the expert's topics."""
    topics = TOPICS[expert]
    for name, reason in sorted(sheet.missing.items()):
        if name not in set(Topic) or name in topics:
            yield f"- {name}: {reason}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
