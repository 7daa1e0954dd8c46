"""One report: the argument, what it rests on, how it turned out, and of what it was made."""

from __future__ import annotations

from datetime import date, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from api.pages import candles, figures, html, languages
from api.pages.asking import Refused, ask
from api.reports import reading

if TYPE_CHECKING:
    from fastapi import Request, Response

    from api.pages.asking import Told
    from api.pages.candles import Drawing
    from api.pages.figures import Piece

REACH = timedelta(days=365)
"""How far back the chart goes from the report's day."""
PARTS = ("thesis", "invalidation", "risks")
"""What a synthesis says."""
SYNTHESIS = "synthesis"
TEXT = ".md"
"""What an address in the API ends with that answers with a report's text. No id does."""


Said = list["Piece"]
"""A claim, cut at its figures."""


async def show(request: Request, report_id: str) -> Response:
    """A report's page."""
    if report_id.endswith(TEXT):  # the API's routes would answer with the text
        raise reading.unknown(report_id)
    told = await ask(request, f"/reports/{report_id}")
    sheet = await ask(request, f"/reports/{report_id}/evidence")
    report = told.document
    code, day = report["ts_code"], report["trade_date"]
    others = await ask(request, "/reports", ts_code=code, trade_date=day)
    bars = await _bars(request, code, day)
    published = [claim for note in report["experts"] for claim in note["claims"]]
    cited, rest = figures.lines(sheet.document["items"], published, languages.chosen(request))
    return html.page(
        request,
        "report.html",
        [told.source],
        report=report,
        argument=_argument(report),
        notes=[(note, _said(note)) for note in report["experts"] if note["expert"] != SYNTHESIS],
        drawing=bars,
        cited=cited,
        rest=rest,
        dropped=[claim for note in report["experts"] for claim in note["dropped"]],
        others=[one for one in others.document["items"] if one["id"] != report_id],
    )


async def _bars(request: Request, code: str, day: str) -> Drawing | None:
    """The chart up to the report's day, in the prices that were seen then; None where there are no bars."""
    try:
        told = await ask(
            request,
            f"/stocks/{code}/daily",
            adjust="qfq",
            adjust_as_of=day,
            start=(date.fromisoformat(day) - REACH).isoformat(),
            end=day,
        )
    except Refused as refused:
        if refused.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return None
    return _drawn(told)


def _drawn(told: Told) -> Drawing | None:
    drawn = candles.bars(told.rows, "1y")
    return candles.draw(drawn) if drawn else None


def _argument(report: dict[str, Any]) -> list[tuple[str, list[Said]]]:
    """What the synthesis says, part by part; nothing where it abstained."""
    said = [claim for note in report["experts"] if note["expert"] == SYNTHESIS for claim in note["claims"]]
    parts = [(part, [figures.pieces(one) for one in said if one["place"].startswith(part)]) for part in PARTS]
    return [(part, claims) for part, claims in parts if claims]


def _said(note: dict[str, Any]) -> tuple[list[Said], list[Said]]:
    """What an expert says in sum, and claim by claim."""
    summary = [figures.pieces(one) for one in note["claims"] if one["place"] == "summary"]
    return summary, [figures.pieces(one) for one in note["claims"] if one["place"] != "summary"]
