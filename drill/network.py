"""Other hosts, on this machine: network namespaces on a bridge, each with an address of its own, that can be cut off."""

from __future__ import annotations

import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK = 65_536


class NoNetwork(RuntimeError):
    """Namespaces cannot be made here."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host beside this one."""

    name: str
    address: str
    cable: str
    """The end of its link that is plugged into the bridge."""

    def command(self, *words: str) -> list[str]:
        """A command, as it is run on that host."""
        return ["ip", "netns", "exec", self.name, *words]

    def cut(self) -> None:
        """Pull its cable: nothing is closed, nothing is answered any more."""
        _ip("link", "set", self.cable, "down")


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
    own = f"{os.getpid() % 250 + 1}"
    net, bridge = f"10.219.{own}", f"sa{own}"
    hosts = [Host(f"sa{own}-{name}", f"{net}.{at}", f"sa{own}{name}") for at, name in enumerate(names, start=2)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{net}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host in hosts:
            _plug(host, bridge)
        yield Network(f"{net}.1", hosts)
    except subprocess.CalledProcessError as error:
        raise NoNetwork(f"{' '.join(error.cmd)}: {error.stderr.strip()}") from error
    finally:
        for words in [*(("netns", "del", host.name) for host in hosts), ("link", "del", bridge)]:
            with suppress(subprocess.CalledProcessError):
                _ip(*words)


def _plug(host: Host, bridge: str) -> None:
    """Make a host, and connect it to the bridge."""
    _ip("netns", "add", host.name)
    _ip("link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _ip("link", "set", host.cable, "master", bridge, "up")
    _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("eth0", "lo"):
        _ip("-n", host.name, "link", "set", device, "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


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
