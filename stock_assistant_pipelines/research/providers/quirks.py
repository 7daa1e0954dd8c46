"""What is known of each provider, as data: where it is, how it is asked for JSON, what it does not take.

Written down from documentation and from reports of others, not tried against the providers themselves (docs/providers.md).
Where a row is wrong about structured output, the answer 400 leads to the next rung, and that is remembered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rung(StrEnum):
    """How a model is made to answer in JSON, the firmest first. Whatever the rung, the answer is held to its contract."""

    SCHEMA = "json_schema"
    TOOLS = "tools"
    JSON = "json_object"
    TEXT = "text"


NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One provider, or some of its models."""

    base_url: str | None = None
    """Where it is asked; None: only its user knows."""
    rungs: tuple[Rung, ...] = tuple(Rung)
    """What it can do, in the order in which it is tried."""
    forces_tool: bool = True
    """Whether `tool_choice` may name the tool; where not, it is left out."""
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What every call holds besides: the switch that turns thinking off, which eats the cap and hinders JSON."""
    temperature: float | None = None
    """None: it is left out, as it must be where a provider takes one value only."""
    cap: str = "max_tokens"
    """The name of the cap on what is answered."""
    needs_key: bool = True
    lists_models: bool = True
    """Whether `GET /models` tells which there are."""
    retired: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Patterns of models that no longer answer, and since when."""


JSON_MODE = (Rung.JSON, Rung.TEXT)
THINKING_OFF = MappingProxyType({"thinking": MappingProxyType({"type": "disabled"})})

PROVIDERS: Mapping[str, Quirks] = {
    "deepseek": Quirks(
        base_url="https://api.deepseek.com",
        rungs=JSON_MODE,
        forces_tool=False,
        extra=THINKING_OFF,
        retired={"deepseek-chat": "2026-07-24", "deepseek-reasoner": "2026-07-24"},
    ),
    "qwen": Quirks(
        base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
        rungs=JSON_MODE,
        extra=MappingProxyType({"enable_thinking": False}),
    ),
    "zhipu": Quirks(
        base_url="https://open.bigmodel.cn/api/paas/v4", rungs=(Rung.TOOLS, *JSON_MODE), extra=THINKING_OFF
    ),
    "moonshot": Quirks(
        base_url="https://api.moonshot.cn/v1",
        rungs=(Rung.SCHEMA, *JSON_MODE),
        extra=THINKING_OFF,
        retired={r"moonshot-v1-.*": "2026-08-31", r"kimi-k2\.5": "2026-08-31"},
    ),
    "doubao": Quirks(
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        rungs=JSON_MODE,
        forces_tool=False,
        extra=THINKING_OFF,
        lists_models=False,
    ),
    "siliconflow": Quirks(base_url="https://api.siliconflow.cn/v1", rungs=JSON_MODE),
    "minimax": Quirks(base_url="https://api.minimaxi.com/v1", rungs=(Rung.TOOLS, Rung.TEXT), forces_tool=False),
    "openai": Quirks(base_url="https://api.openai.com/v1", cap="max_completion_tokens"),
    "ollama": Quirks(
        base_url="http://127.0.0.1:11434/v1", rungs=(Rung.SCHEMA, *JSON_MODE), temperature=0, needs_key=False
    ),
    "vllm": Quirks(
        base_url="http://127.0.0.1:8000/v1", rungs=(Rung.SCHEMA, *JSON_MODE), temperature=0, needs_key=False
    ),
    "sandbox": Quirks(),
    "other": Quirks(needs_key=False),
}
"""By the name that `LLM_PROVIDER` takes. `other` is any endpoint of the protocol: it is probed rung by rung."""

MODELS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("zhipu", r"glm-5\.3.*", MappingProxyType({"rungs": (Rung.SCHEMA, Rung.TOOLS, *JSON_MODE)})),
    ("siliconflow", r"(?i)(.*/)?qwen3.*", MappingProxyType({"extra": MappingProxyType({"enable_thinking": False})})),
)
"""Models that differ from the others of their provider: provider, pattern, what is different."""


def quirks(provider: str, model: str) -> Quirks:
    """What is known of a model. Raises `KeyError` for an unknown provider."""
    known = PROVIDERS[provider]
    for name, pattern, different in MODELS:
        if name == provider and re.fullmatch(pattern, model):
            known = replace(known, **different)
    return known


def retired(provider: str, model: str) -> str | None:
    """The day since when a model no longer answers; None: as far as is known it does."""
    found = (day for pattern, day in PROVIDERS[provider].retired.items() if re.fullmatch(pattern, model))
    return next(found, None)
