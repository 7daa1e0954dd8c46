"""The desk: the research of a day, stock by stock. Evidence, then notes, then reports; whatever stands is not made again.

Each stock is on its own: what goes wrong with one is told with it, and stops no other. Only a budget of the day or the month
stops all; who then has no report yet waits, and is written by the next run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.research import prompts, store
from stock_assistant_pipelines.research.booking import Span
from stock_assistant_pipelines.research.contracts import Expert
from stock_assistant_pipelines.research.experts import ANALYSTS, consult
from stock_assistant_pipelines.research.gathering import sheets, unforeseen
from stock_assistant_pipelines.research.ledger import BudgetExhausted
from stock_assistant_pipelines.research.mishaps import is_own
from stock_assistant_pipelines.research.names import Names
from stock_assistant_pipelines.research.report import Report, Standing
from stock_assistant_pipelines.research.transactions import Transactions
from stock_assistant_pipelines.research.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.research.contracts import Claim
    from stock_assistant_pipelines.research.editions import Edition
    from stock_assistant_pipelines.research.evidence import Found, Sheet
    from stock_assistant_pipelines.research.experts import Asker
    from stock_assistant_pipelines.research.store import Watched

AT_ONCE = 64
"""Stocks under way at once: enough to keep any model busy, and a few MB of evidence."""


@dataclass
class Tally:
    """What came of a day's stocks."""

    expected: int
    done: dict[str, str] = field(default_factory=dict)
    """What came of it, by code: of notes the worst outcome of its experts, of reports what each is worth."""
    made: list[str] = field(default_factory=list)
    """Codes of which something was made now, and not found as it was."""
    waiting: list[str] = field(default_factory=list)
    """Codes that wait: for a budget, or for notes that are not written."""
    stopped: BudgetExhausted | None = None
    """The budget that stopped it."""

    def count(self, outcome: str) -> int:
        """How many came to this."""
        return sum(each == outcome for each in self.done.values())


