"""The digest of a day's research: what came of it in one message, told once through the channels of the alerts.

`send` is what runs when a day's reports are written. It reads the tables, puts the text together, and leaves it to the outbox,
out of which each channel is told by the next look of the sensor `alerts`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from stock_assistant_pipelines.alerts import outbox
from stock_assistant_pipelines.alerts.wording import BODY_BYTES, TITLE_BYTES, clip
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.research.store import EDITION
from stock_assistant_pipelines.research.watchlist import ON_DEMAND
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.landing import hold
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_REPORT, RESEARCH_WATCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection, Engine, RowMapping

    from stock_assistant_pipelines.research.editions import Edition
    from stock_assistant_pipelines.settings import Settings

RECENT = timedelta(days=7)
"""How old a day may be: what a backfill writes of earlier ones is nobody's news."""

CHANGED_SHOWN, TOP_SHOWN, FAILED_SHOWN = 5, 3, 3
REASON_BYTES = 120

WORDS = {
    Standing.PUBLISHED: "发布 published",
    Standing.DEGRADED: "部分 degraded",
    Standing.ABSTAINED: "弃权 abstained",
    Standing.FAILED: "失败 failed",
    "outperform": "跑赢 outperform",
    "neutral": "持平 neutral",
    "underperform": "跑输 underperform",
    None: "不作判断 no stance",
}
STANCES = ("outperform", "neutral", "underperform")
SIDES = STANCES[::2]
"""The stances that take a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A report of the day, as far as a digest tells it."""

    id: str
    ts_code: str
    name: str
    status: str
    reason: str | None = None
    stance: str | None = None
    horizon: int | None = None
    probability: Decimal | None = None
    earlier: str | None = None
    """The stance of the day before; None: there was none."""

    @property
    def title(self) -> str:
        """Name and code."""
        return self.ts_code if self.name == self.ts_code else f"{self.name} {self.ts_code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What came of a day's research in one edition."""

    day: date
    before: date | None
    """The last day before it of which there are reports by the same model in the same language."""
    by: str
    by_rules: bool
    expected: int
    lines: Sequence[Line]
    calls: int
    cost: Decimal


def title(digest: Digest) -> str:
    """What came of the day, in one line."""
    readable = sum(line.status != Standing.FAILED for line in digest.lines)
    by = "规则生成 rules, not a model" if digest.by_rules else digest.by
    return clip(f"研究 RESEARCH {digest.day}: {readable}/{digest.expected} 份 reports, {by}", TITLE_BYTES)


def body(digest: Digest, api_url: str) -> str:
    """Counts and costs, stances that changed, the firmest ones, what failed; what comes last may be cut off."""
    return clip("\n".join(_lines(digest, api_url)), BODY_BYTES)


def _lines(digest: Digest, api_url: str) -> Iterator[str]:
    worth = Counter(line.status for line in digest.lines)
    counted = [f"{WORDS[each]} {worth[each]}" for each in Standing if worth[each]]
    if waiting := digest.expected - len(digest.lines):
        counted.append(f"等待 waiting {waiting}")
    yield f"应有 Expected {digest.expected}: {', '.join(counted)}"
    taken = Counter(line.stance for line in digest.lines if line.stance)
    if taken:
        yield "观点 Stances: " + ", ".join(f"{WORDS[each]} {taken[each]}" for each in STANCES if taken[each])
    yield f"费用 Cost: CNY {digest.cost:.2f}, {digest.calls} 次调用 calls"
    yield f"{api_url}/research?day={digest.day}"
    yield from _changed(digest)
    sides = sorted((line for line in digest.lines if line.stance in SIDES), key=_firmest)
    if sides:
        yield "最有把握 Firmest:"
    for line in sides[:TOP_SHOWN]:
        assert line.probability is not None, "a stance has one"
        yield f"{line.title}: {WORDS[line.stance]}, {line.horizon} 日 days, {line.probability:.0%}"
        yield f"{api_url}/research/{line.id}"
    failed = [line for line in digest.lines if line.status == Standing.FAILED]
    for line in failed[:FAILED_SHOWN]:
        yield f"失败 Failed: {line.title}: {clip(' '.join((line.reason or '').split()), REASON_BYTES)}"
    if len(failed) > FAILED_SHOWN:
        yield f"… + {len(failed) - FAILED_SHOWN}"


