"""Scores: how often the stances came true, and what they cost, on one page."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from api.pages import html
from api.pages.asking import ask

if TYPE_CHECKING:
    from fastapi import Request, Response

MODELS = "model,prompt_version,language"
"""What stances are told apart by."""


async def show(request: Request) -> Response:
    """The scorecard."""
    whole = await ask(request, "/scorecard")
    models = await ask(request, "/scorecard", by=MODELS)
    experts = await ask(request, "/scorecard", of="experts")
    costs = await ask(request, "/costs", by="month,model")
    newest = await ask(request, "/reports", limit=1)  # who told the figures that they are about
    return html.page(
        request,
        "scorecard.html",
        [newest.source],
        kinds=_kinds(whole.document["items"], models.document["items"], experts.document["items"]),
        experts_over=experts.meta["horizon"],
        costs=costs.document["items"],
        budgets=costs.meta["budgets"],
    )


def _kinds(*scores: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The scores by when the reports were made, as no score mixes them; of each kind the whole first."""
    order = list(dict.fromkeys(one["kind"] for one in scores[0]))
    together = sorted((one for group in scores for one in group), key=lambda one: order.index(one["kind"]))
    return [(kind, list(group)) for kind, group in groupby(together, key=lambda one: one["kind"])]
