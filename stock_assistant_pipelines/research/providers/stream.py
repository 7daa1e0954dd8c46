"""One call: the body that a rung asks for, and the stream of the answer, read to its end before the deadline or not at all."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import orjson

from stock_assistant_pipelines.research.booking import Usage
from stock_assistant_pipelines.research.providers.errors import Blocked, Broken, Hung, ModelError, Silent, from_sdk
from stock_assistant_pipelines.research.providers.exchange import SHAPE, schema, strict
from stock_assistant_pipelines.research.providers.quirks import Rung
from stock_assistant_pipelines.settings.addresses import on_loopback, over_tls

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk
    from pydantic import BaseModel

    from stock_assistant_pipelines.research.providers.endpoint import Endpoint
    from stock_assistant_pipelines.research.providers.exchange import Prompt

CONNECT = 10.0
"""Seconds to reach a server."""
TOOL = "answer"


@dataclass(slots=True)
class Said:
    """What a stream brought so far."""

    begun: float = field(default_factory=time.monotonic)
    content: str = ""
    reasoning: str = ""
    finish: str | None = None
    usage: Usage | None = None
    first_byte_ms: int | None = None

    def milliseconds(self) -> int:
        """Since the call began."""
        return round((time.monotonic() - self.begun) * 1000)

    def take(self, chunk: ChatCompletionChunk) -> None:
        """Add what one event brought."""
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage)
        for choice in chunk.choices[:1]:
            self.content += choice.delta.content or ""
            self.content += "".join(
                call.function.arguments or "" for call in choice.delta.tool_calls or () if call.function
            )
            self.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            self.finish = choice.finish_reason or self.finish

    def packed(self) -> bytes:
        """As the ledger keeps it."""
        return orjson.dumps({"content": self.content, "reasoning": self.reasoning, "finish": self.finish})


def client(endpoint: Endpoint, timeout: float) -> AsyncOpenAI:
    """A client of one endpoint. It retries nothing, follows no redirect, and needs no proxy to this machine."""
    http = openai.DefaultAsyncHttpxClient(
        follow_redirects=False,
        trust_env=not on_loopback(endpoint.base_url),
        verify=over_tls(endpoint.base_url),
        timeout=httpx2.Timeout(timeout, connect=min(CONNECT, timeout), pool=None),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
    )
    return openai.AsyncOpenAI(
        api_key=endpoint.key, base_url=endpoint.base_url, max_retries=0, timeout=http.timeout, http_client=http
    )


def body(
    endpoint: Endpoint, prompt: Prompt, contract: type[BaseModel], rung: Rung, cap: int, complaint: str | None
) -> dict[str, Any]:
    """The body of a call. The shape of the answer stands in the prompt whatever the rung, and so does the word JSON."""
    known = endpoint.quirks
    shape = SHAPE + orjson.dumps(schema(contract), option=orjson.OPT_SORT_KEYS).decode()
    user = prompt.user if complaint is None else f"{prompt.user}\n\nAn earlier answer was refused: {complaint}"
    made: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [
            {"role": "system", "content": f"{prompt.system}\n\n{shape}"},
            {"role": "user", "content": user},
        ],
        known.cap: cap,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if known.temperature is not None:
        made["temperature"] = known.temperature
    match rung:
        case Rung.SCHEMA:
            named = {"name": TOOL, "schema": strict(contract), "strict": True}
            made["response_format"] = {"type": "json_schema", "json_schema": named}
        case Rung.TOOLS:
            function = {"name": TOOL, "description": "Hand over the answer.", "parameters": schema(contract)}
            made["tools"] = [{"type": "function", "function": function}]
            if known.forces_tool:
                made["tool_choice"] = {"type": "function", "function": {"name": TOOL}}
        case Rung.JSON:
            made["response_format"] = {"type": "json_object"}
    return {**made, **_plain(known.extra)}


async def hear(api: AsyncOpenAI, endpoint: Endpoint, body: dict[str, Any], said: Said, seconds: float) -> None:
    """Make a call and read its answer into `said`, which holds what came even when it fails. Raises `ModelError`."""
    known = {name: value for name, value in body.items() if name not in endpoint.quirks.extra}
    try:
        async with asyncio.timeout(seconds):
            stream = await api.chat.completions.create(**known, extra_body=_plain(endpoint.quirks.extra))
            said.first_byte_ms = said.milliseconds()
            async with stream:
                async for chunk in stream:
                    said.take(chunk)
    except TimeoutError:
        raise _late(endpoint, said, seconds) from None
    except openai.APIError as error:
        found = from_sdk(str(endpoint), error, endpoint.key)
        raise (found if said.first_byte_ms is None else _broken(endpoint, found)) from None
    except (
        httpx2.HTTPError,
        ValueError,
    ) as error:  # while the answer is read: the connection, or an event that is no JSON
        raise Broken(str(endpoint), f"the answer broke off: {type(error).__name__}") from None
    if said.finish is None:
        raise Broken(str(endpoint), "the answer broke off")
    if said.finish == "content_filter":
        raise Blocked(str(endpoint), "the provider cut the answer off for its content")


def _late(endpoint: Endpoint, said: Said, seconds: float) -> ModelError:
    if said.first_byte_ms is None:
        return Silent(str(endpoint), f"nothing was answered in {seconds:g} seconds (LLM_TIMEOUT)")
    return Hung(str(endpoint), f"the answer did not end in {seconds:g} seconds (LLM_TIMEOUT)")


def _broken(endpoint: Endpoint, found: ModelError) -> ModelError:
    """An error in the middle of an answer: what came before it may be billed."""
    return (
        found
        if found.stands or isinstance(found, Blocked)
        else Broken(str(endpoint), f"the answer broke off: {found.message}")
    )


def _usage(told: CompletionUsage) -> Usage:
    """What was used, as a provider counted it; each calls what was cached differently."""
    asked = told.prompt_tokens_details
    cached = (asked.cached_tokens if asked else None) or getattr(told, "prompt_cache_hit_tokens", None)
    thought = told.completion_tokens_details.reasoning_tokens if told.completion_tokens_details else None
    return Usage(told.prompt_tokens, told.completion_tokens, cached or 0, thought or 0)


def _plain(value: Any) -> Any:
    return {name: _plain(each) for name, each in value.items()} if hasattr(value, "items") else value
