"""The scorecard: how often stances came true, how good their probabilities were, what followed; each with what chance does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection


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
    """Cases whose stretches of time do not overlap, of each stock: what the interval is made of."""
    stretches: int
    """Stretches of time that do not overlap, of all stocks together."""
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
    raise NotImplementedError


def expert_scores(
    connection: Connection,
    by: Sequence[By] = (),
    *,
    horizon: int = 20,
    since: date | None = None,
    until: date | None = None,
) -> list[Score]:
    """The same of the experts, by the way their claims lean: up comes true if the stock beats the index, down if it trails."""
    raise NotImplementedError


def interval(rate: float, cases: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a rate that was observed in so many independent cases."""
    raise NotImplementedError
