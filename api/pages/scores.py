"""Scores: how often the stances came true, and what they cost, on one page."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from api.pages import html
from api.pages.asking import ask
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED

if TYPE_CHECKING:
    from fastapi import Request, Response

    from api.pages.parameters import Scores

MODELS = "model,prompt_version,language"
"""What stances are told apart by."""
REACH = timedelta(days=365)
"""How far back from the newest report the page tells where no first day is named: who keeps reports for years asks for more."""


async def show(request: Request, asked: Scores) -> Response:
    """The scorecard of reports of some days, and what was paid on them; by default since a year before the newest report."""
    newest = await ask(request, "/reports", limit=1, start=asked.start, end=asked.end)
    start = asked.start or _start(newest.document["items"])
    days = {"start": start, "end": asked.end}
    whole = await ask(request, "/scorecard", **days)
    models = await ask(request, "/scorecard", by=MODELS, **days)
    experts = await ask(request, "/scorecard", of="experts", **days)
    costs = await ask(request, "/costs", by="month,model", **days)
    return html.page(
        request,
        "scorecard.html",
        [newest.source],  # who told the figures that they are about
        start=start,
        end=asked.end,
        kinds=_kinds(whole.document["items"], models.document["items"], experts.document["items"]),
        experts_over=experts.meta["horizon"],
        costs=costs.document["items"],
        budgets=costs.meta["budgets"],
    )


def _start(reports: list[dict[str, Any]]) -> date | None:
    """The first day, given the newest report; None where there is none."""
    return max(date.fromisoformat(reports[0]["trade_date"]) - REACH, MARKET_OPENED) if reports else None


def _kinds(*scores: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The scores by when the reports were made, as no score mixes them; of each kind the whole first."""
    order = list(dict.fromkeys(one["kind"] for group in scores for one in group))
    together = sorted((one for group in scores for one in group), key=lambda one: order.index(one["kind"]))
    return [(kind, list(group)) for kind, group in groupby(together, key=lambda one: one["kind"])]
