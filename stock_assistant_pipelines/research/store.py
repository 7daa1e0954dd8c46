"""The store of the desk: who is expected, evidence, verdicts and reports, in PostgreSQL. A function works in one transaction.

Writing the same again changes nothing but the moment. Nothing here asks a model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import zstandard
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction, Expert
from stock_assistant_pipelines.research.evidence import Sheet
from stock_assistant_pipelines.research.layout import lay_out
from stock_assistant_pipelines.research.reading import Violation
from stock_assistant_pipelines.research.render import Language, render
from stock_assistant_pipelines.research.report import Report, Standing
from stock_assistant_pipelines.research.verdicts import Answered, Judged, Outcome, Verdict
from stock_assistant_pipelines.research.watchlist import ON_DEMAND
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import (
    METADATA,
    RESEARCH_CLAIM,
    RESEARCH_NOTE,
    RESEARCH_REPORT,
    RESEARCH_SHEET,
    RESEARCH_WATCH,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from sqlalchemy import Connection, RowMapping, Table

    from stock_assistant_pipelines.research.editions import Edition
    from stock_assistant_pipelines.research.render import Span

OPENS = time(9, 30)
"""When a trading day opens: a report of the day before that was made by then was made forward."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A stock of which a report is expected on a day."""

    ts_code: str
    evidence_sha256: str | None
    error: str | None


def watch(connection: Connection, day: date, entries: Mapping[str, str]) -> None:
    """Expect reports of these stocks on a day: code and the entry that names it. Who is expected stays expected.

    Who was asked for on demand is of the watchlist as soon as that names it.
    """
    rows = [{"trade_date": day, "ts_code": code, "named_by": name} for code, name in sorted(entries.items())]
    if rows:
        statement = insert(RESEARCH_WATCH)
        later = statement.on_conflict_do_update(
            index_elements=RESEARCH_WATCH.primary_key.columns,
            set_={"named_by": statement.excluded.named_by},
            where=RESEARCH_WATCH.c.named_by == ON_DEMAND,
        )
        connection.execute(later, rows)


def unwatch(connection: Connection, day: date, codes: Collection[str]) -> None:
    """Expect no report any more of those among these stocks that were asked for on demand."""
    table = RESEARCH_WATCH.c
    chosen = (table.trade_date == day, table.ts_code.in_(codes), table.named_by == ON_DEMAND)
    connection.execute(delete(RESEARCH_WATCH).where(*chosen))


def watched(connection: Connection, day: date) -> list[Watched]:
    """Who is expected on a day, by code."""
    table = RESEARCH_WATCH.c
    query = (
        select(table.ts_code, table.evidence_sha256, table.error).where(table.trade_date == day).order_by(table.ts_code)
    )
    return [Watched(*row) for row in connection.execute(query)]


def save_sheet(connection: Connection, sheet: Sheet, at: datetime) -> None:
    """Keep a sheet, and make it the evidence of its stock and day."""
    values = {
        "sha256": sheet.sha256,
        "ts_code": sheet.ts_code,
        "trade_date": sheet.day,
        "name": sheet.name,
        "items": len(sheet.items),
        "document": zstandard.compress(sheet.canonical, 6),
        "made_at": at,
    }
    connection.execute(insert(RESEARCH_SHEET).values(values).on_conflict_do_nothing())
    _point(connection, sheet.day, sheet.ts_code, sheet.sha256, None)


def save_error(connection: Connection, day: date, ts_code: str, error: str) -> None:
    """Say why a stock has no evidence of a day."""
    _point(connection, day, ts_code, None, error)


def _point(connection: Connection, day: date, ts_code: str, sha256: str | None, error: str | None) -> None:
    table = RESEARCH_WATCH.c
    connection.execute(
        update(RESEARCH_WATCH)
        .where(table.trade_date == day, table.ts_code == ts_code)
        .values(evidence_sha256=sha256, error=error)
    )


