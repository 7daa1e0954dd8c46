"""Searching in tests: companies, a day, and searchers that wait for nothing."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy import text

from stock_assistant_pipelines.research.search.bocha import Bocha
from stock_assistant_pipelines.research.search.news import news_for
from stock_assistant_pipelines.research.search.searcher import Searcher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from stock_assistant_pipelines.research.evidence import Found
    from stock_assistant_pipelines.sandbox.server import Door

DAY = date(2026, 3, 4)
FIRST = date(2026, 2, 2)
"""Of the window that ends on the day."""
ONE = {"600001.SH": "海达科技"}
THREE = {**ONE, "600002.SH": "*ST 金源", "000003.SZ": "瑞 丰Ａ"}


class Sleeps:
    """Does not sleep, and notes for how long it would have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def bocha(web: Door, key: str = "sandbox", timeout: float = 20.0) -> Bocha:
    return Bocha(SecretStr(key), web.url, timeout=timeout)


def find(
    engine: Engine,
    web: Door | None,
    companies: Mapping[str, str] = ONE,
    day: date = DAY,
    *,
    today: date = DAY,
    key: str = "sandbox",
    timeout: float = 20.0,
    sleep: Sleeps | None = None,
    **words: Any,
) -> Mapping[str, Found]:
    """What is found of companies on a day, seen from today; without `web` there is no search engine."""

    async def found() -> Mapping[str, Found]:
        asked = bocha(web, key, timeout) if web else None
        words.setdefault("per_minute", 0)
        async with Searcher(asked, today=lambda: today, sleep=sleep or Sleeps(), **words) as searcher:
            return await news_for(searcher, engine, companies, day)

    return asyncio.run(found())


def answered_on(engine: Engine, day: date, asked_for: date | None = None) -> None:
    """Let searches have been answered in the evening of a day: those for one day, or all."""
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE research_search SET answered_at = :moment WHERE day = coalesce(:asked_for, day)"),
            {"moment": f"{day} 18:00+08", "asked_for": asked_for},
        )


def rows(engine: Engine, query: str) -> list[Any]:
    """The values of a query, of its one column."""
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def before(days: int) -> date:
    return DAY - timedelta(days=days)


def said(found: Found) -> str | None:
    """What is missing, but for the hindsight: all these searches are made now, and for a day that is past."""
    parts = (found.missing or "").split("; ")
    return "; ".join(part for part in parts if not part.endswith("with hindsight")) or None
