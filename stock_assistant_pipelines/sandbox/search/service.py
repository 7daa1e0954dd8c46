"""The service behind Bocha's web search: one call, from its body to the envelope that answers it."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import orjson
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from stock_assistant_pipelines.sandbox.search.pages import pages, spoiled
from stock_assistant_pipelines.sandbox.service import HEADER, LOG_LENGTH, Reset
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from stock_assistant_pipelines.sandbox.faults import Faults
    from stock_assistant_pipelines.sandbox.search.faults import SearchFault

PATH = "/v1/web-search"
LABEL = "SANDBOX DATA: invented pages, no news"
REFUSALS = {
    "bad_key": (401, "Invalid API KEY"),
    "no_balance": (403, "You do not have enough money"),
    "refused": (400, "Missing parameter"),
    "throttle": (429, "You have reached the request limit"),
}
"""What is refused: status, words."""
SPANS = {"oneDay": 1, "oneWeek": 7, "oneMonth": 30, "oneYear": 365, "noLimit": 365}
"""How many days back a window goes that is named by a word."""
DRIP = 0.05
"""Seconds between the blanks that keep a connection alive."""


class _Refused(Exception):
    """A call that is refused: with what status, in what words."""

    def __init__(
        self, kind: str, words: str | None = None, *, http: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.kind = kind
        self.status, known = REFUSALS[kind]
        self.words = words or known
        self.http = http or self.status
        """The status of HTTP; that of the body may be another."""
        self.headers = headers


class Service:
    """Invented pages behind Bocha's protocol."""

    def __init__(self, key: str, faults: Faults[SearchFault], latency: float = 0.0) -> None:
        self.faults = faults
        self._key = key
        self._latency = latency
        self._numbers = itertools.count(1)
        self.forget()

    def forget(self) -> None:
        """Start the statistics anew."""
        self._outcomes: Counter[str] = Counter()
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def report(self, last: int = 0) -> dict[str, Any]:
        """Calls, what came of them; the last calls."""
        log = list(self._log)[-last:] if last else []
        return {"calls": self._outcomes.total(), "outcomes": dict(self._outcomes), "log": log}

    def health(self) -> dict[str, Any]:
        """Who answers."""
        return {"search": "sandbox", "note": LABEL}

    async def search(self, request: Request) -> Response:
        """Answer one call."""
        entry: dict[str, Any] = {"n": next(self._numbers), "outcome": "answered"}
        try:
            return await self._answer(request, entry)
        except _Refused as refused:
            entry["outcome"] = refused.kind
            return _refusal(refused, entry["n"])
        finally:
            self._outcomes[entry["outcome"]] += 1
            self._log.append(entry)

    async def _answer(self, request: Request, entry: dict[str, Any]) -> Response:
        if request.headers.get("authorization") != f"Bearer {self._key}":
            raise _Refused("bad_key")
        body = await _read(request)
        entry["body"] = body
        name = body["query"].split()[0]
        fault = self.faults.due(lambda each: each.matches(name))
        kind = fault.kind if fault else ""
        if fault:
            entry |= {"fault": str(fault), "outcome": kind}
        if self._latency:
            await anyio.sleep(self._latency)
        if fault and (response := await _misbehaviour(fault, request)):
            return response
        content = orjson.dumps(_envelope(body, kind, entry["n"]))
        if fault and kind == "drip":
            return StreamingResponse(_drip(content, fault.seconds), headers={HEADER: LABEL})
        return _json(content[: len(content) // 2] if kind == "malformed" else content)


async def _misbehaviour(fault: SearchFault, request: Request) -> Response | None:
    """What comes in the place of an answer; None: the answer, whatever is wrong with it. Raises `_Refused`."""
    match fault.kind:
        case "throttle":
            raise _Refused(fault.kind, headers={"Retry-After": f"{fault.seconds:g}"})
        case "bad_key" | "no_balance" | "refused":
            raise _Refused(fault.kind)
        case "no_balance_inside":
            raise _Refused("no_balance", http=200)
        case "http_503":
            return PlainTextResponse("503 Service Unavailable", 503)
        case "reset":
            return Reset(request)
        case "timeout":
            await anyio.sleep(fault.seconds)
    return None


async def _read(request: Request) -> dict[str, Any]:
    """A call's body with all words filled in. Raises `_Refused`."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str) or not body["query"].strip():
        raise _Refused("refused", "Missing parameter query")
    body = {"freshness": "noLimit", "summary": False, "count": 10, **body}
    if type(body["count"]) is not int or not 1 <= body["count"] <= 50:
        raise _Refused("refused", "Invalid parameter count")
    return body


def _window(freshness: object) -> tuple[date, date]:
    """The days that are meant: by a word up to today, one day, or a range. Raises `_Refused`."""
    if isinstance(freshness, str) and freshness in SPANS:
        today = datetime.now(SHANGHAI).date()
        return today - timedelta(days=SPANS[freshness]), today
    try:
        first, _, last = str(freshness).partition("..")
        return date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise _Refused("refused", "Invalid parameter freshness") from None


def _envelope(body: dict[str, Any], kind: str, number: int) -> dict[str, Any]:
    first, last = _window(body["freshness"])
    name = body["query"].split()[0]
    found = spoiled(kind, pages(name, first, last, summary=body["summary"] is True), first, last, name)
    listed: Any = found[: body["count"]]
    return {
        "code": 200,
        "log_id": f"sandbox-{number}",
        "msg": None,
        "data": {
            "_type": "SearchResponse",
            "queryContext": {"originalQuery": body["query"]},
            "webPages": {
                "webSearchUrl": "",
                "totalEstimatedMatches": len(found),
                "value": {"pages": listed} if kind == "off_protocol" else listed,
                "someResultsRemoved": False,
            },
            "images": {"id": None, "value": []},
        },
    }


async def _drip(content: bytes, seconds: float) -> AsyncIterator[bytes]:
    """Blanks, which JSON allows before it begins, and then the answer."""
    end = anyio.current_time() + seconds
    while (left := end - anyio.current_time()) > 0:
        yield b" "
        await anyio.sleep(min(left, DRIP))
    yield content


def _refusal(refused: _Refused, number: int) -> Response:
    body = {"code": str(refused.status), "message": refused.words, "log_id": f"sandbox-{number}"}
    return _json(orjson.dumps(body), refused.http, refused.headers)


def _json(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(content, status, {HEADER: LABEL, **(headers or {})}, "application/json")