class Desk:
    """The desk of one edition, over one database."""

    def __init__(
        self,
        engine: Engine,
        edition: Edition,
        *,
        cutoff: date | None = None,
        at_once: int = AT_ONCE,
        run_id: str | None = None,
        progress: Callable[[str, str, str], None] = lambda code, step, outcome: None,
    ) -> None:
        """`cutoff`: the last day that the model may know of from its training; None: nobody knows."""
        self._engine = engine
        self.edition = edition
        self._cutoff = cutoff
        self._at_once = at_once
        self._run_id = run_id
        self._progress = progress
        self._transactions = Transactions(engine)

    def gather(self, day: date, codes: Iterable[str] | None = None, news: Mapping[str, Found] | None = None) -> Tally:
        """Collect the evidence of all that are expected on a day, or of some of them, with the news that were found.

        Raises `NoTradingDay`.
        """
        wanted = self._wanted(day, codes)
        tally = Tally(len(wanted))
        known = {each.ts_code: each.evidence_sha256 for each in wanted}
        with self._engine.connect() as connection:
            for code, found in sheets(connection, list(known), day, news or {}):
                with self._engine.begin() as writing:
                    if isinstance(found, str):
                        store.save_error(writing, day, code, found)
                    else:
                        store.save_sheet(writing, found, calendar.now())
                tally.done[code] = "failed" if isinstance(found, str) else "collected"
                if isinstance(found, str) or found.sha256 != known[code]:
                    tally.made.append(code)
                self._progress(code, "evidence", found if isinstance(found, str) else f"{len(found.items)} items")
        return tally

    async def notes(self, asker: Asker, day: date, codes: Iterable[str] | None = None) -> Tally:
        """Let the analysts write of all that have evidence; notes that stand are not asked for again."""
        names = await self._transactions.run(lambda connection: Names.known(connection, day))

        async def write(each: Watched, tally: Tally) -> str | None:
            if each.evidence_sha256 is None:
                return Outcome.ABSENT
            return await self._notes(asker, each, day, names, tally)

        return await self._all(day, codes, write)

    async def reports(self, asker: Asker, day: date, codes: Iterable[str] | None = None) -> Tally:
        """Let the synthesis of all whose notes are written be made, and keep the reports; those that stand stay."""
        names = await self._transactions.run(lambda connection: Names.known(connection, day))
        standing = await self._transactions.run(lambda connection: store.standings(connection, day, self.edition))

        async def write(each: Watched, tally: Tally) -> str | None:
            known = standing.get(each.ts_code)
            if known not in {None, Standing.FAILED}:
                return known
            outcome = await self._report(asker, each, day, names)
            if outcome is None:
                return known
            tally.made.append(each.ts_code)
            return outcome

        return await self._all(day, codes, write)

    async def _notes(self, asker: Asker, each: Watched, day: date, names: Names, tally: Tally) -> str:
        sheet, verdicts = await self._transactions.run(lambda connection: self._known(connection, each, day))
        missing = [
            expert for expert in ANALYSTS if expert not in verdicts or verdicts[expert].outcome is Outcome.FAILED
        ]
        stops: list[Exception] = []

        async def consulted(expert: Expert) -> None:
            try:
                verdict = await self._consult(asker, expert, sheet, day, names, {})
                await self._transactions.keep(lambda connection: self._save(connection, sheet, verdict))
            except Exception as error:  # noqa: BLE001 - raised when the others are done
                stops.append(error)
                return
            verdicts[expert] = verdict
            self._progress(each.ts_code, expert, verdict.outcome)

        async with anyio.create_task_group() as group:
            for expert in missing:
                group.start_soon(consulted, expert)
        if stops:
            raise min(stops, key=is_own)
        if missing:
            tally.made.append(each.ts_code)
        return _worst(verdict.outcome for verdict in verdicts.values())

    async def _report(self, asker: Asker, each: Watched, day: date, names: Names) -> str | None:
        if each.evidence_sha256 is None:
            return await self._failed(each, day, each.error or "no evidence was collected")
        sheet, verdicts = await self._transactions.run(lambda connection: self._known(connection, each, day))
        verdicts = {expert: verdicts[expert] for expert in ANALYSTS if expert in verdicts}
        if len(verdicts) < len(ANALYSTS):
            return None
        if all(verdict.outcome is not Outcome.FAILED for verdict in verdicts.values()):
            held = {expert: [each.claim for each in verdict.held] for expert, verdict in verdicts.items()}
            synthesis = await self._consult(asker, Expert.SYNTHESIS, sheet, day, names, held)
            verdicts[Expert.SYNTHESIS] = synthesis
        report = Report(self.edition.report_id(each.ts_code, day, sheet.sha256), sheet, self.edition, verdicts)
        await self._transactions.keep(lambda connection: self._publish(connection, report))
        self._progress(each.ts_code, "report", report.standing)
        return report.standing

    async def _failed(self, each: Watched, day: date, reason: str) -> str:
        """Keep that a report failed."""
        now = calendar.now()
        await self._transactions.keep(
            lambda connection: store.save_failure(connection, each, day, self.edition, now, reason, self._run_id)
        )
        self._progress(each.ts_code, "report", Standing.FAILED)
        return Standing.FAILED

    async def _consult(
        self,
        asker: Asker,
        expert: Expert,
        sheet: Sheet,
        day: date,
        names: Names,
        notes: Mapping[Expert, Sequence[Claim]],
    ) -> Verdict:
        """Ask one expert; what its report alone may not cost, or what nobody foresaw, fails it alone."""
        report_id = self.edition.report_id(sheet.ts_code, day, sheet.sha256)
        try:
            return await consult(asker, expert, sheet, self.edition.language, report_id, names, notes)
        except BudgetExhausted as error:
            if error.span is not Span.REPORT:
                raise
            return Verdict(expert=expert, outcome=Outcome.FAILED, reason=str(error))
        except Exception as error:  # noqa: BLE001 - told with its stock, which stops no other
            reason = unforeseen(error, f"{report_id}, {expert}")
            return Verdict(expert=expert, outcome=Outcome.FAILED, reason=reason)

    async def _all(
        self,
        day: date,
        codes: Iterable[str] | None,
        work: Callable[[Watched, Tally], Awaitable[str | None]],
    ) -> Tally:
        wanted = await self._transactions.run(lambda connection: self._wanted_in(connection, day, codes))
        tally = Tally(len(wanted))
        places = anyio.Semaphore(self._at_once)

        async def one(each: Watched) -> None:
            async with places:
                outcome = None
                if tally.stopped is None:
                    try:
                        outcome = await work(each, tally)
                    except BudgetExhausted as error:
                        tally.stopped = error
                    except Exception as error:
                        if not is_own(error):
                            raise
                        outcome = await self._failed(each, day, unforeseen(error, f"{each.ts_code}, {day}"))
                if outcome is None:
                    tally.waiting.append(each.ts_code)
                else:
                    tally.done[each.ts_code] = outcome

        async with anyio.create_task_group() as group:
            for each in wanted:
                group.start_soon(one, each)
        return tally

    def _known(self, connection: Connection, each: Watched, day: date) -> tuple[Sheet, dict[Expert, Verdict]]:
        assert each.evidence_sha256 is not None, "asked for with evidence only"
        sheet = store.load_sheet(connection, each.evidence_sha256)
        report_id = self.edition.report_id(each.ts_code, day, sheet.sha256)
        return sheet, store.load_verdicts(connection, report_id, sheet, self.edition.language)

    def _save(self, connection: Connection, sheet: Sheet, verdict: Verdict) -> None:
        report_id = self.edition.report_id(sheet.ts_code, sheet.day, sheet.sha256)
        version = prompts.version(verdict.expert, self.edition.language)
        store.save_verdict(connection, report_id, verdict, version, calendar.now())

    def _publish(self, connection: Connection, report: Report) -> None:
        if report.synthesis is not None:
            self._save(connection, report.sheet, report.synthesis)
        before = None if self._cutoff is None else report.sheet.day <= self._cutoff
        store.save_report(
            connection,
            report,
            calendar.now(),
            before_cutoff=False if self.edition.by_rules else before,
            run_id=self._run_id,
        )

    def _wanted(self, day: date, codes: Iterable[str] | None) -> list[Watched]:
        with self._engine.connect() as connection:
            return self._wanted_in(connection, day, codes)

    def _wanted_in(self, connection: Connection, day: date, codes: Iterable[str] | None) -> list[Watched]:
        chosen = None if codes is None else set(codes)
        return [each for each in store.watched(connection, day) if chosen is None or each.ts_code in chosen]


WORST = (Outcome.FAILED, Outcome.ABSTAINED, Outcome.DEGRADED, Outcome.WRITTEN, Outcome.ABSENT)


def _worst(outcomes: Iterable[Outcome]) -> str:
    return min(outcomes, key=WORST.index)
