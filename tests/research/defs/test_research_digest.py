"""When a day is written, its digest waits in the outbox of the alerts; once, and only for who asked for it."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING

import pytest
from evidence_market import DAY, HALTED, MAIN
from sqlalchemy import select, text

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from research_location import Research

ASKED = {"research_digest": True, "alert_urls": ["dingtalk://first"], "research_watchlist": [MAIN, HALTED]}


@pytest.fixture(autouse=True)
def _evening(research: Research, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "now", lambda: datetime.combine(DAY, time(22), SHANGHAI))
    with research.engine.begin() as connection:
        connection.execute(text("TRUNCATE alert CASCADE"))


def digests(research: Research) -> list[str]:
    alert = METADATA.tables["alert"].c
    with research.engine.connect() as connection:
        return list(connection.scalars(select(alert.title).where(alert.kind == "digest")))


def test_a_day_that_is_written_is_told_once(research: Research) -> None:
    research.options |= ASKED
    assert research.run().success
    assert research.run().success
    assert digests(research) == ["研究 RESEARCH 2025-03-03: 2/2 份 reports, 规则生成 rules, not a model"]


def test_a_day_that_a_budget_stops_is_not_told_yet(research: Research) -> None:
    research.options |= {**ASKED, "llm_budget_day": "0.0001"}
    assert not research.run().success
    assert digests(research) == []


def test_nobody_is_told_who_did_not_ask_for_it(research: Research) -> None:
    research.options |= {**ASKED, "research_digest": False}
    assert research.run().success
    assert digests(research) == []
