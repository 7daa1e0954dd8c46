"""What the tests of the client share: a scripted server, a connection to it, and the pauses that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import pytest
from pydantic import SecretStr
from scripted import SECRET, Scripted, scripted

from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

hypothesis.settings.register_profile("unhurried", deadline=None)  # a slow machine is no failure
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def scripted_server() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture
def server(scripted_server: Scripted) -> Scripted:
    """The scripted server, with nothing noted."""
    scripted_server.replies = []
    scripted_server.calls.clear()
    scripted_server.paths.clear()
    scripted_server.connections.clear()
    return scripted_server


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that `client` was about to sleep, one for each time it asked again."""
    return []


@pytest.fixture
def client(server: Scripted, pauses: list[float]) -> Iterator[Transport]:
    """A connection to the scripted server. It never sleeps."""
    with Transport(SecretStr(SECRET), server.url, timeout=5, sleep=pauses.append) as transport:
        yield transport
