"""JSON out of what a model says, however it wraps it: thoughts before it, a fence around it, words beside it."""

from __future__ import annotations

import json
import re
from typing import Any

THOUGHTS = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


class NoObject(ValueError):
    """There is no JSON object in a text."""


def extract(text: str) -> dict[str, Any]:
    """The one JSON object that a text is about. Raises `NoObject`."""
    text = THOUGHTS.sub("", text)
    fenced = [found[1] for found in FENCE.finditer(text)]
    for candidate in (text, *fenced, *_objects(text)):
        try:
            value = json.loads(candidate)
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            return value
    raise NoObject("the answer holds no JSON object")


def _objects(text: str) -> list[str]:
    """The text from its first brace to its last: words before and behind fall away."""
    start, end = text.find("{"), text.rfind("}")
    return [text[start : end + 1]] if 0 <= start < end else []
