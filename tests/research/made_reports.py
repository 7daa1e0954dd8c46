"""Reports, notes and outcomes made by hand: rows as the desk writes them, without a desk."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, update

from stock_assistant_pipelines.warehouse.tables import (
    COVERAGE,
    RESEARCH_CLAIM,
    RESEARCH_NOTE,
    RESEARCH_OUTCOME,
    RESEARCH_REPORT,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

AT = datetime(2025, 3, 3, 12, tzinfo=UTC)


def report(connection: Connection, ts_code: str, day: date, number: int = 0, **values: Any) -> str:
    """A report that a stock does better within 20 days, by three to two. Returns its id; those of a day differ by number."""
    row = {
        "id": f"{ts_code}-{day:%Y%m%d}-{number:010x}",
        "ts_code": ts_code,
        "trade_date": day,
        "name": "名",
        "language": "zh",
        "provider": "sandbox",
        "model": "sandbox-rules",
        "prompt_version": "p1",
        "status": "published",
        "stance": "outperform",
        "horizon": 20,
        "probability": "0.6",
        "claims": 1,
        "dropped": 0,
        "forward": True,
        "made_at": AT,
        **values,
    }
    connection.execute(insert(RESEARCH_REPORT), row)
    return str(row["id"])


def outcome(
    connection: Connection, report_id: str, day: date, excess: Any = 3, horizon: int = 20, **values: Any
) -> None:
    """What became of a report: the index stood still, the industry lost a percent."""
    row = {
        "report_id": report_id,
        "horizon": horizon,
        "end_date": day,
        "return_pct": excess,
        "index_pct": 0,
        "industry_pct": -1,
        "made_from": "",
        "made_at": AT,
        **values,
    }
    connection.execute(insert(RESEARCH_OUTCOME), row)


def note(connection: Connection, report_id: str, expert: str, *directions: str, **values: Any) -> None:
    """A note of an expert, with a claim of each direction."""
    told = {"status": "written", "calls": [], "prompt_sha256": "", "strangers": [], "made_at": AT}
    connection.execute(insert(RESEARCH_NOTE), {"report_id": report_id, "expert": expert, **told, **values})
    for ordinal, direction in enumerate(directions):
        claim(connection, report_id, expert, direction, ordinal)


def claim(connection: Connection, report_id: str, expert: str, direction: str, ordinal: int, held: bool = True) -> None:
    place = {"place": f"claims[{ordinal}]", "ordinal": ordinal}
    said = {"kind": "fact", "direction": direction, "template": "", "evidence": [], "spans": [], "violations": []}
    row = {"report_id": report_id, "expert": expert, **place, **said, "held": held}
    connection.execute(insert(RESEARCH_CLAIM), row)


def revise(connection: Connection, api: str, day: date, revision: str) -> None:
    """Book that a day was told otherwise."""
    where = (COVERAGE.c.dataset == api, COVERAGE.c.partition == day.isoformat())
    connection.execute(update(COVERAGE).where(*where).values(revision=revision))
