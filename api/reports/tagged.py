"""Tagged: answers with a tag of what they say, so that who has one already is told so, and gets no body."""

from __future__ import annotations

from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import Response

from api.cache import POLICY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

EXACT = msgspec.json.Encoder(decimal_format="number")
"""Writes a decimal to the digit."""


def document(request: Request, said: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """A JSON document."""
    return answer(request, EXACT.encode(said), headers, "application/json")


def answer(request: Request, body: bytes, headers: Mapping[str, str], media_type: str) -> Response:
    """An answer, or 304 where the client has it. The tag is weak: it is the same however the body is compressed."""
    digest = blake2b(body, digest_size=12).hexdigest()
    told = {**headers, POLICY[0].decode(): POLICY[1].decode(), "ETag": f'W/"{digest}"'}
    kept = (tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(","))
    if any(tag in {"*", f'"{digest}"'} for tag in kept):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    return Response(body, headers=told, media_type=media_type)
