"""Access: from which address a request comes, whether it is answered at all, and whether it needs a key.

A proxy on this machine makes the whole world look like loopback. So nobody is let in without a key because of where he seems to
be, unless all of this holds:

1. `API_OPEN_ON_LOOPBACK` says so; it is off by default,
2. the connection itself comes from loopback, and not from a proxy that is named in `API_TRUSTED_PROXIES`,
3. the request has no header that a proxy adds,
4. it was sent to a name of loopback (`Host`): a page in a browser that makes its own name point here is not let in either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network, IPv6Network

    from starlette.types import Scope

    from stock_assistant_pipelines.settings import Settings

    Address = IPv4Address | IPv6Address

LOOPBACK = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
"""The names under which a machine calls itself, as `Host` has them."""

FORWARDED_FOR = b"x-forwarded-for"
PROXIED = frozenset(
    {
        FORWARDED_FOR,
        b"cf-connecting-ip",
        b"client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-forwarded",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-original-forwarded-for",
        b"x-real-ip",
    }
)
"""Headers by which a proxy gives itself away."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from."""

    address: str
    """As the log writes it; empty when there is none, as of a connection over a socket's file."""
    allowed: bool
    keyless: bool
    """Whether it needs no key."""

    @property
    def bucket(self) -> str:
        """What is counted together without a key: an address, or an IPv6 network of 64 bits, for a household has that many."""
        return _bucket(self.address)


class Access:
    """The rules, as the settings have them."""

    def __init__(self, settings: Settings) -> None:
        self.open_on_loopback = settings.api_open_on_loopback
        self.proxies = settings.api_trusted_proxies
        self.allowed = settings.api_allowed_addresses
        self._judge = lru_cache(4096)(self._judged)

    def origin(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Origin:
        """Tell where a request comes from. `headers` are those of its headers that count here."""
        peer = _address(scope["client"][0]) if scope.get("client") else None
        proxied = not PROXIED.isdisjoint(headers)
        named = LOOPBACK.fullmatch(headers.get(b"host", b"")) is not None
        if peer is not None and _within(peer, self.proxies):
            return self._judge(self._client(peer, headers.get(FORWARDED_FOR, b"")), proxied=True, named=named)
        return self._judge(peer, proxied=proxied, named=named)

    def _judged(self, address: Address | None, *, proxied: bool, named: bool) -> Origin:
        """What is let do who asks from this address, through a proxy or not, for a name of loopback or not."""
        if address is None:
            return Origin("", allowed=not self.allowed, keyless=False)
        here = address.is_loopback and not proxied
        allowed = not self.allowed or here or _within(address, self.allowed)
        return Origin(str(address), allowed, keyless=self.open_on_loopback and here and named)

    def _client(self, peer: Address, forwarded: bytes) -> Address:
        """Who asked a trusted proxy: the last address of its list that is no trusted proxy's, for who came before may lie."""
        client = peer
        for text in reversed(forwarded.decode("latin-1").split(",")):
            found = _address(_without_port(text.strip()))
            if found is None:
                break
            client = found
            if not _within(found, self.proxies):
                break
        return client


@lru_cache(4096)
def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _within(address: Address, networks: list[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(4096)
def _bucket(address: str) -> str:
    known = _address(address)
    return str(IPv6Address(int(known) >> 64 << 64)) + "/64" if isinstance(known, IPv6Address) else address
