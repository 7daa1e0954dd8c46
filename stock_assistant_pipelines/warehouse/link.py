"""The link to a PostgreSQL on another host: how soon each end notices that the other is gone.

A host that is lost closes no connection. By default the server would keep its session for hours, and with it the locks that say
that its runs live, and its half-done transactions; and a worker would wait for a lost server for a quarter of an hour.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import URL

OURS: Mapping[str, str] = MappingProxyType(
    {
        "connect_timeout": "10",
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "30000",
    }
)
"""How this end looks, as libpq calls it: after 25 seconds of silence the server is gone, or 30 without a sign that it heard."""

THEIRS: Mapping[str, str] = MappingProxyType(
    {
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "30000",
        "client_connection_check_interval": "10000",
    }
)
"""How the server looks for this session, as PostgreSQL calls it: also while a statement runs, or waits for a lock."""


def guarded(url: URL) -> URL:
    """The same address, for a link that both ends watch. What the URL says already stands; a socket needs no watching."""
    given = url.normalized_query
    host = "".join(given.get("host", [url.host or "/"]))
    if host.startswith("/"):
        return url
    options = [f"-c{name}={value}" for name, value in THEIRS.items()]
    ours = {name: value for name, value in OURS.items() if name not in given}
    return url.update_query_dict({**ours, "options": " ".join([*options, *given.get("options", ())])})
