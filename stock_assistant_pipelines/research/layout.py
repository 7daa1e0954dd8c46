"""The layout of a report in Markdown: stance, argument, notes, what is missing, and the evidence of every figure.

No clock and no chance: what depends on when or where a report was made is not in it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import Expert
from stock_assistant_pipelines.research.render import Language, number, period
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.research.verdicts import Outcome
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stock_assistant_pipelines.research.evidence import Item, Sheet
    from stock_assistant_pipelines.research.report import Report
    from stock_assistant_pipelines.research.verdicts import Judged, Verdict

WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.ZH: {
        "title": "{name}（{ts_code}）研究报告 {day}",
        "rules": "本报告由规则生成，并非语言模型所写，仅用于演示与测试。",
        "note": "文字由模型撰写，每个数值均由程序从下列证据打印。观点、期限和概率是模型自己的判断，不构成投资建议。",
        "view": "**观点：{stance}**；期限 {horizon} 个交易日；成真概率 {probability}%（模型自身判断）",
        "no view": "**不作判断**：{reason}",
        "outperform": "跑赢沪深300",
        "neutral": "与沪深300持平",
        "underperform": "跑输沪深300",
        "thesis": "论据",
        "invalidation": "什么会证明判断有误",
        "risks": "风险",
        Expert.TECHNICAL: "技术面",
        Expert.FINANCIAL: "财务质量",
        Expert.VALUATION: "估值",
        Expert.NEWS: "消息与催化",
        "absent": "未写：{reason}",
        "abstained": "未予发表：{reason}",
        "dropped": "有 {count} 条论断未通过核对，已略去。",
        "missing": "缺少的证据",
        "evidence": "证据",
        "columns": "编号 | 名称 | 数值 | 期间 | 知悉于 | 来源",
        "derived": "由 {derivation} 得出",
        "origin": "证据 `{sha256}`；提示词 `{prompts}`；模型 `{model}`",
    },
    Language.EN: {
        "title": "{name} ({ts_code}): research report, {day}",
        "rules": "Written by rules, not by a language model: for demonstration and tests only.",
        "note": "A model wrote the words; code printed every value from the evidence below. Stance, horizon and probability "
        "are the model's own judgement, and no investment advice.",
        "view": "**Stance: {stance}**, over {horizon} trading days; probability {probability}% (the model's own judgement)",
        "no view": "**No stance is taken**: {reason}",
        "outperform": "outperform CSI 300",
        "neutral": "in line with CSI 300",
        "underperform": "underperform CSI 300",
        "thesis": "Argument",
        "invalidation": "What would prove it wrong",
        "risks": "Risks",
        Expert.TECHNICAL: "Technical picture",
        Expert.FINANCIAL: "Quality of the finances",
        Expert.VALUATION: "Valuation",
        Expert.NEWS: "News and catalysts",
        "absent": "Not written: {reason}",
        "abstained": "Not published: {reason}",
        "dropped": "{count} claims were not supported by the evidence, and are left out.",
        "missing": "Missing evidence",
        "evidence": "Evidence",
        "columns": "id | name | value | period | known since | source",
        "derived": "by {derivation}",
        "origin": "evidence `{sha256}`; prompts `{prompts}`; model `{model}`",
    },
}

_MARKS = re.compile(r"([\\`*_{}\[\]<>|#~$])")


@dataclass(frozen=True, slots=True)
class Page:
    """A report as Markdown."""

    markdown: str

    @property
    def sha256(self) -> str:
        """The hash of its bytes."""
        return hashlib.sha256(self.markdown.encode()).hexdigest()


def lay_out(report: Report) -> Page | None:
    """The page of a report; None where it failed."""
    if report.standing is Standing.FAILED:
        return None
    return Page("\n".join(_lines(report)) + "\n")


def escaped(text: str) -> str:
    """A text in which nothing is Markdown or HTML, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _lines(report: Report) -> Iterator[str]:
    sheet, words = report.sheet, WORDS[report.edition.language]
    yield f"# {words['title'].format(name=escaped(sheet.name), ts_code=sheet.ts_code, day=sheet.day)}"
    yield ""
    yield f"> {words['rules'] if report.by_rules else words['note']}"
    yield ""
    yield from _view(report, words)
    for expert, verdict in report.verdicts.items():
        if expert is not Expert.SYNTHESIS:
            yield from _note(words[expert], verdict, words)
    if sheet.missing:
        yield from ("", f"## {words['missing']}", "")
        yield from (f"- `{name}`: {escaped(reason)}" for name, reason in sheet.missing.items())
    yield from _evidence(report, words)
    model = f"{report.edition.provider}/{report.edition.model}"
    yield ""
    yield words["origin"].format(sha256=sheet.sha256, prompts=report.edition.prompt_version, model=model)


