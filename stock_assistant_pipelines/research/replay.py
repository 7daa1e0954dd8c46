"""Replay: a report made again from its stored evidence and the answers that the ledger keeps, without asking anybody.

The same code judges, prints and lays out. Where the bytes differ from the stored ones, the gate, the renderer or the layout
has been changed since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import select
from zstandard import ZstdError

from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.contracts import Expert
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.experts import ANALYSTS, consult
from stock_assistant_pipelines.research.layout import Page, lay_out
from stock_assistant_pipelines.research.ledger import unpack
from stock_assistant_pipelines.research.names import Names
from stock_assistant_pipelines.research.providers.errors import Blocked
from stock_assistant_pipelines.research.providers.exchange import Prompt, Purpose, Reply, T
from stock_assistant_pipelines.research.providers.extract import extract
from stock_assistant_pipelines.research.providers.quirks import Rung
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.report import Report
from stock_assistant_pipelines.warehouse.tables import LLM_CALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, RowMapping

    from stock_assistant_pipelines.research.contracts import Claim
    from stock_assistant_pipelines.research.verdicts import Verdict


class NotReplayable(LookupError):
    """There is no such report, it failed, or what it was made of is gone or cannot be read."""


UNREADABLE = (LookupError, ValueError, TypeError, ZstdError)
"""What it comes to when a row is gone, or holds what the code of today does not read."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A report made again."""

    report_id: str
    page: Page
    stored: str
    """The Markdown that was kept."""

    @property
    def same(self) -> bool:
        """Whether it is the stored one, byte for byte."""
        return self.page.markdown == self.stored


class Memory:
    """Answers from the ledger, in the order in which one expert gave them."""

    def __init__(self, connection: Connection, calls: tuple[int, ...]) -> None:
        self._connection = connection
        self._calls = list(calls)

    async def ask(self, prompt: Prompt, contract: type[T], *, purpose: Purpose) -> Reply[T]:
        """The next answer. Raises `Blocked` where there is none: a repair that was refused."""
        if not self._calls:
            raise Blocked("the ledger", "no further answer was given")
        number = self._calls.pop(0)
        row = self._connection.execute(select(LLM_CALL).where(LLM_CALL.c.id == number)).mappings().first()
        if row is None or row["response"] is None:
            raise NotReplayable(
                f"the ledger no longer has call {number} of {purpose.report_key}, the answer of {purpose.expert}"
            )
        text = str(orjson.loads(unpack(row["response"]))["content"])
        answer = contract.model_validate(extract(text))
        return Reply(
            answer,
            text,
            row["provider"],
            row["model"],
            Rung(row["rung"]),
            row["request_sha256"],
            number,
            0,
            None,
            row["cost_cny"],
            remembered=True,
        )


async def replay(connection: Connection, report_id: str) -> Replayed:
    """Make a report again. Raises `NotReplayable`."""
    row = store.load_report(connection, report_id)
    if row is None:
        raise NotReplayable(f"there is no report {report_id}")
    if row["sha256"] is None:
        raise NotReplayable(f"{report_id} failed, and holds nothing to replay: {row['reason']}")
    try:
        return await _made(connection, row)
    except NotReplayable:
        raise
    except UNREADABLE as error:
        told = " ".join(str(error).split())
        raise NotReplayable(f"{report_id} could not be made again: {type(error).__name__}: {told}") from error


async def _made(connection: Connection, row: RowMapping) -> Replayed:
    """Make it again of what is stored."""
    report_id: str = row["id"]
    sheet = store.load_sheet(connection, row["evidence_sha256"])
    edition = Edition(Language(row["language"]), row["provider"], row["model"], row["prompt_version"])
    kept = store.load_verdicts(connection, report_id, sheet, edition.language)
    verdicts: dict[Expert, Verdict] = {}
    held: dict[Expert, list[Claim]] = {}
    for expert in (*ANALYSTS, Expert.SYNTHESIS):
        verdict = kept[expert]
        if verdict.answered:
            memory = Memory(connection, tuple(each.call_id for each in verdict.answered))
            notes: Mapping[Expert, list[Claim]] = held if expert is Expert.SYNTHESIS else {}
            verdict = await consult(memory, expert, sheet, edition.language, report_id, Names(verdict.strangers), notes)
        verdicts[expert] = verdict
        held[expert] = [each.claim for each in verdict.held]
    page = lay_out(Report(report_id, sheet, edition, verdicts))
    if page is None:
        raise NotReplayable(f"{report_id} could not be made again: {verdicts[Expert.SYNTHESIS].reason}")
    return Replayed(report_id, page, row["markdown"])
