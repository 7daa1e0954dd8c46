"""The part of research: a report of each stock that the watchlist named on its last day, whichever edition."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import TYPE_CHECKING

import psycopg
from databases import copied
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from api import parts
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    import pytest
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.warehouse.database import Database

DAY, NEXT = date(2026, 3, 4), date(2026, 3, 5)
WATCHED = "INSERT INTO research_watch (trade_date, ts_code, named_by, evidence_sha256) VALUES (%s, %s, %s, %s)"
REPORT = """
INSERT INTO research_report (id, ts_code, trade_date, name, language, provider, model, prompt_version, status, claims, dropped,
    forward, made_at)
VALUES (%(id)s, %(code)s, %(day)s, 'a', 'zh', 'p', 'm', 'v', %(status)s, 1, 0, true, now())
"""


def told(database: Database) -> parts.Part:
    """What is told of research."""

    async def ask() -> parts.Part:
        engine = create_async_engine(database.url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
        async with engine.connect() as connection:
            return await parts.of_research(connection)

    return asyncio.run(ask())


def test_what_is_asked_for_besides_the_watchlist_is_not_expected(
    postgres: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stock_assistant_pipelines.calendar.now", lambda: datetime(2026, 3, 5, 12, tzinfo=SHANGHAI))
    with copied(postgres) as database:
        assert told(database).status == "unused"
        with psycopg.connect(conninfo(database.url), autocommit=True) as connection:
            for day, code, by in (
                (DAY, "1", "all"),
                (DAY, "2", "all"),
                (DAY, "3", "on demand"),
                (NEXT, "1", "on demand"),
            ):
                connection.execute(WATCHED, (day, code, by, None))
            for code, status in (("1", "degraded"), ("2", "failed"), ("3", "published")):
                connection.execute(REPORT, {"id": code, "code": code, "day": DAY, "status": status})
            part = told(database)
            assert (part.status, part.observed) == ("degraded", "2026-03-04: 1 reports of 2 that are expected")
            connection.execute(REPORT, {"id": "again", "code": "2", "day": DAY, "status": "abstained"})
        assert told(database).status == "ok"
