"""What is told of a cause, in Chinese and English: a title of one line; what it concerns, why, and what to do first.

A message fits the narrowest of the channels: WeCom takes 2,048 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.alerts.causes import Kind
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import SNAPSHOT

if TYPE_CHECKING:
    from datetime import datetime

    from stock_assistant_pipelines.alerts.causes import Affected, Cause

NAME = "股票助手 Stock Assistant"
"""Stands in every message: robots that let only messages with a keyword pass are given one of its words."""

SANDBOX = "[沙箱 SANDBOX] "

TITLE_BYTES, BODY_BYTES, REASON_BYTES = 250, 1600, 400
DATASETS_SHOWN, NAMED = 8, 3

KINDS = {
    Kind.FAILED: "失败 FAILED",
    Kind.PERMISSION: "权限 PERMISSION",
    Kind.QUOTA: "配额 QUOTA",
    Kind.LATE: "迟到 LATE",
    Kind.PARTIAL: "不完整 PARTIAL",
}

SUBJECTS = {
    "unanswered": "Tushare 不应答 Tushare does not answer",
    "HttpStatusError": "Tushare 网关报错 Tushare's gateway answers with an error",
    "MalformedAnswer": "应答不合协议 answers are cut off or no JSON",
    "SchemaDrift": "接口字段有变 an interface has changed",
    "QuotaUnavailable": "配额读不到 the quota cannot be asked",
    "calendar": "交易日历不到今天 the calendar does not reach today",
    "snapshot": "多日未能更新 it could not be fetched anew for days",
    "evening": "当晚财报无应答 the reports of an evening were not answered",
    "BadToken": "令牌无效 the token is refused",
    "IpLimit": "IP 数量超限 the token is used from too many addresses",
    "PermissionDenied": "积分不足 the token's points do not open it",
    "Throttled day": "当日调用用完 the calls of today are used up",
    "Throttled hour": "本小时调用用完 the calls of this hour are used up",
}
"""What the causes of the coverage say, by their first word where they are not found whole."""

AGAIN = (
    "先等：半小时后自动重试，间隔加倍",
    "wait: it is asked again after half an hour, then an hour, two …",
)
ADVICE = {
    "unanswered": (
        f"{AGAIN[0]}；仍不通则查网络、代理与 TUSHARE_BASE_URL，看 Tushare 是否在维护",
        f"{AGAIN[1]}; then check network and proxy, and whether Tushare is being maintained",
    ),
    "HttpStatusError": ("核对 TUSHARE_BASE_URL", "check TUSHARE_BASE_URL"),
    "SchemaDrift": (
        "对照 Tushare 文档改 catalog 里的声明，再 `stock-assistant holes --fix`",
        "compare the declaration in the catalog with Tushare's documentation, then `stock-assistant holes --fix`",
    ),
    "QuotaUnavailable": ("查 PostgreSQL 是否在运行", "check that PostgreSQL runs"),
    "calendar": ("在 Dagster 里重跑 trade_cal", "materialise trade_cal in Dagster"),
    "snapshot": ("在 Dagster 里看它最近一次运行的日志", "read the log of its last run in Dagster"),
    "evening": (
        "在 Dagster 里看 disclosed 的运行与计划 reports 是否开着",
        "look in Dagster at the runs of disclosed, and whether the schedule reports is on",
    ),
    "BadToken": ("核对 TUSHARE_TOKEN，改后重启", "check TUSHARE_TOKEN, then restart"),
    "IpLimit": ("让平台只用一个固定出口 IP", "give the platform one fixed outgoing address"),
    "PermissionDenied": (
        "核对 TUSHARE_POINTS；不需要该数据集则不必处理，不再提醒",
        "check TUSHARE_POINTS; nothing to do if you do not need it: you are not reminded",
    ),
    "run": (
        "在 Dagster 里看该次运行的日志，修好后重跑",
        "read the run's log in Dagster, mend it, and run it again",
    ),
    "budget": (
        "无需处理：预算恢复后自动继续；要提前继续，调高 LLM_BUDGET_DAY 或 LLM_BUDGET_MONTH 后重启",
        "nothing: it goes on when the budget begins anew; sooner if you raise LLM_BUDGET_DAY or LLM_BUDGET_MONTH and restart",
    ),
    Kind.FAILED: (AGAIN[0], AGAIN[1]),
    Kind.QUOTA: ("无需处理：到时自动继续", "nothing: it goes on by itself when the hour or the day is over"),
    Kind.LATE: (
        "先等：会自动再取；次日仍缺则 `stock-assistant holes --fix`",
        "wait: it is asked again by itself; if it still lacks tomorrow, `stock-assistant holes --fix`",
    ),
    Kind.PARTIAL: (
        "`stock-assistant holes` 看缺什么，`--fix` 只补这些；不再提醒",
        "`stock-assistant holes` names what is missing, `--fix` lands it; you are not reminded",
    ),
}

CLEARED = {
    Kind.LATE: "已齐，或已转为“不完整” It is whole now, or told as partial by now",
    Kind.PARTIAL: "已补齐 Nothing is missing any more",
}
GONE = "已不再出现 It no longer holds"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    title: str
    body: str
    severity: str
    """A severity, `cleared`, or `info`."""


def title(cause: Cause) -> str:
    """The cause in one line."""
    return clip(f"{KINDS[cause.kind]}: {_subject(cause)}", TITLE_BYTES)


def body(cause: Cause, dagster_url: str | None = None) -> str:
    """What it concerns, why, and what to do first."""
    lines = [_line(each) for each in cause.affected[:DATASETS_SHOWN]]
    if len(cause.affected) > DATASETS_SHOWN:
        lines.append(f"… + {len(cause.affected) - DATASETS_SHOWN}")
    if cause.run_id:
        lines.append(f"运行 Run: {cause.run_id}, {cause.word}")
    if cause.reason:
        lines.append(f"原因 Why: {clip(' '.join(cause.reason.split()), REASON_BYTES)}")
    chinese, english = _advice(cause)
    lines += [f"处理: {chinese}", f"What to do: {english}"]
    if cause.run_id and dagster_url:
        lines.append(f"{dagster_url}/runs/{cause.run_id}")
    return clip("\n".join(lines), BODY_BYTES)


def message(title: str, body: str, severity: str, *, telling: int, first_seen: datetime, sandboxed: bool) -> Message:
    """An open alert as it is told the first time, and then as one that still holds."""
    still = "仍未恢复 STILL · " if telling > 1 else ""
    return Message(_titled(f"{still}{title}", sandboxed), f"{body}\n{_moment('始于 Since', first_seen)}", severity)


def cleared(title: str, kind: str, *, first_seen: datetime, cleared_at: datetime, sandboxed: bool) -> Message:
    """That an alert no longer holds."""
    lines = [CLEARED.get(Kind(kind), GONE), _moment("始于 Since", first_seen), _moment("止于 Until", cleared_at)]
    return Message(_titled(f"已恢复 CLEARED · {title}", sandboxed), "\n".join(lines), "cleared")


def digest(title: str, body: str, *, sandboxed: bool) -> Message:
    """What is no alert, as it is told."""
    return Message(_titled(title, sandboxed), body, "info")


def trial(now: datetime) -> Message:
    """What says no more than that a channel works."""
    text = f"这是一条测试消息，不是告警。 This is a test, not an alert.\n{_moment('时间 At', now)}"
    return Message(_titled("测试 TEST", sandboxed=False), text, "cleared")


def clip(text: str, limit: int) -> str:
    """A text cut to a number of bytes, at a character, with a sign that it was cut."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: limit - 3].decode(errors="ignore") + "…"


