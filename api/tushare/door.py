"""The door: who may ask. A token is the only thing that a call of Tushare's protocol identifies itself by."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from stock_assistant_pipelines.protocol.refusals import BAD_TOKEN, Refusal

if TYPE_CHECKING:
    from fastapi import Request


async def admit(request: Request, token: str | None) -> None:
    """Let calls of this machine in, whatever token they bear, and no others: there are no keys yet. Raises `Refusal`."""
    if request.client is None or not ip_address(request.client.host).is_loopback:
        raise Refusal.of(BAD_TOKEN)
