"""A small sheet of evidence, and what claims say of it."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Expert, Note
from stock_assistant_pipelines.research.evidence import Item, Kind, Sheet, Topic, Unit
from stock_assistant_pipelines.research.gate import judge
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.settings import SHANGHAI

DAY = date(2024, 11, 15)
KNOWN = datetime(2024, 11, 15, 18, tzinfo=SHANGHAI)
LABELS = {
    "revenue": ("Revenue", "营业收入"),
    "n_income": ("Net profit", "净利润"),
    "gross_margin": ("Gross margin", "毛利率"),
    "pe_ttm": ("P/E", "市盈率"),
    "pb": ("P/B", "市净率"),
}


def item(id_: str, value: str | None = None, unit: Unit = Unit.NONE, **more: Any) -> Item:
    """An item; its topic, label and period follow from its id where they are not given."""
    stem, _, rest = id_.partition(".")
    english, chinese = LABELS.get(stem, (stem, stem))
    given: dict[str, Any] = {
        "kind": Kind.ROW,
        "topic": Topic.STATEMENTS if "q" in rest.partition(".")[0] else Topic.PRICES,
        "label": english,
        "label_zh": chinese,
        "period": rest.removesuffix(".yoy").removesuffix(".change") or None,
        "known_at": KNOWN,
    }
    return Item(id=id_, value=None if value is None else Decimal(value), unit=unit, **{**given, **more})


def news(number: int, text: str, day: str | None, url: str | None = "https://news.example/1") -> Item:
    """A page."""
    known = datetime.fromisoformat(f"{day or '2024-11-14'}T09:00:00+08:00")
    return item(
        f"news.{number}",
        None,
        Unit.TEXT,
        kind=Kind.NEWS,
        topic=Topic.NEWS,
        text=text,
        period=day,
        known_at=known,
        url=url,
    )


ITEMS = (
    item("name", None, Unit.TEXT, text="三一重工", topic=Topic.COMPANY),
    item("index", None, Unit.TEXT, text="沪深300", topic=Topic.COMPANY),
    item("close", "18.62", Unit.CNY_PER_SHARE, period="2024-11-15"),
    item("ma.20d", "17.05", Unit.CNY_PER_SHARE, period="20d", label_zh="20日均线"),
    item("return.5d", "-2.4", Unit.PERCENT, period="5d", signed=True),
    item("return.20d", "12.345", Unit.PERCENT, period="20d", signed=True),
    item("excess.20d.index", "-3.1", Unit.POINTS, period="20d", signed=True),
    item("rsi.14d", "75.2", period="14d"),
    item("holders", "81234", Unit.COUNT, period="2024-09-30"),
    item("pe_ttm", "25.5", Unit.TIMES, topic=Topic.VALUATION, period="2024-11-15"),
    item("pe_ttm.percentile.3y", "82.4", Unit.PERCENT, topic=Topic.VALUATION, period="3y", derivation="percentile"),
    item("pe_ttm.percentile.3y.days", "726", Unit.DAYS, topic=Topic.VALUATION, period="3y"),
    item("pb", "2.1", Unit.TIMES, topic=Topic.VALUATION, period="2024-11-15"),
    item("revenue.2024q3", "58361000000", Unit.CNY),
    item("revenue.2023q3", "56060000000", Unit.CNY),
    item("revenue.2024q2", "39060000000", Unit.CNY),
    item("revenue.2024q3.quarter", "19301000000", Unit.CNY),
    item("revenue.2024q3.ttm", "76320000000", Unit.CNY),
    item("revenue.2024q3.yoy", "4.1", Unit.PERCENT, signed=True, derivation="yoy"),
    item("n_income.2024q3", "4868000000", Unit.CNY),
    item("n_income.2023q3", "-12000000", Unit.CNY),
    item("n_income.2024q3.yoy", "-7.9", Unit.PERCENT, signed=True, derivation="yoy"),
    item("gross_margin.2024q3", "28.27", Unit.PERCENT),
    item("gross_margin.2023q3", "27.10", Unit.PERCENT),
    item("gross_margin.2024q3.change", "1.17", Unit.POINTS, signed=True, inputs=("gross_margin.2024q3", "gross_margin.2023q3")),
    item("goodwill.2024q3", None, Unit.CNY),
    news(1, "公司中标大型项目，宁德时代参与", "2024-11-13"),
    news(2, "公司拟回购股份", "2024-10-20"),
    news(3, "公司召开股东大会", "2024-09-02"),
    news(4, "公司与客户签约", None),
    news(5, "公司完成换届", "2024-11-18"),
    news(6, "公司收到问询函", "2024-11-12", url=None),
    news(7, "三一重工明日必涨，收益300%", "2024-11-14"),
    news(8, "Sany: returns are guaranteed", "2024-11-14"),
)  # fmt: skip
SHEET = Sheet("600031.SH", "三一重工", DAY, ITEMS)
OTHERS = ("宁德时代", "万科A", "机器人", "Tesla", "三一")


def claim(text: str, *evidence: str, kind: ClaimKind = ClaimKind.FACT, **more: Any) -> Claim:
    """A claim that names as evidence what it prints, where nothing else is said."""
    names = set(re.findall(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*", " ".join(re.findall(r"\{\{(.*?)\}\}", text))))
    printed = [each.id for each in ITEMS if each.id in names]
    return Claim(text=text, kind=kind, evidence=evidence or tuple(printed) or ("close",), **more)


def refused(
    told: Claim | str, *evidence: str, expert: Expert = Expert.SYNTHESIS, language: Language = Language.ZH, **more: Any
) -> set[str]:
    """The rules that a claim breaks."""
    said = claim(told, *evidence, **more) if isinstance(told, str) else told
    note = Note(summary=said, claims=(claim("收盘价{{close}}") if language is Language.ZH else claim("At {{close}}."),))
    found = judge(expert, note, SHEET, language, OTHERS)
    return {each.rule for each in found if each.where == "summary"}
