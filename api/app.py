"""The application: settings, database, routes and problems put together. Served by `uvicorn --factory api.app:create_app`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from api import (
    bars,
    calendar,
    daily,
    datasets,
    filings,
    health,
    holes,
    market,
    pages,
    problems,
    rows,
    statements,
    stocks,
)
from api.database import Database
from api.methods import HeadMiddleware
from api.problems import Problem, ProblemDocument
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings import settings as configured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DESCRIPTION = """
A-share history from Tushare, as it has landed here: read-only.

Tables come in Tushare's own form, `fields` and `items`, with `meta` beside them: who told us (`source`, also in the header
`X-Data-Source`: the sandbox's figures are made up), whether the range is `complete`, the units. Days in rows are `YYYYMMDD`,
numbers are exact decimals, absent values are null. Parameters take days as `YYYYMMDD` or `YYYY-MM-DD`; an unknown parameter
is refused. Every error is an RFC 9457 problem, `application/problem+json`, whose `detail` says what to do.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application. Raises `SettingsError` when no database is set; does not connect before the first request."""
    settings = settings or configured()
    database = Database.configured(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await database.engine.dispose()

    app = FastAPIOffline(  # the documentation pages come from this package, not from a CDN
        title=settings.project_name,
        version=health.VERSION,
        description=DESCRIPTION,
        openapi_url=f"{settings.api_v1_str}/openapi.json",
        swagger_ui_parameters={"validatorUrl": None},
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.database = database
    problems.install(app)
    routes = APIRouter(prefix=settings.api_v1_str, dependencies=[Depends(once)])
    for noun in (health, datasets, holes, rows, stocks, bars, statements, filings, daily, market, calendar):
        routes.include_router(noun.router)
    app.include_router(routes)
    app.include_router(pages.router, dependencies=[Depends(once)])
    _document_problems(app)
    app.add_middleware(HeadMiddleware)
    if settings.backend_cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.backend_cors_origins,
            allow_methods=["GET", "HEAD"],
            expose_headers=["X-Data-Source", "Retry-After"],
        )
    return app


async def once(request: Request) -> None:
    """Refuse a parameter that is given twice: only one of its values would be read."""
    names = [name for name, _ in request.query_params.multi_items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Problem(problems.INVALID_PARAMETER, f"{', '.join(twice)}: give it once.")


def _document_problems(app: FastAPI) -> None:
    """Add the problem document to the OpenAPI document, to which the routes' errors refer."""
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = ProblemDocument.model_json_schema()
        return document

    app.openapi = with_problems  # type: ignore[method-assign]
