"""What providers of the OpenAI protocol refuse, and how they say so. Written from their documentation, not from ours.

A provider is a row: the models it lists, what a call may not hold, and the form of its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

RULES = "sandbox-rules"
"""The name of what answers here."""


class Refused(Exception):
    """A call that is refused: HTTP status, what kind of refusal, and why."""

    def __init__(self, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message
        self.headers = dict(headers or {})


Body = Mapping[str, Any]
Form = Callable[[Refused], dict[str, Any]]

CODES = {
    "throttle": ("rate_limit_error", "rate_limit_exceeded"),
    "no_balance": ("insufficient_quota", "insufficient_quota"),
    "bad_key": ("authentication_error", "invalid_api_key"),
    "unknown_model": ("invalid_request_error", "model_not_found"),
    "policy": ("invalid_request_error", "content_policy_violation"),
    "parameters": ("invalid_request_error", "invalid_parameter"),
}
QWEN = {
    "throttle": "Throttling.RateQuota",
    "no_balance": "Arrearage",
    "bad_key": "invalid_api_key",
    "unknown_model": "model_not_found",
    "policy": "data_inspection_failed",
    "parameters": "invalid_parameter_error",
}
ZHIPU = {
    "throttle": "1302",
    "no_balance": "1113",
    "bad_key": "1002",
    "unknown_model": "1211",
    "policy": "1301",
    "parameters": "1210",
}
DOUBAO = {
    "throttle": "RateLimitExceeded.EndpointRPMExceeded",
    "no_balance": "AccountOverdueError",
    "bad_key": "AuthenticationError",
    "unknown_model": "InvalidEndpointOrModel.NotFound",
    "policy": "SensitiveContentDetected",
    "parameters": "InvalidParameter",
}


def _openai(refused: Refused) -> dict[str, Any]:
    kind, code = CODES[refused.kind]
    return {"error": {"message": refused.message, "type": kind, "param": None, "code": code}}


def _deepseek(refused: Refused) -> dict[str, Any]:
    message = {"no_balance": "Insufficient Balance", "policy": "Content Exists Risk"}.get(refused.kind, refused.message)
    return {"error": {"message": message, "type": "unknown_error", "param": None, "code": "invalid_request_error"}}


def _qwen(refused: Refused) -> dict[str, Any]:
    code = QWEN[refused.kind]
    return {"error": {"code": code, "message": refused.message, "type": code}, "request_id": "sandbox"}


def _zhipu(refused: Refused) -> dict[str, Any]:
    return {"error": {"code": ZHIPU[refused.kind], "message": refused.message}}


def _moonshot(refused: Refused) -> dict[str, Any]:
    kind = {
        "throttle": "rate_limit_reached_error",
        "no_balance": "exceeded_current_quota_error",
        "bad_key": "invalid_authentication_error",
        "unknown_model": "resource_not_found_error",
        "policy": "content_filter",
        "parameters": "invalid_request_error",
    }[refused.kind]
    return {"error": {"message": refused.message, "type": kind}}


def _doubao(refused: Refused) -> dict[str, Any]:
    return {"error": {"code": DOUBAO[refused.kind], "message": refused.message, "type": "BadRequest", "param": ""}}


def _siliconflow(refused: Refused) -> dict[str, Any]:
    return {"code": 20012 if refused.kind == "unknown_model" else 20015, "message": refused.message, "data": None}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider."""

    models: tuple[str, ...] = ()
    """What it lists besides `sandbox-rules`."""
    form: Form = _openai
    statuses: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The HTTP status of a kind of refusal where it is another than usual."""
    refuses_formats: frozenset[str] = frozenset()
    """The types of `response_format` that it does not know."""
    refuses_tool_choice: frozenset[str] = frozenset()
    """`named`, `required`: the ways of forcing a tool that it refuses."""
    temperatures: frozenset[float] | None = None
    """The only values of `temperature`; None: any."""
    wants_word_json: bool = False
    """JSON mode asks for the word in the prompt."""
    thinking_refuses_json: bool = False
    """`enable_thinking` with JSON mode is refused, and so is one that is not streamed."""
    lists_models: bool = True


DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(("gpt-5.6",)),
    "deepseek": Dialect(
        ("deepseek-v4-flash", "deepseek-v4-pro"),
        _deepseek,
        {"parameters": 422},
        refuses_formats=frozenset({"json_schema"}),
        refuses_tool_choice=frozenset({"named", "required"}),
    ),
    "qwen": Dialect(
        ("qwen3.8-max", "qwen3.8-flash"),
        _qwen,
        {"no_balance": 400},
        refuses_formats=frozenset({"json_schema"}),
        wants_word_json=True,
        thinking_refuses_json=True,
    ),
    "zhipu": Dialect(
        ("glm-5.3", "glm-5.3-flash"),
        _zhipu,
        {"no_balance": 429, "unknown_model": 400},
        refuses_formats=frozenset({"json_schema"}),
    ),
    "moonshot": Dialect(
        ("kimi-k3",),
        _moonshot,
        {"no_balance": 429},
        refuses_tool_choice=frozenset({"required"}),
        temperatures=frozenset({0.6, 1.0}),
    ),
    "doubao": Dialect(
        ("doubao-seed-2-1-pro-260915",),
        _doubao,
        {"no_balance": 403},
        refuses_formats=frozenset({"json_schema"}),
        refuses_tool_choice=frozenset({"named", "required"}),
        lists_models=False,
    ),
    "siliconflow": Dialect(("deepseek-ai/DeepSeek-V4-Flash",), _siliconflow, {"no_balance": 403, "unknown_model": 400}),
    "minimax": Dialect(
        ("MiniMax-M3",),
        refuses_formats=frozenset({"json_object", "json_schema"}),
        refuses_tool_choice=frozenset({"named", "required"}),
    ),
    "ollama": Dialect(("qwen3:8b",)),
    "vllm": Dialect(("local",)),
}
"""By the name in the path."""

STATUSES = {"throttle": 429, "no_balance": 402, "bad_key": 401, "unknown_model": 404, "policy": 400, "parameters": 400}


def check(dialect: Dialect, body: Body) -> None:
    """Raise `Refused` for what a provider of this dialect answers with an error."""
    wanted = body.get("model")
    if wanted not in {RULES, *dialect.models}:
        raise refusal(dialect, "unknown_model", f"The model `{wanted}` does not exist or you do not have access to it.")
    form = (body.get("response_format") or {}).get("type")
    if form in dialect.refuses_formats:
        raise refusal(dialect, "parameters", f"This response_format type is unavailable now: {form}")
    choice = body.get("tool_choice")
    way = "named" if isinstance(choice, dict) else choice
    if way in dialect.refuses_tool_choice:
        raise refusal(dialect, "parameters", f"tool_choice {way} is not supported in thinking mode")
    temperature = body.get("temperature")
    if temperature is not None and dialect.temperatures is not None and temperature not in dialect.temperatures:
        allowed = " or ".join(str(each) for each in sorted(dialect.temperatures))
        raise refusal(dialect, "parameters", f"invalid temperature: only {allowed} is allowed for this model")
    if dialect.wants_word_json and form == "json_object" and "json" not in prompt(body).lower():
        raise refusal(
            dialect, "parameters", "'messages' must contain the word 'json' in some form, to use 'response_format'"
        )
    if dialect.thinking_refuses_json and body.get("enable_thinking", True):
        if not body.get("stream"):
            raise refusal(
                dialect, "parameters", "parameter.enable_thinking must be set to false for non-streaming calls"
            )
        if form == "json_object":
            raise refusal(dialect, "parameters", "Json mode response is not supported when enable_thinking is true")


def refusal(dialect: Dialect, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Refused:
    """A refusal with the status that the provider gives it."""
    return Refused(dialect.statuses.get(kind, STATUSES[kind]), kind, message, headers)


def prompt(body: Body) -> str:
    """All text of the messages."""
    return "\n".join(str(message.get("content") or "") for message in body.get("messages") or ())
