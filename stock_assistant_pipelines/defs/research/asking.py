"""Asking a model in a run: what keeps it from its answers is told in Dagster's words, and in the run's tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.defs.research import shown
from stock_assistant_pipelines.defs.research.waits import Wait
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import date

    from stock_assistant_pipelines.research.desk import Tally
    from stock_assistant_pipelines.research.ledger import BudgetExhausted
    from stock_assistant_pipelines.research.session import Session

    Context = dg.AssetExecutionContext | dg.OpExecutionContext


@dataclass(frozen=True)
class Written:
    """What came of days of which a model was asked."""

    tallies: Mapping[date, Tally]
    failure: dg.Failure | None = None

    @property
    def whole(self) -> dict[date, Tally]:
        """The days that no budget stopped."""
        return {day: tally for day, tally in self.tallies.items() if tally.stopped is None}


def write(
    context: Context,
    session: Session,
    wanted: Sequence[date],
    step: Callable[[], dict[date, Tally]],
    codes: Collection[str] | None = None,
) -> Written:
    """Ask a model, and say in the run's tags what waits for it. Raises `dg.Failure` where none can be asked at all."""
    from stock_assistant_pipelines.research.providers.errors import NotAnswered

    try:
        tallies = step()
    except SettingsError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except NotAnswered as error:
        wait_for_answers(context, wanted)
        raise dg.Failure(f"no model can be asked: {error}", allow_retries=False) from None
    stopped = next((tally.stopped for tally in tallies.values() if tally.stopped), None)
    if stopped is None:
        return Written(tallies)
    waiting = {day: left for day in wanted if (left := session.lacking(day, codes))}
    return Written(tallies, _stop(context, stopped, waiting))


def _stop(context: Context, budget: BudgetExhausted, waiting: Mapping[date, Sequence[str]]) -> dg.Failure:
    """The end of a run that a budget stopped: no defect, and it says when it goes on."""
    wait = Wait.of_budget(budget, waiting)
    wait.tell(context.instance, context.run.run_id)
    return dg.Failure(
        str(budget),
        metadata={
            "waits_for": wait.cause,
            "goes_on": dg.MetadataValue.timestamp(wait.again),
            "waiting": dg.MetadataValue.json({str(day): list(codes)[: shown.NAMED] for day, codes in waiting.items()}),
        },
        allow_retries=False,
    )


def wait_for_answers(context: Context, wanted: Sequence[date]) -> None:
    """Say in the run's tags that nobody answered for something."""
    if wait := Wait.of_answer(context.run, wanted, calendar.now()):
        wait.tell(context.instance, context.run.run_id)