def load_sheet(connection: Connection, sha256: str) -> Sheet:
    """The sheet of a hash. Raises `LookupError`."""
    document = connection.scalar(select(RESEARCH_SHEET.c.document).where(RESEARCH_SHEET.c.sha256 == sha256))
    if document is None:
        raise LookupError(f"there is no evidence {sha256}")
    return Sheet.from_canonical(zstandard.decompress(document))


def save_verdict(connection: Connection, report_id: str, verdict: Verdict, prompt_sha256: str, at: datetime) -> None:
    """Keep what came of asking an expert, in the place of what came of it before."""
    last = verdict.answered[-1] if verdict.answered else None
    note = {
        "report_id": report_id,
        "expert": verdict.expert,
        "status": verdict.outcome,
        "reason": verdict.reason,
        "calls": [each.call_id for each in verdict.answered],
        "provider": last and last.provider,
        "model": last and last.model,
        "prompt_sha256": prompt_sha256,
        "strangers": list(verdict.strangers),
        "made_at": at,
    }
    _upsert(connection, RESEARCH_NOTE, note)
    claim = RESEARCH_CLAIM.c
    connection.execute(delete(RESEARCH_CLAIM).where(claim.report_id == report_id, claim.expert == str(verdict.expert)))
    if verdict.claims:
        rows = [_claim(report_id, verdict.expert, number, each) for number, each in enumerate(verdict.claims)]
        connection.execute(insert(RESEARCH_CLAIM), rows)


def _claim(report_id: str, expert: Expert, ordinal: int, judged: Judged) -> dict[str, Any]:
    return {
        "report_id": report_id,
        "expert": expert,
        "place": judged.place,
        "ordinal": ordinal,
        "kind": judged.claim.kind,
        "direction": judged.claim.direction,
        "template": judged.claim.text,
        "text": judged.rendered and judged.rendered.text,
        "evidence": list(judged.claim.evidence),
        "spans": [_span(each) for each in judged.rendered.spans] if judged.rendered else [],
        "held": judged.held,
        "violations": [{"rule": each.rule, "detail": each.detail} for each in judged.violations],
    }


def _span(span: Span) -> dict[str, Any]:
    return {**asdict(span), "value": None if span.value is None else format(span.value, "f")}


def load_verdicts(connection: Connection, report_id: str, sheet: Sheet, language: Language) -> dict[Expert, Verdict]:
    """What came of asking the experts of a report, in their order; without the stance, which the report has."""
    note, claim = RESEARCH_NOTE.c, RESEARCH_CLAIM.c
    claims: dict[str, list[Judged]] = {}
    query = select(RESEARCH_CLAIM).where(claim.report_id == report_id).order_by(claim.expert, claim.ordinal)
    for row in connection.execute(query).mappings():
        claims.setdefault(row["expert"], []).append(_judged(row, sheet, language))
    found = {}
    for row in connection.execute(select(RESEARCH_NOTE).where(note.report_id == report_id)).mappings():
        expert = Expert(row["expert"])
        found[expert] = Verdict(
            expert=expert,
            outcome=Outcome(row["status"]),
            reason=row["reason"],
            claims=tuple(claims.get(expert, ())),
            answered=tuple(Answered(number, row["provider"], row["model"]) for number in row["calls"]),
            strangers=tuple(row["strangers"]),
        )
    return {expert: found[expert] for expert in Expert if expert in found}


def _judged(row: RowMapping, sheet: Sheet, language: Language) -> Judged:
    claim = Claim(
        text=row["template"],
        kind=ClaimKind(row["kind"]),
        evidence=tuple(row["evidence"]),
        direction=Direction(row["direction"]),
    )
    violations = tuple(Violation(each["rule"], row["place"], each["detail"]) for each in row["violations"])
    rendered = None if row["text"] is None else render(claim.text, sheet, language)
    return Judged(row["place"], claim, rendered, violations)


