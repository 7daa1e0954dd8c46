"""Scores: how often the stances came true, and what the calls to models cost. Told from what is kept; no route reckons anew."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime  # noqa: TC003 - Pydantic reads them
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api import problems
from api.answers import NOT_MODIFIED, moment
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.parameters import Range, Word
from api.problems import Problem
from api.reports import tagged
from api.reports.models import Number  # noqa: TC001 - Pydantic reads it
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.research import costs, scorecard
from stock_assistant_pipelines.research.booking import Budgets

if TYPE_CHECKING:
    from enum import StrEnum

    from sqlalchemy import Connection

    from stock_assistant_pipelines.settings import Settings

Horizon = Literal["1", "5", "20", "60"]
EXPERTS = 20
"""Trading days over which experts are scored where nothing is asked for: they name no horizon of their own."""
MOST = 10_000
"""Groups of costs in one answer."""


def _named(kinds: type[StrEnum], value: str) -> str:
    """Refuse what scores, or costs, are not told apart by."""
    unknown = [name for name in value.split(",") if name not in {*kinds}]
    if unknown:
        raise ValueError(f"there is no {', '.join(unknown)}: takes {', '.join(kinds)}, with commas between them")
    return value


Groups = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z_]+(,[a-z_]+)*$")]


class Scorecard(Range):
    """Which scores."""

    by: Annotated[Groups, AfterValidator(partial(_named, scorecard.By))] | None = Field(
        None,
        description=f"What they are told apart by, beside when a report was made: {', '.join(scorecard.By)}, with commas "
        "between them.",
        examples=["model,prompt_version"],
    )
    of: Literal["reports", "experts"] = Field(
        "reports",
        description="`reports`: the stances. `experts`: the way that each expert's claims lean.",
        examples=["experts"],
    )
    horizon: Horizon | None = Field(
        None,
        description=f"Trading days after the report's; each report's own when absent, and {EXPERTS} of experts.",
        examples=["20"],
    )


class Costs(Range):
    """Which costs."""

    by: Annotated[Groups, AfterValidator(partial(_named, costs.By))] | None = Field(
        None,
        description=f"What they are told apart by: {', '.join(costs.By)}, with commas between them.",
        examples=["month,model"],
    )
    report: Word | None = Field(None, description="The id of one report.", examples=["600519.SH-20240103-1a2b3c4d5e"])


class ScorecardMeta(BaseModel):
    """Where scores stand."""

    of: str
    by: list[str]
    horizon: int | None = Field(description="Trading days; null: each report's own.")
    start: date | None
    end: date | None
    rows: int


class Score(BaseModel):
    """How the reports of one group did."""

    kind: str = Field(
        description="When they were made: `forward`, before the next trading day opened; later, `backfilled`, of a day after "
        "the model's training, `before cutoff`, of one before its end, or `cutoff unknown`. No score mixes two of them."
    )
    group: dict[str, str | int | None] = Field(description="What they have in common.")
    reports: int = Field(
        description="All that count: of the same stock, day, model, prompts and language the first made."
    )
    stances: int = Field(description="Those that took a stance.")
    cases: int = Field(description="Those of which it is told whether it came true.")
    independent: int = Field(
        description="Cases of which no two, of a stock and horizon, begin in the same stretch of time as long as the horizon."
    )
    stretches: int = Field(
        description="Stretches of time in which cases begin, of all stocks together; of the horizon that has most of them."
    )
    hit_rate: float | None
    low: float | None = Field(description="The interval of 95 % (Wilson), if stocks went their ways independently.")
    high: float | None
    base_rate: float | None = Field(description="How often the same stances came true of all that were reported on.")
    probability: float | None = Field(description="The mean of those given.")
    brier: float | None
    brier_base: float | None = Field(description="The same of always saying the base rate.")
    skill: float | None = Field(description="1 less `brier` as a share of `brier_base`: above 0 is better than that.")
    excess_index: float | None = Field(description="Mean return less that of CSI 300, in percentage points.")
    excess_industry: float | None = Field(
        description="The same less the median of the industry, without stocks that were delisted before it was told."
    )
    gain_index: float | None = Field(description="In the direction of the stance.")
    gain_industry: float | None
    few: str | None = Field(description="Why they are too few to tell anything; null: they are not.")


class ScorecardAnswer(BaseModel):
    """Scores."""

    meta: ScorecardMeta
    items: list[Score]


class Left(BaseModel):
    """What is left of a budget."""

    span: str = Field(description="`day`, `month`, `report`.")
    budget: Number
    spent: Number = Field(description="CNY, spent or booked.")
    left: Number
    ends: datetime | None = Field(description="When it begins anew; null: never.")


class CostsMeta(BaseModel):
    """Where costs stand."""

    by: list[str]
    start: date | None
    end: date | None
    rows: int
    budgets: list[Left] = Field(description="What is left now, of this day and month in Shanghai, and of the report.")


class Spent(BaseModel):
    """What the calls of one group came to."""

    group: dict[str, str | None] = Field(description="What they have in common.")
    calls: int
    answered: int
    under_way: int
    untold: int = Field(description="Those that did not say what they used: counted at the most that they could cost.")
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    tokens_reasoning: int
    cost: Number = Field(description="CNY, of what is over.")
    booked: Number = Field(description="CNY at the most, of what is under way.")


class CostsAnswer(BaseModel):
    """Costs."""

    meta: CostsMeta
    items: list[Spent]


router = APIRouter(tags=["reports"])


@router.get(
    "/scorecard",
    summary="How often the stances of research reports came true",
    response_model=ScorecardAnswer,
    responses={**NOT_MODIFIED, **problems.documented(*problems.READING)},
)
async def read_scorecard(request: Request, database: ReadOnly, asked: Annotated[Scorecard, Query()]) -> Response:
    """Hit rate with its interval, Brier score, and return against index and industry, each beside what chance does; apart by
    when the reports were made. `start` and `end` are about the reports' days.
    """
    by = [scorecard.By(name) for name in asked.by.split(",")] if asked.by else []
    horizon = int(asked.horizon) if asked.horizon else EXPERTS if asked.of == "experts" else None
    days = {"since": asked.start, "until": asked.end}
    tell: Any = scorecard.expert_scores if asked.of == "experts" else scorecard.scores
    async with database.read() as connection:
        found = await connection.run_sync(partial(tell, by=by, horizon=horizon, **days))
    meta = {"of": asked.of, "by": by, "horizon": horizon, "start": asked.start, "end": asked.end, "rows": len(found)}
    return tagged.document(request, {"meta": meta, "items": [asdict(one) for one in found]}, {})


@router.get(
    "/costs",
    summary="What the calls to language models cost",
    response_model=CostsAnswer,
    responses={**NOT_MODIFIED, **problems.documented(*problems.READING)},
)
async def read_costs(request: Request, database: ReadOnly, asked: Annotated[Costs, Query()]) -> Response:
    """Calls, tokens and CNY, by whatever they are told apart; and what is left of the budgets that this server's settings name.
    `start` and `end` are about the days on which the calls were begun, in Shanghai.
    """
    async with database.read() as connection:
        found, left = await connection.run_sync(partial(_costs, asked=asked, settings=request.app.state.settings))
    meta = {
        "by": asked.by.split(",") if asked.by else [],
        "start": asked.start,
        "end": asked.end,
        "rows": len(found),
        "budgets": [{**asdict(one), "ends": moment(one.ends) if one.ends else None} for one in left],
    }
    return tagged.document(request, {"meta": meta, "items": [asdict(one) for one in found]}, {})


def _costs(connection: Connection, asked: Costs, settings: Settings) -> tuple[list[costs.Cost], list[costs.Left]]:
    by = [costs.By(name) for name in asked.by.split(",")] if asked.by else []
    budgets = Budgets(settings.llm_budget_report, settings.llm_budget_day, settings.llm_budget_month)
    found = costs.costs(connection, by, since=asked.start, until=asked.end, report=asked.report, limit=MOST + 1)
    if len(found) > MOST:
        detail = f"by: these are more than {MOST:,} groups. Name one report, or a shorter range."
        raise Problem(problems.INVALID_PARAMETER, detail)
    return found, costs.left(connection, budgets, calendar.now(), asked.report)