def _view(report: Report, words: Mapping[str, str]) -> Iterator[str]:
    verdict = report.synthesis
    assert verdict is not None, "a failed report has no layout"
    if report.view is None:
        yield words["no view"].format(reason=escaped(verdict.reason or ""))
        return
    view = report.view
    stance = words[view.stance]
    yield words["view"].format(stance=stance, horizon=view.horizon, probability=round(view.probability * 100))
    for part in ("thesis", "invalidation", "risks"):
        held = [each for each in verdict.held if each.part == part]
        if held:
            yield from ("", f"## {words[part]}", "")
            yield from _claims(held)
    yield from _left_out(verdict, words)


def _note(title: str, verdict: Verdict, words: Mapping[str, str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if verdict.outcome in {Outcome.ABSENT, Outcome.ABSTAINED}:
        yield words[verdict.outcome].format(reason=escaped(verdict.reason or ""))
        return
    summary = [each for each in verdict.held if each.part == "summary"]
    if summary:
        yield from (f"{_text(summary[0])}", "")
    yield from _claims([each for each in verdict.held if each.part != "summary"])
    yield from _left_out(verdict, words)


def _claims(held: Sequence[Judged]) -> Iterator[str]:
    yield from (f"- {_text(each)}" for each in held)


def _text(judged: Judged) -> str:
    assert judged.rendered is not None, "what holds is printed"
    cited = ", ".join(f"`{each}`" for each in judged.claim.evidence)
    return f"{escaped(judged.rendered.text)} ({cited})"


def _left_out(verdict: Verdict, words: Mapping[str, str]) -> Iterator[str]:
    if verdict.dropped:
        yield from ("", f"*{words['dropped'].format(count=len(verdict.dropped))}*")


def _evidence(report: Report, words: Mapping[str, str]) -> Iterator[str]:
    """The items that the published claims cite, and what those were made of."""
    cited = cited_items(report)
    if not cited:
        return
    columns = words["columns"]
    yield from ("", f"## {words['evidence']}", "", f"| {columns} |", "|" + " --- |" * (columns.count("|") + 1))
    for item in cited:
        yield _row(item, report.edition.language, words)


def cited_items(report: Report) -> tuple[Item, ...]:
    """The items that the published claims cite, and those that they were made of, in the sheet's order."""
    sheet: Sheet = report.sheet
    wanted: set[str] = set()
    open_ = [each for verdict in report.verdicts.values() for held in verdict.held for each in held.claim.evidence]
    while open_:
        name = open_.pop()
        if name not in wanted and name in sheet.by_id:
            wanted.add(name)
            open_.extend(sheet.by_id[name].inputs)
    return tuple(item for item in sheet.items if item.id in wanted)


def _row(item: Item, language: Language, words: Mapping[str, str]) -> str:
    label = item.label_zh if language is Language.ZH else item.label
    value = number(item.value, item.unit, language) if item.value is not None else (item.text or "")
    known = item.known_at.astimezone(SHANGHAI)
    cells = [f"`{item.id}`", escaped(label), escaped(value), escaped(period(item, language)) if item.period else ""]
    return f"| {' | '.join([*cells, f'{known:%Y-%m-%d %H:%M}', _source(item, words)])} |"


def _source(item: Item, words: Mapping[str, str]) -> str:
    if item.url:
        return escaped(item.url)
    told = [
        f"`{origin.dataset}.{origin.column}` {escaped(', '.join(f'{name}={value}' for name, value in origin.key.items()))}"
        for origin in item.origins
    ]
    if item.derivation:
        made_of = ", ".join(f"`{each}`" for each in item.inputs)
        told.insert(0, words["derived"].format(derivation=f"{item.derivation}({made_of})"))
    return "; ".join(told)
