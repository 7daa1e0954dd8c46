"""The scorecard: how often stances came true, how good their probabilities were, what followed; each with what chance does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Integer, Numeric, Text, func, select, text, tuple_

from stock_assistant_pipelines.research.queries import query
from stock_assistant_pipelines.research.stances import BAND, HORIZONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Connection, Row, Subquery

ENOUGH = 30
"""Independent cases, fewer than which tell nothing."""
STRETCHES = 5
"""Stretches of time, fewer than which tell nothing: in each the whole market moved in one way."""
WIDE = 1.959963984540054
"""Standard deviations on either side of an interval of 95 %."""


class Kind(StrEnum):
    """When a report was made, and whether its model could know what came. No score mixes two of them."""

    FORWARD = "forward"
    """Before the next trading day opened."""
    BACKFILLED = "backfilled"
    """Later, of a day after the model's training ended."""
    BEFORE_CUTOFF = "before cutoff"
    """Later, of a day from before that: the model may know what came."""
    CUTOFF_UNKNOWN = "cutoff unknown"
    """Later, by a model of which nobody knows when its training ended."""


class By(StrEnum):
    """What scores are told apart by, beside their kind."""

    MODEL = "model"
    """Provider and model."""
    PROMPT_VERSION = "prompt_version"
    LANGUAGE = "language"
    STANCE = "stance"
    """Of an expert: the way that its claims lean."""
    HORIZON = "horizon"
    """The report's own."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold it."""
        return ("provider", "model") if self is By.MODEL else (self.value,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How the reports of one group did."""

    kind: Kind
    group: Mapping[str, str | int | None]
    """What they have in common, by column: `provider`, `model`, `prompt_version`, `language`, `stance`, `horizon`, `expert`."""
    reports: int
    """All that count: of a stock, day, model, prompt version and language the first that was made."""
    stances: int
    """Those that took a stance."""
    cases: int
    """Those of which it is told whether it came true."""
    independent: int
    """Cases of which no two of a stock and horizon begin in the same stretch of time: what the interval is made of."""
    stretches: int
    """Stretches of time in which there are cases, of all stocks together; of the horizon that has most of them."""
    hit_rate: float | None
    low: float | None
    high: float | None
    """The interval that holds the true rate 95 times of 100, if stocks went their ways independently."""
    base_rate: float | None
    """How often the same stances came true of all stocks and days that were reported on, whoever took which."""
    probability: float | None
    """The mean of those given."""
    brier: float | None
    """At the report's own horizon only."""
    brier_base: float | None
    """The same of always saying the base rate."""
    skill: float | None
    """1 less `brier` as a share of `brier_base`: above 0 is better than the base rate, below it worse."""
    excess_index: float | None
    excess_industry: float | None
    """Mean return of the stock less that of the index, of the industry's median; percentage points."""
    gain_index: float | None
    gain_industry: float | None
    """The same in the direction of the stance; neutral ones have none."""
    few: str | None
    """Why they are too few to tell anything; None: they are not."""


def scores(
    connection: Connection,
    by: Sequence[By] = (),
    *,
    horizon: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> list[Score]:
    """The scores of stances, at each report's own horizon or at one for all, of reports of the days from `since` to `until`."""
    asked = {"experts": False, "span": horizon, "since": since, "until": until}
    return _scores(connection, [name for each in by for name in each.columns], asked)


def expert_scores(
    connection: Connection,
    by: Sequence[By] = (),
    *,
    horizon: int = 20,
    since: date | None = None,
    until: date | None = None,
) -> list[Score]:
    """The same of the experts, by the way their claims lean: up comes true if the stock beats the index, down if it trails."""
    asked = {"experts": True, "span": horizon, "since": since, "until": until}
    return _scores(connection, ["expert", *(name for each in by for name in each.columns)], asked)


def interval(rate: float, cases: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a rate that was observed in so many independent cases."""
    weight = WIDE * WIDE / cases
    centre = (rate + weight / 2) / (1 + weight)
    half = WIDE * math.sqrt(rate * (1 - rate) / cases + weight / (4 * cases)) / (1 + weight)
    return max(0.0, min(centre - half, rate)), min(1.0, max(centre + half, rate))


def _scores(connection: Connection, names: Sequence[str], asked: Mapping[str, Any]) -> list[Score]:
    cases = _cases()
    groups = [cases.c.kind, *(cases.c[name] for name in dict.fromkeys(names))]
    found = select(*groups, *_measures(cases)).group_by(*groups).order_by(*groups)
    rows = connection.execute(found, {"band": BAND, **asked}).all()
    kinds = list(Kind)
    return sorted((_score(row, names) for row in rows), key=lambda each: kinds.index(each.kind))


def _cases() -> Subquery:
    columns = dict.fromkeys(
        ("kind", "provider", "model", "prompt_version", "language", "expert", "stance", "ts_code"), Text
    )
    numbers = dict.fromkeys(("probability", "brier", "base", "excess_index", "excess_industry"), Numeric)
    whole = dict.fromkeys(("horizon", "span", "stretch", "way"), Integer)
    return text(query("cases")).columns(**columns, **numbers, **whole, hit=Boolean).subquery("cases")


def _measures(cases: Subquery) -> list[ColumnElement[Any]]:
    """What is told of a group of cases. Where it is not told whether the stance came true, nothing else is counted in."""
    case, told = cases.c, cases.c.hit.is_not(None)

    def mean(of: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.avg(of).filter(told)

    def stretches(span: int) -> ColumnElement[Any]:
        return func.count(case.stretch.distinct()).filter(told, case.span == span)

    return [
        func.count().label("reports"),
        func.count(case.stance).label("stances"),
        func.count(case.hit).label("cases"),
        func.count(tuple_(case.ts_code, case.span, case.stretch).distinct()).filter(told).label("independent"),
        func.greatest(*(stretches(span) for span in HORIZONS)).label("stretches"),
        mean(case.hit.cast(Integer)).label("hit_rate"),
        mean(case.base).label("base_rate"),
        mean(case.probability).label("probability"),
        mean(case.brier).label("brier"),
        func.avg(func.power(case.base - case.hit.cast(Integer), 2)).filter(case.brier.is_not(None)).label("brier_base"),
        mean(case.excess_index).label("excess_index"),
        mean(case.excess_industry).label("excess_industry"),
        mean(case.excess_index * case.way).label("gain_index"),
        mean(case.excess_industry * case.way).label("gain_industry"),
    ]


_MEANS = ("hit_rate", "base_rate", "probability", "brier", "brier_base")
_EXCESSES = ("excess_index", "excess_industry", "gain_index", "gain_industry")


def _score(row: Row[Any], names: Sequence[str]) -> Score:
    known = row._mapping
    means: dict[str, Any] = {
        name: None if known[name] is None else float(known[name]) for name in (*_MEANS, *_EXCESSES)
    }
    rate, brier, base = means["hit_rate"], means["brier"], means["brier_base"]
    low, high = (None, None) if rate is None else interval(rate, row.independent)
    return Score(
        kind=Kind(row.kind),
        group={name: known[name] for name in names},
        **{name: known[name] for name in ("reports", "stances", "cases", "independent", "stretches")},
        **means,
        low=low,
        high=high,
        skill=1 - brier / base if brier is not None and base else None,
        few=_few(row.independent, row.stretches),
    )


def _few(independent: int, stretches: int) -> str | None:
    if independent < ENOUGH:
        return f"{independent} independent cases, fewer than {ENOUGH}"
    if stretches < STRETCHES:
        return f"all within {stretches} stretches of time, fewer than {STRETCHES}: what moved the market moved them all"
    return None
