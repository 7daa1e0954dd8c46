"""What language-model services are known to do wrong, on request: `throttle:times=3`, `truncated:model=sandbox-rules`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stock_assistant_pipelines.sandbox.faults import OFTEN, Misbehaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KINDS = {
    "throttle": "429: too many calls; Retry-After is `seconds`",
    "no_balance": "402 or the provider's own code: nothing is left to spend",
    "bad_key": "401: the key is refused",
    "unknown_model": "404: there is no such model",
    "policy": "400: the content is refused",
    "http_503": "503 from the gateway, no JSON",
    "timeout": "nothing comes for `seconds`, then the answer",
    "reset": "the connection is closed without an answer",
    "keep_alive": "comments keep the stream alive for `seconds`, then the answer",
    "cut": "the stream ends in the middle of the answer",
    "stream_error": "an error comes in the middle of the stream",
    "empty": "the content is empty, and all that was thought is in reasoning_content",
    "truncated": "the JSON is cut off, finish_reason is length",
    "filtered": "the content is cut off, finish_reason is content_filter",
    "not_json": "prose in place of JSON",
    "fenced": "the JSON stands in a Markdown fence, with words around it",
    "think": "the content begins with a <think> block that holds braces",
    "off_contract": "JSON that is not what the contract says",
    "wrong_company": "the answer speaks of another company",
    "literal_digits": "the answer writes figures out",
    "no_usage": "the answer does not say what it used",
}
"""Every fault and what it does."""

CONTENT = frozenset({"truncated", "filtered", "not_json", "fenced", "think", "off_contract", "empty"})
"""The faults that change how an answer is written down."""


def _model(text: str) -> str:
    if not text:
        raise ValueError("takes the id of a model")
    return text


@dataclass(frozen=True)
class ModelFault(Misbehaviour):
    """What befalls calls of a model."""

    KINDS = KINDS
    READERS: ClassVar[Mapping[str, Callable[[str], Any]]] = {"model": _model, **OFTEN}
    HELD = frozenset({"timeout", "keep_alive", "throttle"})

    model: str | None = None
    """Only calls that ask for this model."""

    def matches(self, model: object) -> bool:
        """Whether a call is one of those it befalls."""
        return self.model in {None, model}

    def selected(self) -> dict[str, object]:
        """The model."""
        return {"model": self.model}
