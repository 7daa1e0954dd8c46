"""Routes: which of them answered a request, for who logs and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

KNOWN = "stock_assistant.route"
"""Stands in the scope of a request that was answered from memory, in the name of the route that made the answer."""


def of(scope: Scope) -> str | None:
    """The path of the route that answered, as it is declared; None when none did. FastAPI's own has the prefix in it."""
    if KNOWN in scope:
        known: str | None = scope[KNOWN]
        return known
    found = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(found, "path", None)
