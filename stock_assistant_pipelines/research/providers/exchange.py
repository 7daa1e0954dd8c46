"""A question and its answer, as those who ask see them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson
from pydantic import BaseModel

if TYPE_CHECKING:
    from decimal import Decimal

    from stock_assistant_pipelines.research.booking import Usage
    from stock_assistant_pipelines.research.providers.quirks import Rung

T = TypeVar("T", bound=BaseModel)

LIMITS = {
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "default",
    "title",
    "format",
    "pattern",
}
"""Words of JSON Schema that strict decoding does not take. The contract itself holds the answer to them."""

SHAPE = "Answer with one JSON object and nothing else. It keeps to this JSON Schema:\n"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told: once what it is to do, once what it is to do it with."""

    system: str
    user: str


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a call is made for, as the ledger books it."""

    report_key: str | None
    expert: str


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer that keeps to its contract, and how it came."""

    answer: T
    text: str
    """As the model wrote it."""
    provider: str
    model: str
    rung: Rung
    request_sha256: str
    call_id: int
    """The row of the ledger that paid for it."""
    attempts: int
    usage: Usage | None
    cost: Decimal
    """Of this call and the attempts before it; nothing where the answer was remembered."""
    remembered: bool = False
    """Whether the same question was answered before, and nobody was asked."""


@cache
def schema(contract: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a contract."""
    return contract.model_json_schema()


@cache
def strict(contract: type[BaseModel]) -> dict[str, Any]:
    """The schema as strict decoding takes it: every property required, none besides, no limits."""
    made: dict[str, Any] = _strict(schema(contract))
    return made


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: _strict(value) for name, value in node.items() if name not in LIMITS}
    for names in ("properties", "$defs"):  # whose keys are names, not words of the language
        if names in node:
            made[names] = {name: _strict(value) for name, value in node[names].items()}
    if "properties" in made:
        made |= {"required": list(made["properties"]), "additionalProperties": False}
    return made


def request_sha256(provider: str, model: str, prompt: Prompt, contract: type[BaseModel]) -> str:
    """What makes two questions the same: whom, what, and for which contract."""
    asked = [provider, model, prompt.system, prompt.user, schema(contract)]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
