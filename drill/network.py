"""Other hosts, on this machine: network namespaces on a bridge, each with an address of its own, that can be cut off."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import socketserver
import sys
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from deploy.native.networks import Networks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BRIDGE = "hosts"
"""What the network of all hosts is called."""

SUBNETS = [f"10.219.{at}" for at in range(256)]
BLOCK = 65_536


class NoNetwork(RuntimeError):
    """Namespaces cannot be made here."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host beside this one."""

    networks: Networks
    service: str

    @property
    def name(self) -> str:
        """Its namespace."""
        return self.networks.namespaces[self.service]

    @property
    def address(self) -> str:
        """Its address, as this host and the others see it."""
        return self.networks.addresses[self.service][BRIDGE]

    def command(self, *words: str) -> list[str]:
        """A command, as it is run on that host."""
        return ["ip", "netns", "exec", self.name, *words]

    def cut(self) -> None:
        """Pull its cable: nothing is closed, nothing is answered any more."""
        self.networks.plug(self.service, into=False)


@dataclass(frozen=True, slots=True)
class Network:
    """This host, as the others see it, and the others."""

    address: str
    hosts: Sequence[Host]


@contextmanager
def network(names: Sequence[str]) -> Iterator[Network]:
    """Make a host for each of these names, and take all of them away at the end. Raises `NoNetwork` where it cannot be done."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise NoNetwork("takes Linux, root, and the command `ip` of iproute2")
    networks = Networks({BRIDGE: (True, _free_subnet())}, {name: {BRIDGE: None} for name in names}, here=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(networks)
        except RuntimeError as error:
            raise NoNetwork(str(error)) from error
        yield Network(networks.gateway(BRIDGE), [Host(networks, name) for name in names])


def _free_subnet() -> str:
    """A subnet in which this host has no address: another installation may have one beside."""
    taken = {each.address.rpartition(".")[0] for link in psutil.net_if_addrs().values() for each in link}
    return f"{secrets.choice([net for net in SUBNETS if net not in taken])}.0/24"


@dataclass
class Relay:
    """Passes connections on: a service that listens on loopback only is reached from another host. Counts who calls."""

    target: tuple[str, int]
    calls: Counter[str] = field(default_factory=Counter)
    """HTTP calls by the caller's address."""

    @contextmanager
    def listening(self, host: str, port: int = 0) -> Iterator[int]:
        """Listen for as long as the block lasts; the port."""
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                relay.pass_on(self.request, self.client_address[0])

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address, block_on_close = True, True, False

        with Server((host, port), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield int(server.server_address[1])
            finally:
                server.shutdown()

    def pass_on(self, caller: socket.socket, address: str) -> None:
        """Carry both directions of a connection until either end closes it."""
        with suppress(OSError), socket.create_connection(self.target, timeout=10) as target:
            target.settimeout(None)
            back = threading.Thread(target=_carry, args=(target, caller), daemon=True)
            back.start()
            while block := caller.recv(BLOCK):
                self.calls[address] += block.startswith(b"POST ")
                target.sendall(block)


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(BLOCK):
            sink.sendall(block)
        sink.shutdown(2)


def main() -> None:
    """`python -m drill.network PORT HOST PORT`: pass connections to loopback on to a host, until it is stopped."""
    port, host, far = sys.argv[1:]
    with Relay((host, int(far))).listening("127.0.0.1", int(port)):
        threading.Event().wait()


if __name__ == "__main__":
    main()
