"""The service behind the OpenAI protocol: one call, from its body to the answer that rules make of it."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import anyio
import orjson
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from stock_assistant_pipelines.sandbox.model import rules
from stock_assistant_pipelines.sandbox.model.dialects import DIALECTS, RULES, Dialect, Refused, check, prompt, refusal
from stock_assistant_pipelines.sandbox.model.faults import CONTENT, ModelFault
from stock_assistant_pipelines.sandbox.model.wire import Completion, alive, event, tokens
from stock_assistant_pipelines.sandbox.service import HEADER, LOG_LENGTH, Reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from stock_assistant_pipelines.sandbox.faults import Faults

THOUGHT = "按规则逐条核对所给证据。" * 4
"""What it is said to have thought where thinking is asked for."""
REFUSALS = {
    "throttle": "Too many requests: the rate limit is reached",
    "no_balance": "The balance of the account is used up",
    "bad_key": "Incorrect API key provided",
    "unknown_model": "The model does not exist",
    "policy": "The input may contain inappropriate content",
}
"""What the faults that are refusals say."""
USED = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")


class Service:
    """Rules behind the OpenAI protocol."""

    def __init__(self, key: str, faults: Faults[ModelFault], latency: float = 0.0) -> None:
        self.faults = faults
        self._key = key
        self._latency = latency
        self._numbers = itertools.count(1)
        self._seen: set[str] = set()
        self.forget()

    def forget(self) -> None:
        """Start the statistics anew."""
        self._calls = 0
        self._outcomes: Counter[str] = Counter()
        self._used: Counter[str] = Counter()
        self._under_way = self._most = 0
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def report(self, last: int = 0) -> dict[str, Any]:
        """Calls, what came of them, tokens that were billed, calls under way at once; the last calls."""
        return {
            "calls": self._calls,
            "outcomes": dict(self._outcomes),
            "usage": {name: self._used[name] for name in USED},
            "most_under_way": self._most,
            "log": list(self._log)[-last:] if last else [],
        }

    def health(self) -> dict[str, Any]:
        """Who answers."""
        return {"model": RULES, "note": "rules, not a model"}

    async def models(self, request: Request) -> Response:
        """List the models."""
        dialect = _dialect(request)
        if dialect is None or not dialect.lists_models:
            return PlainTextResponse("404 page not found", 404)
        try:
            self._admit(request, dialect)
        except Refused as refused:
            return _refused(dialect, refused)
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "sandbox"} for name in self._listed(dialect)
        ]
        return _json({"object": "list", "data": listed})

    async def chat(self, request: Request) -> Response:
        """Answer one call."""
        dialect = _dialect(request)
        if dialect is None:
            return PlainTextResponse("404 page not found", 404)
        entry: dict[str, Any] = {"n": next(self._numbers), "outcome": "answered"}
        self._calls += 1
        self._under_way += 1
        self._most = max(self._most, self._under_way)
        try:
            return await self._answer(request, dialect, entry)
        except Refused as refused:
            entry["outcome"] = refused.kind
            return _refused(dialect, refused)
        finally:
            self._under_way -= 1
            self._outcomes[entry["outcome"]] += 1
            self._log.append(entry)

    async def _answer(self, request: Request, dialect: Dialect, entry: dict[str, Any]) -> Response:
        self._admit(request, dialect)
        body = await _read(request, dialect)
        format_type = (body.get("response_format") or {}).get("type")
        entry |= {"body": body, "model": body.get("model"), "format": format_type, "tools": bool(body.get("tools"))}
        check(dialect, body)
        fault = self.faults.due(lambda each: each.matches(body.get("model")))
        kind = fault.kind if fault else None
        if fault:
            entry |= {"fault": str(fault), "outcome": fault.kind}
        if self._latency:
            await anyio.sleep(self._latency)
        if fault and kind in REFUSALS:
            headers = {"Retry-After": f"{fault.seconds:g}"} if kind == "throttle" else None
            raise refusal(dialect, fault.kind, REFUSALS[fault.kind], headers)
        if kind == "http_503":
            return PlainTextResponse("503 Service Unavailable", 503)
        if kind == "reset":
            return Reset(request)
        if fault and kind == "timeout":
            await anyio.sleep(fault.seconds)
        completion = self._complete(body, dialect, entry["n"], kind)
        if body.get("stream"):
            stream = self._stream(completion, fault, dialect)
            return StreamingResponse(stream, media_type="text/event-stream", headers={HEADER: RULES})
        return _json(completion.whole(), headers={HEADER: RULES})

    def _admit(self, request: Request, dialect: Dialect) -> None:
        if request.headers.get("authorization") != f"Bearer {self._key}":
            raise refusal(dialect, "bad_key", REFUSALS["bad_key"])

    @staticmethod
    def _listed(dialect: Dialect) -> tuple[str, ...]:
        return (RULES, *dialect.models)

    def _complete(self, body: dict[str, Any], dialect: Dialect, number: int, kind: str | None) -> Completion:
        """Make the answer and count what it used. Raises `Refused` when the prompt holds nothing to answer from."""
        system = str(next((m["content"] for m in body["messages"] if m.get("role") == "system"), ""))
        text = prompt(body)
        try:
            asked = text + orjson.dumps([body.get("response_format"), body.get("tools")]).decode()
            made = rules.answer(text, system, asked, kind if kind in {"wrong_company", "literal_digits"} else None)
        except rules.NoEvidence as error:
            raise refusal(dialect, "parameters", str(error)) from None
        content, finish = _written(orjson.dumps(made).decode(), kind)
        reasoning = THOUGHT if _thinks(body) or kind == "empty" else ""
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        if limit and tokens(content) > limit:
            content, finish = content.encode()[: limit * 3].decode(errors="ignore"), "length"
        usage: dict[str, Any] | None = self._usage(system, text, content, reasoning)
        if kind == "no_usage" or (body.get("stream") and not (body.get("stream_options") or {}).get("include_usage")):
            usage = None
        tool = body["tools"][0]["function"]["name"] if body.get("tools") and kind not in CONTENT else None
        return Completion(
            number, content, usage, reasoning, tool, "tool_calls" if tool and finish == "stop" else finish
        )

    def _usage(self, system: str, text: str, content: str, reasoning: str) -> dict[str, Any]:
        """What the call used, and is billed: of a system message that was seen before, the tokens are cached."""
        cached = tokens(system) if system in self._seen else 0
        self._seen.add(system)
        thought = tokens(reasoning)
        used = (tokens(text), tokens(content) + thought, cached, thought)
        self._used.update(dict(zip(USED, used, strict=True)))
        return {
            "prompt_tokens": used[0],
            "completion_tokens": used[1],
            "total_tokens": used[0] + used[1],
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }

    @staticmethod
    async def _stream(completion: Completion, fault: ModelFault | None, dialect: Dialect) -> AsyncIterator[bytes]:
        yield b": keep-alive\n\n"
        kind = fault.kind if fault else None
        if fault and kind == "keep_alive":
            async for comment in alive(fault.seconds):
                yield comment
        chunks = completion.chunks()
        if kind in {"cut", "stream_error"}:
            chunks = chunks[: len(chunks) // 2]
        for chunk in chunks:
            yield event(chunk)
        if kind == "stream_error":
            yield event(dialect.form(Refused(500, "throttle", "The server is overloaded")))
        if kind not in {"cut", "stream_error"}:
            yield b"data: [DONE]\n\n"


def _dialect(request: Request) -> Dialect | None:
    return DIALECTS.get(request.path_params.get("dialect", "openai"))


async def _read(request: Request, dialect: Dialect) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise refusal(dialect, "parameters", "messages: takes a list of messages")
    return body


def _thinks(body: dict[str, Any]) -> bool:
    """Whether thinking is asked for, in one of the ways of asking for it."""
    return body.get("enable_thinking") is True or (body.get("thinking") or {}).get("type") == "enabled"


def _written(content: str, kind: str | None) -> tuple[str, str]:
    """The content as a fault leaves it, and why it ended."""
    match kind:
        case "truncated":
            return content[: len(content) // 2], "length"
        case "filtered":
            return content[: len(content) // 2], "content_filter"
        case "empty":
            return "", "stop"
        case "not_json":
            return "抱歉,我无法给出结构化的结果。", "stop"
        case "fenced":
            return f"好的,结果如下:\n```json\n{content}\n```\n希望有所帮助。", "stop"
        case "think":
            return f'<think>先看 {{"close": 1}} 再写 {{}}。</think>\n{content}', "stop"
        case "off_contract":
            return '{"summary": "only words"}', "stop"
    return content, "stop"


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")


def _refused(dialect: Dialect, refused: Refused) -> Response:
    return _json(dialect.form(refused), refused.status, refused.headers)
