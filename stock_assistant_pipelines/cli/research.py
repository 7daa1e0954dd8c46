"""`stock-assistant research`: the report of a stock, written now, step by step, and shown."""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import func, select

from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.collect import NoTradingDay
from stock_assistant_pipelines.research.editions import RULES
from stock_assistant_pipelines.research.experts import ANALYSTS
from stock_assistant_pipelines.research.providers.errors import NotAnswered
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.research.session import CONNECTIONS, NotLanded, NotReady, Session
from stock_assistant_pipelines.research.watchlist import NotWatchable
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.database import available
from stock_assistant_pipelines.warehouse.tables import LLM_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from typing import Any

    from sqlalchemy import Connection, RowMapping

    from stock_assistant_pipelines.research.ledger import BudgetExhausted
    from stock_assistant_pipelines.research.render import Language

CODE = re.compile(r"\d{6}\.(SH|SZ|BJ)")
STEPS = 1 + len(ANALYSTS) + 1
"""Of one report: evidence, the analysts' notes, the report."""
FAILED, STOPPED = 1, 3
"""Exit codes: a report failed; a budget stopped it."""
NO_MODEL = (
    "LLM_PROVIDER is not set, so no model can be asked: set it, LLM_MODEL and LLM_API_KEY (docs/providers.md), "
    "or try it with --rules, which is no model"
)


@dataclass(frozen=True)
class Asked:
    """What is to be written, and how it is shown."""

    codes: Sequence[str]
    day: date | None
    language: Language | None
    markdown: bool
    """Whether the Markdown alone goes to standard output, and all else to standard error."""


def run(settings: Settings, asked: Asked, *, rules: bool) -> int:
    """Write reports and show them. Returns 0 when all can be read, 1 when one failed, 3 when a budget stopped it."""
    codes = list(dict.fromkeys(code.upper() for code in asked.codes))
    if wrong := [code for code in codes if not CODE.fullmatch(code)]:
        raise ServiceError(f"{wrong[0]!r} is no code of a stock: it takes one such as 600519.SH")
    if settings.llm_provider is None and not rules:
        raise ServiceError(NO_MODEL)
    talk = Console(highlight=False, soft_wrap=True, stderr=asked.markdown)
    with _by_rules() if rules else nullcontext(settings) as chosen, available(chosen) as database:
        database.prepare()
        try:
            with database.connected(CONNECTIONS) as engine:
                steps = _Steps(talk, len(codes))
                session = Session(engine, chosen, asked.language, progress=steps.told)
                day = asked.day or session.last_day()
                if session.is_closed(day):
                    raise ServiceError(f"{day} is no trading day of the calendar: name one that is")
                with _trial(session, day, codes) if rules else nullcontext():
                    with steps:
                        stopped = make(session, day, codes)
                    return _result(talk, session, asked, day, codes, stopped)
        except NotLanded as error:
            raise ServiceError(f"{error}: `stock-assistant backfill --all --from {day} --to {day}` lands it") from error
        except (NotReady, NotWatchable, NoTradingDay, NotAnswered) as error:
            raise ServiceError(str(error)) from error


def make(session: Session, day: date, codes: Sequence[str]) -> BudgetExhausted | None:
    """Make what is not there yet. Returns the budget that stopped it.

    Raises `NotReady`, `NotWatchable`, `NoTradingDay` where there is nothing to write, `NotAnswered` where nobody can be asked.
    """
    with session.alone([day]):
        session.gather(day, codes)
        for step in (session.notes, session.reports):
            tally = step([day], codes)[day]
            if tally.stopped:
                return tally.stopped
    return None


def written(connection: Connection, session: Session, day: date, codes: Sequence[str]) -> dict[str, RowMapping | None]:
    """The reports of stocks on a day, by code; None: there is none yet."""
    sheets = {each.ts_code: each.evidence_sha256 for each in store.watched(connection, day)}
    found: dict[str, RowMapping | None] = {}
    for code in codes:
        found[code] = store.load_report(connection, session.edition.report_id(code, day, sheets.get(code)))
    return found


