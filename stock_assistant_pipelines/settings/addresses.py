"""How addresses are written: of the web, of PostgreSQL, of who is listened to or asked, of networks."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from stock_assistant_pipelines.settings.forms import as_list


def web_url(value: str) -> str:
    """Check a URL and take off its last slash."""
    parts = url_parts(value)
    if parts is None or parts.query or parts.fragment:
        raise ValueError("takes a URL that starts with https:// or http://")
    if parts.username is not None:
        raise ValueError("takes a URL without user and password")
    return value.rstrip("/")


def encrypted(secret: str) -> AfterValidator:
    """Check where somebody is asked who is told a secret with every call: it travels encrypted or not at all."""

    def check(value: str) -> str:
        url = web_url(value)
        if not url.lower().startswith("https://") and not on_loopback(url):
            raise ValueError(
                f"takes an https:// URL: over http:// the {secret} could be read on its way (only loopback may)"
            )
        return url

    return AfterValidator(check)


def url_parts(url: str) -> SplitResult | None:
    """A web URL, taken apart; None when it is not one."""
    try:
        parts = urlsplit(url)
        sound = parts.port != 0  # reading an impossible port raises
    except ValueError:
        return None
    return parts if sound and parts.scheme in {"http", "https"} and parts.hostname else None


def on_loopback(url: str) -> bool:
    """Whether a URL is of this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def over_tls(url: str) -> bool:
    """Whether a URL is asked over TLS. To any other nobody shows a certificate, and nobody need read whom to trust: 25 ms."""
    return not url.lower().startswith("http://")


def postgres_url(value: SecretStr) -> SecretStr:
    """Check a database URL and reduce its scheme to `postgresql`; the driver is chosen by whoever connects."""
    takes = "takes a PostgreSQL URL: postgresql://user:password@host:5432/name"
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):  # the reason quotes what stands after a colon, which may be of the password
        raise ValueError(takes) from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(takes)
    if "@" in (url.host or ""):
        raise ValueError(f"{takes}, with an @ in the password written as %40")
    if not url.database:
        raise ValueError("must end with the name of a database: postgresql://user:password@host:5432/name")
    return SecretStr(url.set(drivername="postgresql").render_as_string(hide_password=False))


def listening(value: str) -> str:
    """Check an address to listen at, or to ask."""
    if not has_port(value):
        raise ValueError("takes an address and a port: 127.0.0.1:9100, [::1]:9100, 0.0.0.0:9100")
    return value


def has_port(address: str) -> bool:
    """Whether this is a host and a port, and nothing else."""
    parts = url_parts(f"http://{address}")
    return parts is not None and parts.port is not None and parts.netloc == address and "@" not in address


def host_and_port(address: str) -> tuple[str, int]:
    """An address that was checked, taken apart."""
    parts = urlsplit(f"//{address}")
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _networks(value: object) -> object:
    """Read addresses and networks, separated by commas, or as a JSON list."""
    items = as_list(value)
    try:
        return [ip_network(item, strict=False) for item in items] if isinstance(items, list) else items
    except (TypeError, ValueError):
        raise ValueError("takes addresses and networks, separated by commas: 192.168.1.7,10.0.0.0/8,fd00::/8") from None


Networks = Annotated[list[IPv4Network | IPv6Network], NoDecode, BeforeValidator(_networks)]