def save_report(
    connection: Connection, report: Report, at: datetime, *, before_cutoff: bool | None, run_id: str | None
) -> None:
    """Keep a report in the place of a failed one of the same id; a report that stands is never overwritten."""
    view, sheet, edition = report.view, report.sheet, report.edition
    page = lay_out(report)
    values = {
        **_identity(report.id, sheet.ts_code, sheet.day, edition),
        "name": sheet.name,
        "evidence_sha256": sheet.sha256,
        "status": report.standing,
        "reason": report.reason,
        "stance": view and view.stance,
        "horizon": view and view.horizon,
        "probability": Decimal(str(view.probability)) if view else None,
        "claims": report.claims,
        "dropped": report.dropped,
        "markdown": page and page.markdown,
        "sha256": page and page.sha256,
        "forward": is_forward(connection, sheet.day, at),
        "before_cutoff": before_cutoff,
        "made_at": at,
        "run_id": run_id,
    }
    _put(connection, values)


def save_failure(
    connection: Connection, watched: Watched, day: date, edition: Edition, at: datetime, reason: str, run_id: str | None
) -> None:
    """Keep that there is no report of a stock, and why."""
    sha256 = watched.evidence_sha256
    values = {
        **_identity(edition.report_id(watched.ts_code, day, sha256), watched.ts_code, day, edition),
        "name": watched.ts_code,
        "evidence_sha256": sha256,
        "status": Standing.FAILED,
        "reason": reason,
        "claims": 0,
        "dropped": 0,
        "forward": is_forward(connection, day, at),
        "made_at": at,
        "run_id": run_id,
    }
    _put(connection, values)


def _identity(report_id: str, ts_code: str, day: date, edition: Edition) -> dict[str, Any]:
    return {
        "id": report_id,
        "ts_code": ts_code,
        "trade_date": day,
        "language": edition.language,
        "provider": edition.provider,
        "model": edition.model,
        "prompt_version": edition.prompt_version,
    }


def _put(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a report; failed ones of the same stock, day and edition give way."""
    table = RESEARCH_REPORT.c
    same = [table[name] == values[name] for name in (*EDITION, "ts_code", "trade_date")]
    connection.execute(delete(RESEARCH_REPORT).where(table.status == Standing.FAILED, *same))
    connection.execute(insert(RESEARCH_REPORT).values(values).on_conflict_do_nothing())


EDITION = ("language", "provider", "model", "prompt_version")
"""The columns that tell the edition."""


def standings(connection: Connection, day: date, edition: Edition) -> dict[str, Standing]:
    """What the reports on the present evidence of a day are worth, by code; who has none is missing."""
    watch, table = RESEARCH_WATCH.c, RESEARCH_REPORT.c
    query = (
        select(table.ts_code, table.status)
        .join(RESEARCH_WATCH, (watch.trade_date == table.trade_date) & (watch.ts_code == table.ts_code))
        .where(table.trade_date == day, *(table[name] == getattr(edition, name) for name in EDITION))
        .where(table.evidence_sha256.is_not_distinct_from(watch.evidence_sha256))
    )
    return {code: Standing(status) for code, status in connection.execute(query)}


def is_forward(connection: Connection, day: date, at: datetime) -> bool:
    """Whether a moment is before the opening of the trading day after a day; where the calendar ends, of the next weekday."""
    calendar = METADATA.tables["trade_cal"].c
    after = connection.scalar(select(func.min(calendar.cal_date)).where(calendar.cal_date > day, calendar.is_open == 1))
    if after is None:
        after = day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))
    return at < datetime.combine(after, OPENS, SHANGHAI)


def load_report(connection: Connection, report_id: str) -> RowMapping | None:
    """The row of a report; None: there is none."""
    return connection.execute(select(RESEARCH_REPORT).where(RESEARCH_REPORT.c.id == report_id)).mappings().first()


def _upsert(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    statement = insert(table).values(values)
    new = {name: statement.excluded[name] for name in values if name not in table.primary_key.columns}
    connection.execute(statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=new))