def _titled(title: str, sandboxed: bool) -> str:
    return f"{SANDBOX if sandboxed else ''}{NAME} · {title}"


def _moment(word: str, at: datetime) -> str:
    return f"{word}: {at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} (Asia/Shanghai)"


def _subject(cause: Cause) -> str:
    """What is wrong, in a few words, and where."""
    if cause.run_id and cause.kind is Kind.QUOTA:
        return f"模型预算用完 a budget of the language models is used up, and a run of {cause.word} waits"
    if cause.run_id:
        return f"{cause.word} 运行中断 a run of {cause.word} ended without a result"
    names = ", ".join(each.dataset for each in cause.affected[:NAMED])
    names += f" + {len(cause.affected) - NAMED}" if len(cause.affected) > NAMED else ""
    known = SUBJECTS.get(cause.word) or SUBJECTS.get(cause.word.split()[0])
    if known is None and cause.kind in {Kind.LATE, Kind.PARTIAL}:
        first = cause.affected[0]
        return names if first.first == SNAPSHOT else f"{names}, {_count(cause.partitions, first.dataset)}"
    status = cause.word.partition(" ")[2] if cause.word not in SUBJECTS else ""
    return f"{known or cause.word}{f' ({status})' if known and status else ''}: {names}"


def _line(each: Affected) -> str:
    """A dataset: how many of its partitions, from when to when."""
    if each.first == each.last:
        return each.dataset if each.first == SNAPSHOT else f"{each.dataset}: {each.first}"
    last = each.last if each.last != SNAPSHOT else "…"
    return f"{each.dataset}: {_count(each.partitions, each.dataset)}, {each.first} … {last}"


def _count(partitions: int, dataset: str) -> str:
    """So many trading days, or report periods."""
    noun = "期 period" if CATALOG[dataset].by_period else "天 day"
    return f"{partitions:,} {noun}{'' if partitions == 1 else 's'}"


def _advice(cause: Cause) -> tuple[str, str]:
    """What to do first."""
    if cause.run_id:
        return ADVICE["budget" if cause.kind is Kind.QUOTA else "run"]
    return ADVICE.get(cause.word) or ADVICE.get(cause.word.split()[0]) or ADVICE[cause.kind]
