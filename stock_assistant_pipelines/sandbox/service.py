"""The service behind Tushare's protocol: one call, from its body to the envelope that answers it."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import orjson
from anyio.to_thread import run_sync
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from stock_assistant_pipelines.protocol.call import read
from stock_assistant_pipelines.protocol.interfaces import INTERFACES
from stock_assistant_pipelines.protocol.query import parse, parse_fields
from stock_assistant_pipelines.protocol.refusals import BAD_TOKEN, PERMISSION, THROTTLE, UNKNOWN, Refusal
from stock_assistant_pipelines.sandbox.answer import ROW_FAULTS, Answers, Page, Question
from stock_assistant_pipelines.sandbox.clock import Clock
from stock_assistant_pipelines.sandbox.faults import Fault, Faults
from stock_assistant_pipelines.sandbox.quota import Quota, calls_per_minute

if TYPE_CHECKING:
    from starlette.requests import Request

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.table import Source

HEADER = "X-Stock-Assistant-Sandbox"
DETAIL = {
    "synthetic": "SANDBOX DATA: an invented market, not quotations",
    "folder": "SANDBOX DATA: served from a folder of files",
}
LOG_LENGTH = 20_000


@dataclass(slots=True)
class Statistics:
    """What was asked and what came of it, since the start."""

    calls: Counter[str] = field(default_factory=Counter)
    rejections: dict[str, Counter[str]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))

    def rejected(self, api: str, kind: str) -> None:
        """Count a refusal."""
        self.rejections.setdefault(api, Counter())[kind] += 1


class Service:
    """A source behind Tushare's protocol."""

    def __init__(
        self,
        source: Source,
        *,
        quota: Quota,
        faults: Faults[Fault] | None = None,
        clock: Clock | None = None,
        latency: float = 0.0,
    ) -> None:
        self.source = source
        self.quota = quota
        self.faults = faults or Faults(Fault)
        self.clock = clock or Clock()
        self.latency = latency
        self.statistics = Statistics()
        self._answers = Answers(source)
        self._numbers = itertools.count(1)
        self._headers = {HEADER: source.label}

    async def call(self, request: Request) -> Response:
        """Answer one call of Tushare's interface."""
        body = await request.body()
        if self.latency:
            await anyio.sleep(self.latency)
        entry: dict[str, Any] = {"n": next(self._numbers), "api": None, "params": None, "outcome": "rows", "rows": 0}
        try:
            response = await self._answer(request, body, entry)
        except Refusal as refusal:
            entry["outcome"] = refusal.kind
            self.statistics.rejected(entry["api"] or "", refusal.kind)
            response = self._envelope(refusal.code, refusal.message, b"null")
        self.statistics.log.append(entry)
        return response

    async def _answer(self, request: Request, body: bytes, entry: dict[str, Any]) -> Response:
        """One call, step by step: token, interface, quota, parameters, faults, rows. Raises `Refusal`."""
        call = read(body)
        api, params = call.get("api_name"), call.get("params") or {}
        entry |= {
            "api": api,
            "params": {k: v for k, v in params.items() if k != "ts_type_name"},
            "fields": call.get("fields"),
        }
        self.statistics.calls[str(api)] += 1
        self.quota.check_token(call.get("token"))
        dataset = INTERFACES.get(str(api))
        if dataset is None:
            raise Refusal.of(UNKNOWN)
        self.quota.admit(dataset)
        query = parse(dataset, params)
        question = Question(dataset, query, parse_fields(dataset, call.get("fields")))
        fault = self.faults.due(lambda each: each.matches(dataset.api, query))
        if fault is not None:
            self.statistics.faults[fault.kind] += 1
            entry["fault"] = str(fault)
            return await self._with_fault(request, question, fault, entry)
        return await self._with_rows(question, entry)

    async def _with_rows(self, question: Question, entry: dict[str, Any]) -> Response:
        now = self.clock.now()
        page = self._answers.kept(question, now)
        if page is None:
            page = await run_sync(partial(self._answers.make, question, now))
            self._answers.keep(question, now, page)
        return self._with_page(question.dataset, page, entry)

    def _with_page(self, dataset: Dataset, page: Page, entry: dict[str, Any]) -> Response:
        entry["rows"] = page.rows
        self.statistics.rows[dataset.api] += page.rows
        return self._envelope(0, "", page.data)

    async def _with_fault(self, request: Request, question: Question, fault: Fault, entry: dict[str, Any]) -> Response:
        """The answer as the fault leaves it. Raises `Refusal` for the faults that are refusals."""
        if fault.kind in ROW_FAULTS:
            return await self._with_rows(Question(question.dataset, question.query, question.fields, fault.kind), entry)
        entry["outcome"] = fault.kind
        _refuse(fault, question.dataset, self.quota.points)
        match fault.kind:
            case "http_502":
                return PlainTextResponse("502 Bad Gateway", 502, self._headers)
            case "html":
                return HTMLResponse("<html><body><h1>系统维护中</h1></body></html>", headers=self._headers)
            case "reset":
                return Reset(request)
            case "null_data":
                return self._envelope(0, "", b"null")
            case "timeout":
                await anyio.sleep(fault.seconds)
        response = await self._with_rows(question, entry)
        if fault.kind == "malformed":
            response = Response(
                bytes(response.body)[: len(response.body) * 2 // 3], 200, self._headers, "application/json"
            )
        return response

    def _envelope(self, code: int, message: str, data: bytes) -> Response:
        envelope = {
            "request_id": str(uuid.uuid4()),
            "code": code,
            "data": orjson.Fragment(data),
            "msg": message,
            "detail": DETAIL[self.source.label],
        }
        return Response(orjson.dumps(envelope), 200, self._headers, "application/json")

    def health(self) -> dict[str, Any]:
        """From which source it answers, and what time it believes it is."""
        return {"source": self.source.label, "now": self.clock.now().isoformat()}

    def forget(self) -> None:
        """Start the statistics anew."""
        self.statistics = Statistics()

    def report(self, last: int = 0) -> dict[str, Any]:
        """The statistics: per interface calls, rejections, rows, calls per window; faults fired; the last calls."""
        statistics = self.statistics
        log = list(statistics.log)
        return {
            "source": self.source.label,
            "now": self.clock.now().isoformat(),
            "calls": dict(statistics.calls),
            "rejections": {api: dict(kinds) for api, kinds in statistics.rejections.items()},
            "rows": dict(statistics.rows),
            "faults": dict(statistics.faults),
            "limits": {api: calls_per_minute(dataset, self.quota.points) for api, dataset in INTERFACES.items()},
            "window": self.quota.window if self.quota.limited else None,
            "log": log[-last:] if last else [],
        }


class Reset(Response):
    """No answer: the connection is closed."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Close the connection under the request; where the server does not show it, leave the answer unfinished."""
        transport = scope.get("state", {}).get("transport")
        if transport is not None:
            transport.abort()
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})


def _refuse(fault: Fault, dataset: Dataset, points: int) -> None:
    """Raise the refusal that a fault asks for; return when it asks for none."""
    match fault.kind:
        case "throttle":
            raise Refusal.of(THROTTLE, api=dataset.api, times=calls_per_minute(dataset, points), unit="分钟")
        case "throttle_hour":
            raise Refusal.of(THROTTLE, api=dataset.api, times=1, unit="小时")
        case "throttle_day":
            raise Refusal.of(THROTTLE, api=dataset.api, times=5, unit="天")
        case "permission":
            raise Refusal.of(PERMISSION, api=dataset.api)
        case "bad_token":
            raise Refusal.of(BAD_TOKEN)