def _changed(digest: Digest) -> Iterator[str]:
    changed = [line for line in digest.lines if line.earlier and line.stance and line.earlier != line.stance]
    if digest.before is None:
        return
    yield f"较 Changed since {digest.before}: {len(changed)}"
    for line in changed[:CHANGED_SHOWN]:
        yield f"{line.title}: {WORDS[line.earlier]} → {WORDS[line.stance]}"
    if len(changed) > CHANGED_SHOWN:
        yield f"… + {len(changed) - CHANGED_SHOWN}"


def _firmest(line: Line) -> tuple[Decimal, str]:
    return -(line.probability or Decimal(0)), line.ts_code


def send(engine: Engine, settings: Settings, day: date, edition: Edition, now: datetime) -> str:
    """Let a day's digest be told, once for each edition. Returns what came of it, in a sentence."""
    if not settings.research_digest:
        return "RESEARCH_DIGEST is not set, so no digest is told"
    if not settings.alert_urls:
        return "ALERT_URLS is not set, so nobody is told a digest"
    with engine.begin() as connection:
        hold(connection, "alerts")
        if day < now.astimezone(SHANGHAI).date() - RECENT or day != _newest(connection):
            return f"{day} is not the newest day of the watchlist, so no digest is told"
        digest = read(connection, day, edition)
        name = f"digest:{day}:{':'.join(str(getattr(edition, each)) for each in EDITION)}"
        kept = outbox.announce(connection, name, title(digest), body(digest, settings.api_url), now)
    return f"the digest of {day} is told" if kept else f"the digest of {day} was told before"


def read(connection: Connection, day: date, edition: Edition) -> Digest:
    """What the tables say of a day, on the evidence as it is now."""
    watch, report = RESEARCH_WATCH.c, RESEARCH_REPORT.c
    current = (
        select(RESEARCH_REPORT)
        .join(RESEARCH_WATCH, (watch.trade_date == report.trade_date) & (watch.ts_code == report.ts_code))
        .where(report.trade_date == day, *(report[each] == getattr(edition, each) for each in EDITION))
        .where(report.evidence_sha256.is_not_distinct_from(watch.evidence_sha256))
        .order_by(report.ts_code)
    )
    rows = connection.execute(current).mappings().all()
    before, earlier = _earlier(connection, day, edition)
    calls, cost = _paid(connection, [row["id"] for row in rows])
    expected = connection.scalar(select(func.count()).select_from(RESEARCH_WATCH).where(watch.trade_date == day))
    return Digest(
        day=day,
        before=before,
        by=f"{edition.provider}/{edition.model}",
        by_rules=edition.by_rules,
        expected=expected or 0,
        lines=[_line(row, earlier) for row in rows],
        calls=calls,
        cost=cost,
    )


def _line(row: RowMapping, earlier: Mapping[str, str | None]) -> Line:
    names = ("id", "ts_code", "name", "status", "reason", "stance", "horizon", "probability")
    return Line(**{name: row[name] for name in names}, earlier=earlier.get(row["ts_code"]))


def _newest(connection: Connection) -> date | None:
    """The newest day of which the watchlist expects reports."""
    watch = RESEARCH_WATCH.c
    newest: date | None = connection.scalar(select(func.max(watch.trade_date)).where(watch.named_by != ON_DEMAND))
    return newest


def _earlier(connection: Connection, day: date, edition: Edition) -> tuple[date | None, dict[str, str | None]]:
    """The day before of which there are reports by the model in the language, by whatever prompts, and their stances."""
    report = RESEARCH_REPORT.c
    same = [report[each] == getattr(edition, each) for each in EDITION if each != "prompt_version"]
    before = connection.scalar(select(func.max(report.trade_date)).where(report.trade_date < day, *same))
    newest = select(report.ts_code, report.stance).where(report.trade_date == before, *same).order_by(report.made_at)
    return before, {row.ts_code: row.stance for row in connection.execute(newest)}


def _paid(connection: Connection, ids: Sequence[str]) -> tuple[int, Decimal]:
    """How many calls the reports took, and what they came to."""
    call = LLM_CALL.c
    cost = func.coalesce(func.sum(func.coalesce(call.cost_cny, call.reserved_cny)), 0)
    calls, spent = connection.execute(select(func.count(), cost).where(call.report_key.in_(ids))).one()
    return calls, Decimal(spent)
