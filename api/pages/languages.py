"""Languages: in which one a page is told. Named in the address, remembered in a cookie, else what the browser asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fastapi import Request

Language = Literal["en", "zh"]

LANGUAGES: tuple[Language, ...] = ("en", "zh")
COOKIE = "lang"
ACCEPTED = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]+)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")


def chosen(request: Request) -> Language:
    """The language of the address, else of the cookie, else the one that the browser prefers; English at last."""
    for value in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        for language in LANGUAGES:
            if value == language:
                return language
    return preferred(request.headers.get("Accept-Language", ""))


def preferred(header: str) -> Language:
    """The language of ours that a browser likes best."""
    liked: dict[str, float] = {}
    for part in header[:400].split(","):
        if match := ACCEPTED.fullmatch(part):
            liked.setdefault(match[1].lower(), float(match[2] or 1))
    best = max(LANGUAGES, key=lambda language: liked.get(language, 0))
    return best if liked.get(best, 0) > 0 else "en"
