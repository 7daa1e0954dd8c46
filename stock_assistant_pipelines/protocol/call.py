"""A call of Tushare's protocol, as its body brings it."""

from __future__ import annotations

from typing import Any

import orjson

from stock_assistant_pipelines.protocol.refusals import PARAMETERS, Refusal


def read(body: bytes) -> dict[str, Any]:
    """A call. Raises `Refusal` when the body is no JSON object with an object as `params`."""
    try:
        call = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal.of(PARAMETERS) from None
    if not isinstance(call, dict) or not isinstance(call.get("params") or {}, dict):
        raise Refusal.of(PARAMETERS)
    return call
