"""The pages: an overview of all datasets, one dataset, stocks to choose from, one stock; research reports, and one report."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import problems, session
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.datasets import Name  # noqa: TC001 - FastAPI reads it
from api.pages import dictionary, html, login, overview, parameters, report, research, scores, stock
from api.pages.asking import ask
from api.problems import Problem
from api.reports.routes import Id  # noqa: TC001 - FastAPI reads it
from api.stocks import Code  # noqa: TC001 - FastAPI reads it

LISTED = 50
"""Stocks on one page."""

OPEN = frozenset({session.LOGIN, session.LOGOUT, *(f"/pages/{name}" for name in html.ASSETS)})
"""What is shown to who has no key yet."""

router = APIRouter(route_class=html.PageRoute, include_in_schema=False)


@router.get("/")
async def show_overview(request: Request, database: ReadOnly, asked: Annotated[parameters.Year, Query()]) -> Response:
    """Every dataset, by family: how far it is complete, how new, what is wrong with it."""
    return await overview.show(request, database, asked.year)


@router.get("/datasets/{dataset}")
async def show_dataset(
    request: Request, database: ReadOnly, dataset: Name, asked: Annotated[parameters.Year, Query()]
) -> Response:
    """One dataset: what its columns mean, its coverage, its holes, its checks."""
    return await dictionary.show(request, database, dataset, asked.year)


@router.get("/stocks")
async def show_stocks(request: Request, asked: Annotated[parameters.Search, Query()]) -> Response:
    """The stocks that match; where it is only one, that one."""
    told = await ask(request, "/stocks", q=asked.q, limit=LISTED, offset=asked.offset)
    if asked.q and told.meta["total"] == 1:
        there = request.url.replace(path=f"/stocks/{told.rows[0]['ts_code']}").remove_query_params(["q", "offset"])
        return Response(status_code=303, headers={"Location": f"{there.path}?{there.query}".rstrip("?")})
    return html.page(
        request, "stocks.html", [told.source], told=told, query=asked.q or "", offset=asked.offset, limit=LISTED
    )


@router.get("/stocks/{ts_code}")
async def show_stock(
    request: Request, database: ReadOnly, ts_code: Code, asked: Annotated[parameters.Chart, Query()]
) -> Response:
    """One stock: its chart, its reports, and where all of it comes from."""
    return await stock.show(request, database, ts_code, asked)


@router.get("/research")
async def show_research(
    request: Request, database: ReadOnly, asked: Annotated[parameters.Research, Query()]
) -> Response:
    """The research reports of a day, or of a stock."""
    return await research.show(request, database, asked)


@router.get("/research/scorecard")
async def show_scorecard(request: Request, asked: Annotated[parameters.Scores, Query()]) -> Response:
    """How often the stances came true, and what they cost."""
    return await scores.show(request, asked)


@router.get("/research/{report_id}")
async def show_report(request: Request, report_id: Id, asked: Annotated[parameters.Page, Query()]) -> Response:
    """One report: the argument, the evidence of each figure, what came of it."""
    return await report.show(request, report_id)


@router.get(session.LOGIN)
async def show_login(request: Request, asked: Annotated[parameters.Login, Query()]) -> Response:
    """Where a person gives his key."""
    return await login.show(request, asked.next)


@router.post(session.LOGIN)
async def log_in(request: Request, asked: Annotated[parameters.Login, Query()]) -> Response:
    """Take a key, and go where it was needed."""
    return await login.take(request, asked.next)


@router.post(session.LOGOUT)
async def log_out(request: Request) -> Response:
    """Forget the key."""
    return login.forget(request)


@router.get("/pages/{name}")
async def load(name: str) -> Response:
    """What the pages load."""
    found = html.asset(name)
    if found is None:
        raise Problem(problems.UNKNOWN_PATH, f"The pages load {', '.join(html.ASSETS)}, and nothing else.")
    return found
