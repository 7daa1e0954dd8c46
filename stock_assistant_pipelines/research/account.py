"""The account of a day: who is expected, what came of it, what the gate refused, what was paid. Read from the tables alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select

from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_CLAIM, RESEARCH_REPORT, RESEARCH_WATCH

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from stock_assistant_pipelines.research.editions import Edition

WATCH, REPORT, CLAIM, CALL = RESEARCH_WATCH.c, RESEARCH_REPORT.c, RESEARCH_CLAIM.c, LLM_CALL.c


@dataclass(frozen=True, slots=True)
class Account:
    """What the tables say of a day's reports in one edition, on the evidence as it is now."""

    expected: int
    counts: Mapping[str, int]
    """How many reports there are, by what they are worth."""
    failures: Mapping[str, str]
    """Why there is no report, by code."""
    dropped: Mapping[str, int]
    """How many claims the gate refused in the end, by rule."""

    @property
    def waiting(self) -> int:
        """Of how many there is not even a failed report."""
        return self.expected - sum(self.counts.values())

    @property
    def made(self) -> int:
        """How many reports can be read."""
        return sum(self.counts.values()) - self.counts.get(Standing.FAILED, 0)


@dataclass(frozen=True, slots=True)
class Paid:
    """What the calls to one model came to."""

    model: str
    """`provider/model`."""
    calls: int
    answered: int
    tokens_in: int
    tokens_out: int
    cost: Decimal
    """CNY; of calls under way, what they may cost."""


def account(connection: Connection, day: date, edition: Edition, codes: Collection[str] | None = None) -> Account:
    """Count a day, or these stocks of it."""
    watched = [WATCH.trade_date == day, *([] if codes is None else [WATCH.ts_code.in_(codes)])]
    expected = connection.scalar(select(func.count()).select_from(RESEARCH_WATCH).where(*watched))
    current = _current(day, edition, codes)
    counts = connection.execute(select(REPORT.status, func.count()).where(*current).group_by(REPORT.status))
    failed = select(REPORT.ts_code, REPORT.reason).where(*current, REPORT.status == Standing.FAILED)
    violation = func.jsonb_array_elements(CLAIM.violations).table_valued("value", name="violation")
    rule = violation.c.value.op("->>")("rule")
    refused = (
        select(rule, func.count())
        .select_from(RESEARCH_CLAIM.join(RESEARCH_REPORT, REPORT.id == CLAIM.report_id))
        .join(violation, ~CLAIM.held)
        .where(*current)
        .group_by(rule)
    )
    return Account(
        expected or 0,
        dict(counts.all()),
        dict(connection.execute(failed.order_by(REPORT.ts_code)).all()),
        dict(connection.execute(refused.order_by(rule)).all()),
    )


def newest(
    connection: Connection, day: date, edition: Edition, codes: Collection[str] | None, most: int
) -> Sequence[RowMapping]:
    """A few reports of a day that can be read, those first that hold a stance."""
    holds = case((REPORT.stance.is_(None), 1), else_=0)
    query = (
        select(RESEARCH_REPORT)
        .where(*_current(day, edition, codes), REPORT.markdown.is_not(None))
        .order_by(holds, REPORT.ts_code)
        .limit(most)
    )
    return connection.execute(query).mappings().all()


def paid(connection: Connection, day: date, edition: Edition, since: datetime) -> list[Paid]:
    """What was paid since a moment for the reports of a day, by model, also for those that wait."""
    keys = [edition.report_id(each.ts_code, day, each.evidence_sha256) for each in store.watched(connection, day)]
    query = (
        select(
            (CALL.provider + "/" + CALL.model).label("model"),
            func.count().label("calls"),
            func.count().filter(CALL.outcome == "answered").label("answered"),
            func.coalesce(func.sum(CALL.tokens_in), 0).label("tokens_in"),
            func.coalesce(func.sum(CALL.tokens_out), 0).label("tokens_out"),
            func.sum(func.coalesce(CALL.cost_cny, CALL.reserved_cny)).label("cost"),
        )
        .where(CALL.report_key.in_(keys), CALL.started_at >= since)
        .group_by(CALL.provider, CALL.model)
        .order_by(CALL.provider, CALL.model)
    )
    return [Paid(*row) for row in connection.execute(query)]


def _current(day: date, edition: Edition, codes: Collection[str] | None) -> list[ColumnElement[Any]]:
    """Which reports count: those of this edition that rest on what is the evidence now. What was corrected since is history."""
    evidence = select(WATCH.evidence_sha256).where(WATCH.trade_date == day, WATCH.ts_code == REPORT.ts_code)
    return [
        REPORT.trade_date == day,
        *(REPORT[name] == getattr(edition, name) for name in store.EDITION),
        REPORT.ts_code.in_(select(WATCH.ts_code).where(WATCH.trade_date == day)),
        REPORT.evidence_sha256.is_not_distinct_from(evidence.scalar_subquery()),
        *([] if codes is None else [REPORT.ts_code.in_(codes)]),
    ]
