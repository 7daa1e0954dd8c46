"""What do keys, limits, ids and the log cost each request, against the same answer without them?

In one process and without a network, so that nothing else is measured: the application is called as a server calls it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.middleware.base import BaseHTTPMiddleware

from api.app import create_app
from api.gate import Gate
from api.journal import Journal
from api.keys import Admission, Key
from api.metrics.requests import Requests
from bench.measure import Figures, figure, in_turns, ratio
from bench.report import Report, Table
from stock_assistant_pipelines import logs
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEY = "sa_" + "k" * 43
LIVE = "/api/v1/health/live"
HEADERS = [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*"), (b"accept-encoding", b"gzip"), (b"user-agent", b"bench")]


def run(*, quick: bool = False) -> Report:
    """Ask each of them in turns, thousands of times a round."""
    rounds, requests = (2, 200) if quick else (15, 5_000)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        logs.configure(Settings(_env_file=None, log_format="json"), nowhere)  # type: ignore[call-arg]
        try:
            seconds = in_turns(
                {name: _asked(app, "/api/v1/daily", keyed, requests) for name, (app, keyed) in _sides().items()}, rounds
            )
            route = in_turns(
                {name: _asked(app, LIVE, False, requests // 10) for name, app in _routes().items()}, rounds
            )
        finally:
            logging.getLogger().removeHandler(logs.HANDLER)
    tables = [
        Table(
            title,
            ("", "µs", "× without"),
            [_row(name, each, next(iter(sides.values())), count) for name, each in sides.items()],
        )
        for title, sides, count in (
            ("An answer of 1 KB", seconds, requests),
            ("The shortest route", route, requests // 10),
        )
    ]
    return Report(
        "gate",
        "what do keys, limits, ids and the log cost?",
        tables,
        [
            f"{rounds} rounds of {requests:,} requests each, a tenth of it of the route, in turns, in one process without a "
            "network. Ratios are taken round by round.",
            "The log is written, to nowhere. An empty `BaseHTTPMiddleware` does nothing at all: it is what one of Starlette's "
            "convenient kind costs.",
        ],
    )


def _sides() -> dict[str, tuple[ASGIApp, bool]]:
    async def inside(request: Any, go_on: Any) -> Any:
        return await go_on(request)

    settings = Settings(_env_file=None, api_open_on_loopback=True)  # type: ignore[call-arg]
    admission = Admission(None, 0)  # type: ignore[arg-type]
    requests = Requests()
    counted = Admission(None, 1_000_000_000)  # type: ignore[arg-type]
    for each in (admission, counted):
        each.ring._keys = {sha256(KEY.encode()).digest(): Key("bench")}
        each.ring._read_at = monotonic() + 3_600  # as though it were read all the time
    return {
        "the answer alone": (_answer, False),
        "with its id, headers, count and line in the log": (Journal(_answer, requests), False),
        "… and the gate, without a key": (Journal(Gate(_answer, settings, admission), requests), False),
        "… with a key": (Journal(Gate(_answer, settings, admission), requests), True),
        "… with a key and a limit": (Journal(Gate(_answer, settings, counted), requests), True),
        "an empty BaseHTTPMiddleware": (BaseHTTPMiddleware(_answer, inside), False),
    }


def _routes() -> dict[str, ASGIApp]:
    """The same route in an application without gate and journal, and in one that has them."""
    nowhere = SecretStr("postgresql://nobody@/absent?host=/nowhere")
    settings = Settings(_env_file=None, database_url=nowhere, api_calls_per_minute=1_000_000)  # type: ignore[call-arg]
    plain, whole = create_app(settings), create_app(settings)
    plain.user_middleware = [each for each in plain.user_middleware if each.cls is not Gate]
    return {f"{LIVE}, without": FastAPI.build_middleware_stack(plain), f"{LIVE}, with all of it": whole}


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1024")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * 1024})


def _asked(app: ASGIApp, path: str, keyed: bool, requests: int) -> Callable[[], None]:
    headers = [*HEADERS, (b"authorization", f"Bearer {KEY}".encode())] if keyed else HEADERS

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pass

    async def ask() -> None:
        for _ in range(requests):
            scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
            scope |= {
                "query_string": b"",
                "headers": headers,
                "client": ("127.0.0.1", 4711),
                "state": {},
                "root_path": "",
            }
            await app(scope, receive, send)

    return lambda: asyncio.run(ask())


def _row(name: str, seconds: Figures, without: Figures, requests: int) -> tuple[str, ...]:
    each = figure(seconds.scaled(1e6 / requests))
    return (name, each, "1" if seconds is without else ratio(seconds.over(without)))
