"""From where a request comes, whether it is answered, and when it needs no key."""

from __future__ import annotations

from typing import Any

import pytest

from api.access import PROXIED, Access
from stock_assistant_pipelines.settings import Settings

LOCAL = {b"host": b"127.0.0.1:8000"}


def access(**values: Any) -> Access:
    return Access(Settings(_env_file=None, **{"api_open_on_loopback": True, **values}))


def came(rules: Access, peer: str | None, headers: dict[bytes, bytes]) -> tuple[str, bool, bool]:
    origin = rules.origin({"client": (peer, 1) if peer else None}, headers)
    return origin.address, origin.allowed, origin.keyless


# --- without a key


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:8000", b"127.0.0.1:8000", b"[::1]:8000", b"127.0.1.1"])
def test_a_program_of_this_machine_needs_none(peer: str, host: bytes) -> None:
    assert access().origin({"client": (peer, 1)}, {b"host": host}).keyless


def test_it_needs_one_unless_the_settings_say_otherwise() -> None:
    assert not Access(Settings(_env_file=None)).origin({"client": ("127.0.0.1", 1)}, LOCAL).keyless


@pytest.mark.parametrize(
    "peer", ["10.0.0.1", "192.168.1.7", "0.0.0.0", "::2", "fe80::1%eth0", "::ffff:10.0.0.1", "testclient", None]
)
def test_whoever_comes_from_elsewhere_needs_one(peer: str | None) -> None:
    assert not came(access(), peer, LOCAL)[2]


@pytest.mark.parametrize("header", sorted(PROXIED))
@pytest.mark.parametrize("value", [b"", b"127.0.0.1", b"for=127.0.0.1", b"1.1 nginx"])
def test_whoever_comes_through_a_proxy_on_this_machine_needs_one(header: bytes, value: bytes) -> None:
    assert not came(access(), "127.0.0.1", {**LOCAL, header: value})[2]


def test_whoever_comes_through_a_trusted_proxy_needs_one_even_if_it_says_nothing() -> None:
    assert not came(access(api_trusted_proxies="127.0.0.1"), "127.0.0.1", LOCAL)[2]


OTHERS = [
    b"",
    b"api.example",
    b"localhost.example",
    b"127.0.0.1.example",
    b"localhost@example",
    b"[",
    b"localhost,x",
    b"10.0.0.1",
]


@pytest.mark.parametrize("host", OTHERS)
def test_whoever_asks_for_another_name_needs_one(host: bytes) -> None:
    assert not came(access(), "127.0.0.1", {b"host": host})[2]


def test_whoever_names_no_host_needs_one() -> None:
    assert not came(access(), "127.0.0.1", {})[2]


# --- behind a proxy


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (b"203.0.113.9", "203.0.113.9"),
        (b"198.51.100.1, 203.0.113.9", "203.0.113.9"),  # what stood there before may be a lie
        (b"127.0.0.1, 203.0.113.9", "203.0.113.9"),
        (b"203.0.113.9, 10.0.0.2", "203.0.113.9"),  # two proxies, both trusted
        (b"203.0.113.9:4711", "203.0.113.9"),
        (b"[2001:db8::9]:4711", "2001:db8::9"),
        (b"2001:db8::9", "2001:db8::9"),
        (b"unknown", "10.0.0.1"),
        (b"203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
        (b"", "10.0.0.1"),
        (b"10.0.0.3", "10.0.0.3"),
    ],
)
def test_the_client_is_whom_a_trusted_proxy_names(forwarded: bytes, address: str) -> None:
    rules = access(api_trusted_proxies="10.0.0.0/24")
    assert came(rules, "10.0.0.1", {b"x-forwarded-for": forwarded})[0] == address


def test_what_others_forward_is_not_believed() -> None:
    rules = access(api_trusted_proxies="10.0.0.1", api_allowed_addresses="192.168.0.0/16")
    assert came(rules, "203.0.113.9", {b"x-forwarded-for": b"192.168.0.1"}) == ("203.0.113.9", False, False)
    assert came(access(), "203.0.113.9", {b"x-forwarded-for": b"127.0.0.1"}) == ("203.0.113.9", True, False)


# --- the list of addresses


@pytest.mark.parametrize(
    ("peer", "headers", "allowed"),
    [
        ("192.168.1.7", {}, True),
        ("::ffff:192.168.1.7", {}, True),
        ("192.169.0.1", {}, False),
        ("fd00::1", {}, True),
        ("2001:db8::1", {}, False),
        ("127.0.0.1", {}, True),  # who is on this machine is in anyway
        ("127.0.0.1", {b"x-forwarded-for": b"203.0.113.9"}, False),
        ("10.0.0.1", {b"x-forwarded-for": b"192.168.1.7"}, True),
        ("10.0.0.1", {b"x-forwarded-for": b"127.0.0.1"}, False),
        ("10.0.0.1", {}, False),
        (None, {}, False),
    ],
)
def test_only_listed_addresses_are_answered(peer: str | None, headers: dict[bytes, bytes], allowed: bool) -> None:
    rules = access(api_allowed_addresses="192.168.0.0/16,fd00::/8", api_trusted_proxies="10.0.0.1")
    assert came(rules, peer, headers)[1] is allowed


def test_an_empty_list_lists_all() -> None:
    assert came(access(), "203.0.113.9", {})[1]
    assert came(access(), None, {})[1]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8::1", False),
    ],
)
def test_an_ipv6_network_is_counted_as_one(one: str, other: str, together: bool) -> None:
    buckets = {access().origin({"client": (address, 1)}, {}).bucket for address in (one, other)}
    assert (len(buckets) == 1) is together
