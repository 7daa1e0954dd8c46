"""Routes: reports, one report, its evidence, its claims, its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from api import formats, problems
from api.answers import NOT_MODIFIED, SOURCE_HEADER, marked
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.parameters import Parameters  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from api.reports import reading, tagged
from api.reports.models import ClaimsAnswer, EvidenceAnswer, Report, ReportsAnswer
from api.reports.parameters import Evidence, Reports  # noqa: TC001 - FastAPI reads them

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.problems import Kind
    from api.reports.models import Row

MARKDOWN = "text/markdown"
FORMS = ("application/json", MARKDOWN)
"""In which a report is told, the first where the client likes both."""

Id = Annotated[
    str,
    Path(description="Stock, day, and ten digits.", examples=["600519.SH-20240103-1a2b3c4d5e"]),
]

router = APIRouter(tags=["reports"])


def _documented(*kinds: Kind, text: bool = False) -> dict[int | str, dict[str, Any]]:
    told: dict[str, Any] = {"headers": SOURCE_HEADER}
    if text:
        told["content"] = {MARKDOWN: {"schema": {"type": "string"}}}
    return {200: told, **NOT_MODIFIED, **problems.documented(*problems.READING, *kinds)}


@router.get(
    "/reports",
    summary="Research reports",
    response_model=ReportsAnswer,
    responses=_documented(problems.INVALID_CURSOR),
)
async def list_reports(request: Request, database: ReadOnly, asked: Annotated[Reports, Query()]) -> Response:
    """Reports in short, the newest day first; of a day by stock, and of a stock the newest made first.

    A stock and day may have several: in another language, by another model or other prompts, or of evidence that was corrected.
    """
    async with database.read() as connection:
        found, cursor = await reading.page(connection, asked)
        source = await reading.source(connection, (one["trade_date"] for one in found))
    meta = {"rows": len(found), "limit": asked.limit, "order": asked.order, "next_cursor": cursor}
    headers = marked(source)
    if cursor:
        again = urlencode({**request.query_params, "cursor": cursor})
        headers["Link"] = f'<{request.url.path}?{again}>; rel="next"'
    return tagged.document(request, {"meta": meta, "items": found}, headers)


@router.get(
    "/reports/{report_id}.md",
    summary="One research report, as Markdown",
    response_class=Response,
    responses=_documented(problems.UNKNOWN_REPORT, problems.NOT_WRITTEN, text=True),
)
async def read_markdown(
    request: Request, database: ReadOnly, report_id: Id, asked: Annotated[Parameters, Query()]
) -> Response:
    """The report as it was written, byte for byte: its SHA-256 is the report's `sha256`."""
    async with database.read() as connection:
        report, source = await _report(connection, report_id)
    return _markdown(request, report, source)


@router.get(
    "/reports/{report_id}",
    summary="One research report",
    response_model=Report,
    responses=_documented(problems.UNKNOWN_REPORT, problems.NOT_WRITTEN, problems.NOT_ACCEPTABLE, text=True),
)
async def read_report(
    request: Request, database: ReadOnly, report_id: Id, asked: Annotated[Parameters, Query()]
) -> Response:
    """The stance, what each expert said, claim by claim with the evidence of every printed figure, what was dropped and why,
    how it turned out, what it cost, and of what it was made. `Accept: text/markdown` asks for the text alone.
    """
    accept = request.headers.get("accept")
    form = formats.liked(accept, FORMS) if accept else FORMS[0]
    if form is None:
        raise Problem(problems.NOT_ACCEPTABLE, f"A report comes as {' or '.join(FORMS)}: accept one of these.")
    async with database.read() as connection:
        report, source = await _report(connection, report_id)
        if form == MARKDOWN:
            return _markdown(request, report, source)
        _, missing = await reading.sheet(connection, report["evidence_sha256"], _prefix(request))
        said = {
            **report,
            "experts": await reading.notes(connection, report_id),
            "missing": missing,
            "outcomes": await reading.outcomes(connection, report_id),
            "cost": await reading.cost(connection, report_id),
        }
    return tagged.document(request, said, {**marked(source), "Vary": "Accept"})


@router.get(
    "/reports/{report_id}/evidence",
    summary="What a research report may rest on",
    response_model=EvidenceAnswer,
    responses=_documented(problems.UNKNOWN_REPORT, problems.NOT_WRITTEN),
)
async def read_evidence(
    request: Request, database: ReadOnly, report_id: Id, asked: Annotated[Evidence, Query()]
) -> Response:
    """All that was known of the stock by the end of the day, item by item, as the report was given it: the value, its period,
    since when it is known, and the rows it was taken from with where they stand in this API. Without evidence there are no
    items.
    """
    async with database.read() as connection:
        report, source = await _report(connection, report_id)
        items, missing = await reading.sheet(connection, report["evidence_sha256"], _prefix(request))
    meta = {
        "report_id": report_id,
        **{name: report[name] for name in ("ts_code", "name", "trade_date")},
        "sha256": report["evidence_sha256"],
        "missing": missing,
    }
    shown = _chosen(items, asked.ids)
    return tagged.document(request, {"meta": {**meta, "rows": len(shown)}, "items": shown}, marked(source))


@router.get(
    "/reports/{report_id}/claims",
    summary="What a research report claims",
    response_model=ClaimsAnswer,
    responses=_documented(problems.UNKNOWN_REPORT, problems.NOT_WRITTEN),
)
async def read_claims(
    request: Request, database: ReadOnly, report_id: Id, asked: Annotated[Parameters, Query()]
) -> Response:
    """Every claim of every expert's last answer, those that were dropped too (`held` is false), with the reasons."""
    async with database.read() as connection:
        _, source = await _report(connection, report_id)
        found = await reading.claims(connection, report_id)
    meta = {"report_id": report_id, "rows": len(found)}
    return tagged.document(request, {"meta": meta, "items": found}, marked(source))


def _markdown(request: Request, report: Row, source: str | None) -> Response:
    if report["markdown"] is None:
        detail = (
            f"The report {report['id']} has no text, since it failed: {report['reason']}. The next run tries again."
        )
        raise Problem(problems.NOT_WRITTEN, detail, report_id=report["id"])
    headers = {**marked(source), "Vary": "Accept"}
    return tagged.answer(request, report["markdown"].encode(), headers, f"{MARKDOWN}; charset=utf-8")


def _chosen(items: list[Row], ids: tuple[str, ...]) -> list[Row]:
    """These items. Raises a problem that names those that there are not."""
    if not ids:
        return items
    by_id = {item["id"]: item for item in items}
    unknown = [one for one in ids if one not in by_id]
    if unknown:
        detail = f"id: there is no item {', '.join(unknown)[:200]}. Without id all of them are listed."
        raise Problem(problems.INVALID_PARAMETER, detail)
    return [by_id[one] for one in ids]


async def _report(connection: AsyncConnection, report_id: str) -> tuple[Row, str | None]:
    """A report's own row, and who told its bars. What cannot be an id is refused before it is looked for."""
    if not (report_id.isascii() and report_id.isprintable()):
        raise reading.unknown(report_id)
    report = await reading.report(connection, report_id)
    return report, await reading.source(connection, [report["trade_date"]])


def _prefix(request: Request) -> str:
    prefix: str = request.app.state.settings.api_v1_str
    return prefix
