"""A desk over a market made by hand, with the sandbox model to ask: what its tests share."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
from evidence_market import DAY, HALTED, NEW, PEERS, lay
from psycopg import sql
from sqlalchemy import select, text

from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.booking import Budgets
from stock_assistant_pipelines.research.desk import Desk, Tally
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.ledger import Ledger
from stock_assistant_pipelines.research.providers.endpoint import Endpoint
from stock_assistant_pipelines.research.providers.model import Limits, Model
from stock_assistant_pipelines.research.providers.prices import price
from stock_assistant_pipelines.research.providers.quirks import quirks
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.session import Session
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.tables import RESEARCH_REPORT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from datetime import date

    import pytest
    from sqlalchemy import Engine, RowMapping
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.research.evidence import Found
    from stock_assistant_pipelines.sandbox.model.server import RunningModel

RULES = "sandbox-rules"
STOCKS = (*PEERS, NEW, HALTED)
PLENTY = Budgets(Decimal(1000), Decimal(10_000), Decimal(100_000))


TABLES = (
    "research_outcome, research_claim, research_note, research_report, research_watch, research_sheet, llm_call, "
    "llm_spending, research_search, research_page"
)


@contextmanager
def laid_out(postgres: URL) -> Iterator[Engine]:
    """A database of the market made by hand, for as long as a block lasts."""
    database = Database(postgres.set(database=f"desk_{uuid4().hex[:12]}"))
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        copy = "CREATE DATABASE {} TEMPLATE template STRATEGY file_copy"
        connection.execute(sql.SQL(copy).format(sql.Identifier(str(database.url.database))))
    engine = database.engine()
    try:
        with engine.begin() as connection:
            lay(connection)
        yield engine
    finally:
        engine.dispose()
        database.drop()


def clear(engine: Engine) -> None:
    """Forget all research and all calls."""
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES}"))


def holding(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether a session holds days already when a step of it begins, by step."""
    held: dict[str, bool] = {}

    def watch(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(session: Session, *words: Any) -> Any:
            held[name] = bool(session.held)
            return real(session, *words)

        return step

    for name in ("gather", "notes", "reports"):
        monkeypatch.setattr(Session, name, watch(name, getattr(Session, name)))
    return held


@dataclass
class Office:
    """A desk, and whom it asks."""

    engine: Engine
    rules: RunningModel
    language: Language = Language.ZH
    budgets: Budgets = PLENTY

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("sandbox", RULES, self.rules.url, "sandbox", quirks("sandbox", RULES), price("sandbox", RULES))

    @property
    def edition(self) -> Edition:
        return Edition.of(self.endpoint, self.language)

    def desk(self, **options: Any) -> Desk:
        return Desk(self.engine, self.edition, **options)

    def expect(self, *codes: str, day: date = DAY) -> None:
        with self.engine.begin() as connection:
            store.watch(connection, day, dict.fromkeys(codes, "list"))

    def write(
        self, day: date = DAY, news: Mapping[str, Found] | None = None, **limits: Any
    ) -> tuple[Tally, Tally, Tally]:
        """Evidence, notes and reports of a day."""
        desk = self.desk()
        evidence = desk.gather(day, news=news)
        notes = self.ask(lambda model: desk.notes(model, day), **limits)
        reports = self.ask(lambda model: desk.reports(model, day), **limits)
        return evidence, notes, reports

    def ask(self, work: Callable[[Model], Awaitable[Tally]], **limits: Any) -> Tally:
        """Let something be asked of the sandbox model."""

        async def asked() -> Tally:
            limited = Limits(**{"timeout": 20.0, "per_minute": 0, "at_once": 16, **limits})
            async with Model([self.endpoint], Ledger(self.engine, self.budgets), limited, sleep=_at_once) as model:
                return await work(model)

        return asyncio.run(asked())

    def reports(self) -> list[RowMapping]:
        with self.engine.connect() as connection:
            query = select(RESEARCH_REPORT).order_by(RESEARCH_REPORT.c.ts_code, RESEARCH_REPORT.c.made_at)
            return list(connection.execute(query).mappings())

    def calls(self) -> int:
        return int(self.rules.stats()["calls"])


async def _at_once(seconds: float) -> None:
    """Does not sleep."""
    await asyncio.sleep(0)
