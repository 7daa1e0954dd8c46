"""Hosts beside this one: cut off they are silent, and what fails on them is no reason to say that there is no network."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drill.network import NoNetwork, network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drill.network import Network

REACH = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"


@pytest.fixture
def net() -> Iterator[Network]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(network(("a", "b")))
        except NoNetwork as error:
            pytest.skip(str(error))
        yield found


def reached(net: Network, at: int, port: int) -> bool:
    command = net.hosts[at].command(sys.executable, "-c", REACH, net.address, str(port))
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_host_whose_cable_is_pulled_reaches_nobody_and_the_other_does(net: Network) -> None:
    with socket.create_server((net.address, 0)) as here:
        port = here.getsockname()[1]
        assert reached(net, 0, port)
        assert reached(net, 1, port)
        net.hosts[0].cut()
        assert not reached(net, 0, port)
        assert reached(net, 1, port)


def test_two_installations_stand_side_by_side_and_leave_nothing(net: Network) -> None:
    with network(("a", "b")) as other:
        assert not {net.address, *(host.address for host in net.hosts)} & {host.address for host in other.hosts}
        gone = [host.name for host in other.hosts]
        assert all((Path("/run/netns") / name).exists() for name in gone)
    assert not any((Path("/run/netns") / name).exists() for name in gone)


def test_what_fails_within_is_told_as_what_it_is(net: Network) -> None:
    failed = net.hosts[0].command("false")
    with pytest.raises(subprocess.CalledProcessError), network(("c",)):
        subprocess.run(failed, check=True)


def test_a_network_that_cannot_be_made_is_told_and_leaves_nothing(net: Network) -> None:
    with pytest.raises(NoNetwork), network(("of-this-test", "no/name")):
        pass
    assert not list(Path("/run/netns").glob("sa-*-of-this-test"))
