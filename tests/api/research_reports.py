"""Research reports of the small market, as the desk keeps them: published, in part, without a stance, failed, and one begun."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from small_market import connected

from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction, Expert
from stock_assistant_pipelines.research.evidence import Item, Kind, Origin, Sheet, Topic, Unit
from stock_assistant_pipelines.research.reading import Violation
from stock_assistant_pipelines.research.render import Language, render
from stock_assistant_pipelines.research.verdicts import Answered, Judged, Outcome, Verdict
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_OUTCOME, RESEARCH_REPORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

MAOTAI, PINGAN, JINTIAN = "600519.SH", "000001.SZ", "000003.SZ"
BEFORE, DAY = date(2024, 1, 3), date(2024, 1, 4)
MADE = datetime(2024, 1, 4, 12, 0, tzinfo=UTC)

PUBLISHED = f"{MAOTAI}-20240104-aaaaaaaaaa"
ENGLISH = f"{MAOTAI}-20240104-bbbbbbbbbb"
ABSTAINED = f"{PINGAN}-20240104-cccccccccc"
FAILED = f"{MAOTAI}-20240103-dddddddddd"
BEGUN = f"{JINTIAN}-20240104-eeeeeeeeee"

HOSTILE = "</a></table><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
"""What a model or a page says that means harm."""


def item(name: str, label: str, zh: str, value: str | None = None, **more: Any) -> Item:
    told = {"kind": Kind.ROW, "topic": Topic.PRICES, "known_at": datetime(2024, 1, 4, 16, 0, tzinfo=SHANGHAI), **more}
    return Item(id=name, label=label, label_zh=zh, value=None if value is None else Decimal(value), **told)


def bar(day: date) -> tuple[Origin, ...]:
    return (Origin("daily", {"trade_date": day.isoformat(), "ts_code": MAOTAI}, "close"),)


ITEMS = (
    item(
        "industry", "Industry", "行业", text="白酒", origins=(Origin("stock_basic", {"industry": "白酒"}, "industry"),)
    ),
    item("close", "Close", "收盘价", "1669", unit=Unit.CNY_PER_SHARE, period="2024-01-04", origins=bar(DAY)),
    item(
        "close.before",
        "Close before",
        "前收盘价",
        "1694",
        unit=Unit.CNY_PER_SHARE,
        period="2024-01-03",
        origins=bar(BEFORE),
    ),
    item(
        *("return.1d", "Return of a day", "一日涨跌幅", "-1.475796930342384887839433294"),
        kind=Kind.DERIVED,
        derivation="change",
        inputs=("close", "close.before"),
        unit=Unit.PERCENT,
        period="1d",
        signed=True,
    ),
    item(
        *("revenue.2023q2", "Revenue", "营业收入", "710"),
        topic=Topic.STATEMENTS,
        unit=Unit.CNY,
        period="2023q2",
        origins=(Origin("income", {"ts_code": MAOTAI, "end_date": "2023-06-30"}, "revenue"),),
    ),
    item("news.1", "News", "新闻", text=HOSTILE, kind=Kind.NEWS, topic=Topic.NEWS, url="javascript:alert(3)"),
    item(
        "news.2",
        "News",
        "新闻",
        text="公司召开股东大会",
        kind=Kind.NEWS,
        topic=Topic.NEWS,
        url="https://news.example/2?a=1&b=2",
    ),
)
SHEET = Sheet(MAOTAI, "贵州茅台", DAY, ITEMS, {"valuation": "daily_basic has not landed"})
OTHER = Sheet(PINGAN, "平安银行", DAY, ITEMS[1:2], {})


def judged(place: str, text: str, *evidence: str, wrong: str | None = None, language: str = "zh") -> Judged:
    claim = Claim(text=text, kind=ClaimKind.FACT, evidence=evidence, direction=Direction.NONE)
    violations = (Violation("direction", place, wrong),) if wrong else ()
    return Judged(place, claim, render(text, SHEET, Language(language)), violations)


NOTES: Mapping[Expert, Verdict] = {
    Expert.TECHNICAL: Verdict(
        expert=Expert.TECHNICAL,
        outcome=Outcome.DEGRADED,
        reason="1 of 3 claims are not supported by the evidence",
        claims=(
            judged("summary", "收盘于{{close}}，一日{{return.1d}}。", "close", "return.1d"),
            judged("claims[0]", "较前收盘价变动{{change(close, close.before):1}}。", "close", "close.before"),
            judged("claims[1]", "一日上涨{{return.1d:abs}}。", "return.1d", wrong="The figure falls."),
        ),
        answered=(Answered(1, "sandbox", "sandbox-rules"),),
    ),
    Expert.NEWS: Verdict(
        expert=Expert.NEWS,
        outcome=Outcome.WRITTEN,
        claims=(judged("summary", "消息：{{news.1}}；{{news.2}}。<b>&amp;", "news.1", "news.2"),),
        answered=(Answered(2, "sandbox", "sandbox-rules"),),
        strangers=("平安银行",),
    ),
    Expert.VALUATION: Verdict(expert=Expert.VALUATION, outcome=Outcome.ABSENT, reason="daily_basic has not landed"),
    Expert.SYNTHESIS: Verdict(
        expert=Expert.SYNTHESIS,
        outcome=Outcome.WRITTEN,
        claims=(
            judged("thesis[0]", "上半年{{revenue.2023q2:label}}{{revenue.2023q2}}。", "revenue.2023q2"),
            judged("invalidation[0]", "若跌破{{close}}则判断有误。", "close"),
            judged("risks[0]", "行业（{{industry}}）景气下行。", "industry"),
        ),
        answered=(Answered(3, "sandbox", "sandbox-rules"),),
    ),
}

SILENT = Verdict(
    expert=Expert.SYNTHESIS,
    outcome=Outcome.ABSTAINED,
    reason="模型放弃判断",
    claims=(judged("thesis[0]", "收盘于{{close}}。", "close"),),
    answered=(Answered(4, "sandbox", "sandbox-rules"),),
)
"""A synthesis that argues, and abstains."""

UNHEARD = Verdict(expert=Expert.TECHNICAL, outcome=Outcome.FAILED, reason="Unreachable: nobody answered")


STAND_INS: Mapping[Expert, tuple[Answered, ...]] = {
    **{expert: (Answered(4, "dashscope", "qwen3.8-max"),) for expert in (Expert.TECHNICAL, Expert.SYNTHESIS)},
    Expert.NEWS: (Answered(5, "deepseek", "deepseek-v4-pro"),),
    Expert.VALUATION: (),
}
"""Who answered for the English report: of the news another model than the first to be asked."""


def report(report_id: str, **values: Any) -> dict[str, Any]:
    code, day, _ = report_id.rsplit("-", 2)
    return {
        "id": report_id,
        "ts_code": code,
        "trade_date": date.fromisoformat(day),
        "name": "贵州茅台",
        "language": "zh",
        "provider": "sandbox",
        "model": "sandbox-rules",
        "prompt_version": "f" * 64,
        "evidence_sha256": None,
        "status": "published",
        "reason": None,
        "stance": None,
        "horizon": None,
        "probability": None,
        "claims": 0,
        "dropped": 0,
        "markdown": None,
        "sha256": None,
        "forward": True,
        "before_cutoff": None,
        "made_at": MADE,
        "run_id": None,
        **values,
    }


TEXT = "# 贵州茅台\n\n收盘于1,669.00元\n"


def reports() -> list[dict[str, Any]]:
    held = {"stance": "outperform", "horizon": 20, "probability": Decimal("0.62"), "claims": 6, "dropped": 1}
    return [
        report(
            PUBLISHED,
            **held,
            evidence_sha256=SHEET.sha256,
            markdown=TEXT,
            sha256=hashlib.sha256(TEXT.encode()).hexdigest(),
            run_id="4f0c",
            before_cutoff=None,
        ),
        report(
            ENGLISH,
            **held | {"stance": "neutral", "probability": Decimal("0.5")},
            evidence_sha256=SHEET.sha256,
            language="en",
            provider="dashscope",
            model="qwen3.8-max",
            status="degraded",
            reason="technical: 1 of 3",
            markdown="# x\n",
            forward=False,
            before_cutoff=True,
            made_at=MADE + timedelta(days=90),
        ),
        report(
            ABSTAINED,
            name="平安银行",
            evidence_sha256=OTHER.sha256,
            status="abstained",
            reason="synthesis: the model abstains",
            markdown="# y\n",
        ),
        report(FAILED, status="failed", reason="daily has not landed", name=MAOTAI),
    ]


def outcome(horizon: int, end: date, **values: Any) -> dict[str, Any]:
    told = {"report_id": PUBLISHED, "horizon": horizon, "end_date": end, "made_from": "0" * 64, "made_at": MADE}
    names = ("return_pct", "index_pct", "industry_pct", "hit", "brier", "lacks")
    return {**told, **dict.fromkeys(names), **values}


OUTCOMES = [
    outcome(1, date(2024, 1, 5), return_pct=Decimal("-0.34"), lacks="index_daily has not landed"),
    outcome(
        20,
        date(2024, 2, 1),
        return_pct=Decimal("3.5"),
        index_pct=Decimal("1.25"),
        industry_pct=Decimal(2),
        hit=True,
        brier=Decimal("0.1444"),
    ),
]


def call(number: int, **values: Any) -> dict[str, Any]:
    return {
        "report_key": PUBLISHED,
        "expert": "technical",
        "provider": "sandbox",
        "model": "sandbox-rules",
        "rung": "json_schema",
        "request_sha256": "0" * 64,
        "request": b"what was asked",
        "response": b"what was answered",
        "tokens_in": 1000 + number,
        "tokens_out": 200,
        "tokens_cached": 500,
        "tokens_reasoning": None,
        "price_version": "2026-11",
        "reserved_cny": Decimal("0.1"),
        "cost_cny": Decimal("0.0123"),
        "started_at": MADE,
        "expires_at": MADE,
        "first_byte_ms": 1,
        "total_ms": 20,
        "attempt": 1,
        "outcome": "answered",
        "error": None,
        **values,
    }


def fill(url: str) -> None:
    """Add them."""
    with connected(url) as engine, engine.begin() as connection:
        add(connection)


def add(connection: Connection) -> None:
    store.watch(connection, DAY, dict.fromkeys((MAOTAI, PINGAN, JINTIAN), "600519.SH,000001.SZ,000003.SZ"))
    store.watch(connection, BEFORE, {MAOTAI: "on demand"})
    for sheet in (SHEET, OTHER):
        store.save_sheet(connection, sheet, MADE)
    store.save_error(connection, BEFORE, MAOTAI, "daily has not landed")
    for number, verdict in enumerate(NOTES.values()):
        at = MADE + timedelta(seconds=number)
        store.save_verdict(connection, PUBLISHED, verdict, "e" * 64, at)
        store.save_verdict(connection, ENGLISH, replace(verdict, answered=STAND_INS[verdict.expert]), "e" * 64, at)
    store.save_verdict(connection, ABSTAINED, SILENT, "e" * 64, MADE)
    store.save_verdict(connection, FAILED, UNHEARD, "e" * 64, MADE)
    store.save_verdict(connection, BEGUN, NOTES[Expert.VALUATION], "e" * 64, MADE)
    connection.execute(RESEARCH_REPORT.insert(), reports())
    connection.execute(RESEARCH_OUTCOME.insert(), OUTCOMES)
    connection.execute(
        LLM_CALL.insert(), [call(1), call(2), call(3, report_key=ENGLISH), call(4, cost_cny=None, outcome=None)]
    )
