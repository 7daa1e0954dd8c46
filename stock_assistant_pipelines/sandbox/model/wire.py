"""How an answer is sent: whole, or as a stream of events with comments that keep it alive; and what it is said to have used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import orjson

from stock_assistant_pipelines.sandbox.model.dialects import RULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PIECE = 60
"""Characters in one event."""
BYTES_PER_TOKEN = 3


def tokens(text: str) -> int:
    """How many tokens a text is said to have: a third of its bytes, which is near for Chinese and English alike."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer before it is sent."""

    number: int
    content: str
    usage: dict[str, Any] | None
    reasoning: str = ""
    tool: str | None = None
    """The tool as whose arguments the content is sent."""
    finish: str = "stop"

    def whole(self) -> dict[str, Any]:
        """As one JSON object."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content}
        if self.tool:
            call = {"id": f"call_{self.number}", "type": "function", "index": 0}
            call["function"] = {"name": self.tool, "arguments": self.content}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        choice = {"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.usage}

    def chunks(self) -> list[dict[str, Any]]:
        """As a stream's events: reasoning first, then the content, then why it ended, then the usage."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in _pieces(self.reasoning)]
        for number, piece in enumerate(_pieces(self.content)):
            if self.tool:
                function = {"arguments": piece} if number else {"name": self.tool, "arguments": piece}
                head = {} if number else {"id": f"call_{self.number}", "type": "function"}
                deltas.append({"tool_calls": [{"index": 0, **head, "function": function}]})
            else:
                deltas.append({"content": piece})
        chunks = [self._chunk(delta, None) for delta in deltas]
        chunks.append(self._chunk({}, self.finish))
        if self.usage is not None:
            chunks.append({**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage})
        return chunks

    def _chunk(self, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"sandbox-{self.number}", "object": kind, "created": 0, "model": RULES}


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def event(value: Any) -> bytes:
    """One event of a stream."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


async def alive(seconds: float) -> AsyncIterator[bytes]:
    """Comments that keep a stream alive, for so many seconds."""
    end = anyio.current_time() + seconds
    while (left := end - anyio.current_time()) > 0:
        yield b": keep-alive\n\n"
        await anyio.sleep(min(left, 0.05 if seconds < 5 else 1))
