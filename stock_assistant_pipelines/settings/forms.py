"""How values are written: lists, paths, and texts of one form. What addresses take is in `addresses`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from pydantic import AfterValidator


def as_list(value: object) -> object:
    """Read `a,b`, or a JSON list, as a list; an empty text is no item. A bracket may also be that of an IPv6 address."""
    if not isinstance(value, str):
        return value
    if not re.match(r"\s*\[(?![\da-fA-F:.]*:)", value):
        return [item.strip() for item in value.split(",") if item.strip()]
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError("takes a list: items separated by commas, or JSON") from None


def absolute(path: Path) -> Path:
    """The path as it is meant now: what a later change of the working directory does not move."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def written(pattern: str, takes: str) -> AfterValidator:
    """Check that a text is written so, and say in words what it takes."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(takes)
        return value

    return AfterValidator(check)