def _result(
    talk: Console, session: Session, asked: Asked, day: date, codes: Sequence[str], stopped: BudgetExhausted | None
) -> int:
    """Show what there is, and say what is not."""
    with session.engine.connect() as connection:
        found = written(connection, session, day, codes)
        for row in (row for row in found.values() if row):
            _show(talk, connection, row, session.settings, markdown=asked.markdown)
    lacking = ", ".join(code for code, row in found.items() if row is None)
    if stopped:
        talk.print(f"{stopped}." + (f" Not written yet: {lacking}; the same command goes on." if lacking else ""))
        return STOPPED
    if lacking:
        talk.print(f"{lacking}: not listed on {day}, so there is nothing to write.")
    failed = any(row is None or row["status"] == Standing.FAILED for row in found.values())
    return FAILED if failed else 0


class _Steps:
    """What is done, step by step, and a bar of how far it is."""

    def __init__(self, talk: Console, reports: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
        self._progress = Progress(*columns, TimeElapsedColumn(), console=talk)
        self._total = STEPS * reports
        self._task = self._progress.add_task("Research", total=self._total)

    def __enter__(self) -> _Steps:
        self._progress.start()
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self._progress.update(self._task, completed=self._total)
        self._progress.stop()

    def told(self, code: str, step: str, outcome: str) -> None:
        """Something is done."""
        self._progress.console.print(f"{code}  {step:<10} {outcome}", markup=False)
        self._progress.advance(self._task)


def _show(talk: Console, connection: Connection, row: RowMapping, settings: Settings, *, markdown: bool) -> None:
    """A report, what it is worth, where it can be read, and what it cost."""
    if row["markdown"] and markdown:
        click.echo(row["markdown"], nl=False)
    elif row["markdown"]:
        talk.print()
        talk.print(Markdown(row["markdown"]) if talk.is_terminal else row["markdown"], markup=False)
    worth = f"{row['status']}: {row['reason']}" if row["reason"] else row["status"]
    talk.print(f"{row['id']}  {worth}", markup=False)
    if row["before_cutoff"]:
        talk.print("  The model may know what came after that day from its training (LLM_TRAINING_CUTOFF).")
    if row["markdown"]:
        talk.print(f"  to read: {settings.api_url}/research/{row['id']}")
        talk.print(f"  to make it again, offline: stock-assistant replay {row['id']}")
    talk.print(f"  {paid(connection, row['id'])}")


def paid(connection: Connection, report_id: str) -> str:
    """What the calls of a report came to, in words."""
    table = LLM_CALL.c
    cost = func.coalesce(func.sum(func.coalesce(table.cost_cny, table.reserved_cny)), 0)
    query = select(func.count(), cost, func.bool_and(table.price_version == "invented"))
    calls, spent, invented = connection.execute(query.where(table.report_key == report_id)).one()
    return f"{calls} calls, CNY {spent:.4f}" + (" by an invented price" if invented else "")


@contextmanager
def _trial(session: Session, day: date, codes: Sequence[str]) -> Iterator[None]:
    """Expect nothing afterwards of whom nothing was expected before: a model would be asked, and paid, for it."""
    with session.engine.connect() as connection:
        before = {each.ts_code for each in store.watched(connection, day)}
    try:
        yield
    finally:
        with session.engine.begin() as connection:
            store.unwatch(connection, day, set(codes) - before)


@contextmanager
def _by_rules() -> Iterator[Settings]:
    """The settings with which rules write, served for as long as the block lasts."""
    from stock_assistant_pipelines.cli import standin  # loads the sandbox
    from stock_assistant_pipelines.sandbox.model.server import running

    with running() as server:
        click.echo(f"Written by {standin.NOTICE}", err=True)
        words: dict[str, Any] = {name.lower(): value for name, value in standin.environment(server.url).items()}
        words["llm_prices"] = {RULES: {"asked": 0, "cached": 0, "answered": 0}}  # budgets are for what is paid
        yield Settings(**words)
