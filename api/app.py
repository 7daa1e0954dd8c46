"""The application: settings, database, gate, routes and problems put together. Served by `python -m api`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, FastAPI, Request
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
    reports,
    rows,
    statements,
    stocks,
)
from api.cache import CacheMiddleware
from api.compression import CompressionMiddleware
from api.cors import Cors
from api.database import Database
from api.drain import Drain
from api.gate import Gate
from api.journal import Journal
from api.kept import Store, Use
from api.keys import Admission
from api.methods import HeadMiddleware
from api.metrics import Metrics
from api.problems import Problem, ProblemDocument
from api.streams import Slots
from api.tushare import routes as tushare
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings import settings as configured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DESCRIPTION = """
A-share history from Tushare, as it has landed here: read-only.

Tables come in Tushare's own form, `fields` and `items`, with `meta` beside them: who told us (`source`, also in the header
`X-Data-Source`: the sandbox's figures are made up), whether the range is `complete`, the units. Days in rows are `YYYYMMDD`,
numbers are exact decimals, absent values are null. `format`, or the header `Accept`, asks for CSV, Parquet, Arrow or another
form of JSON. Parameters take days as `YYYYMMDD` or `YYYY-MM-DD`; an unknown parameter is refused. Every error is an RFC 9457
problem, `application/problem+json`, whose `detail` says what to do.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application. Raises `SettingsError` when no database is set; does not connect before the first request."""
    settings = settings or configured()
    database = Database.configured(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()

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
    app.state.drain = Drain(settings.api_drain_seconds)
    app.state.started = False
    app.state.streams = Slots(max(1, settings.api_pool_size // 2))
    cache = Use(Store(settings.api_cache_mb * 1_000_000)) if settings.api_cache_mb else None
    app.state.metrics = Metrics(health.VERSION, database, app.state.streams, cache)
    app.state.admission = Admission(database, settings.api_calls_per_minute)
    problems.install(app)
    routes = APIRouter(prefix=settings.api_v1_str, dependencies=[Depends(once)])
    for noun in (health, datasets, holes, stocks, bars, statements, filings, daily, market, calendar, rows, reports):
        routes.include_router(noun.router)
    app.include_router(routes)
    app.include_router(tushare.router)
    app.include_router(pages.router, dependencies=[Depends(once)])
    _complete_document(app)
    app.add_middleware(CompressionMiddleware)
    if cache is not None:  # around compression: what is kept is compressed already
        path = f"{settings.api_v1_str}/"
        beside = [path + name for name in ("health", "openapi.json", "reports", "scorecard", "costs")]
        app.add_middleware(CacheMiddleware, database.watch, cache, path, beside)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(Gate, settings=settings, admission=app.state.admission, open_paths=pages.OPEN)
    if settings.backend_cors_origins:
        app.add_middleware(Cors, settings.backend_cors_origins)
    stack = app.build_middleware_stack
    # Around all of it, Starlette's own answer to a mistake of ours included.
    app.build_middleware_stack = lambda: Journal(stack(), app.state.metrics.requests, app.state.drain)  # type: ignore[method-assign]
    return app


async def once(request: Request) -> None:
    """Refuse a parameter that is given twice: only one of its values would be read."""
    names = [name for name, _ in request.query_params.multi_items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Problem(problems.INVALID_PARAMETER, f"{', '.join(twice)}: give it once.")


def _complete_document(app: FastAPI) -> None:
    """Add to the OpenAPI document the problem, to which the routes' errors refer, and how a key is sent."""
    plain = app.openapi

    def complete() -> dict[str, Any]:
        document = plain()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = ProblemDocument.model_json_schema()
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        document["security"] = [{"bearer": []}, {"key": []}, {}]  # or none, on loopback
        return document

    app.openapi = complete  # type: ignore[method-assign]
