"""`stock-assistant exporter` and `alerts receive`: what is wrong is one line, and SIGTERM ends them as Ctrl-C does."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from stock_assistant_pipelines.alerts.receiver import Receiver
from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.cli.services import free_port
from stock_assistant_pipelines.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = [["exporter"], ["alerts", "receive"]]


@pytest.fixture(autouse=True)
def _somewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("address", ["9101", "127.0.0.1", "http://127.0.0.1:9101"])
def test_an_address_that_is_none_is_refused(command: list[str], address: str) -> None:
    result = CliRunner().invoke(main, [*command, "--listen", address])
    assert result.exit_code == 2
    assert "takes an address and a port" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_an_address_that_is_taken_is_one_line(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(main, [*command, "--listen", address])
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: cannot listen at {address}: ")
    assert result.output.count("\n") == 1


def test_the_receiver_that_is_told_to_stop_stops_and_leaves_the_signal_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Receiver, "serve_forever", lambda _: signal.raise_signal(signal.SIGTERM))
    result = CliRunner().invoke(main, ["alerts", "receive", "--listen", f"127.0.0.1:{free_port()}"])
    assert (result.exit_code, result.exception) == (0, None)
    assert signal.getsignal(signal.SIGTERM) is before
