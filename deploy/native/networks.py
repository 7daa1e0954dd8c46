"""The networks of a composition: a bridge each, and a network namespace for each service and for the machine around them."""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import subprocess
from contextlib import contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.native.compose import Composition, Service

FREE = ip_network("10.214.0.0/16")
"""Where networks lie to which the file gives no subnet."""

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Networks:
    """Namespaces and bridges, for as long as the block lasts."""

    def __init__(self, composition: Composition) -> None:
        self.id = f"sa-{secrets.token_hex(3)}"
        self.machine = f"{self.id}-machine"
        self.namespaces = {name: f"{self.id}-{name}" for name in composition.services}
        subnets = FREE.subnets(new_prefix=24)
        self.internal = {name: internal for name, (internal, _) in composition.networks.items()}
        self.subnets = {name: ip_network(given or next(subnets)) for name, (_, given) in composition.networks.items()}
        self.addresses = {
            name: {
                network: given or str(self.subnets[network][100 + number])
                for network, given in service.networks.items()
            }
            for number, (name, service) in enumerate(composition.services.items())
        }

    def __enter__(self) -> Networks:
        _ip(*(f"netns add {name}" for name in [self.machine, *self.namespaces.values()]))
        lines = ["link set lo up"]
        for number, (name, subnet) in enumerate(self.subnets.items()):
            lines += [f"link add br{number} type bridge", f"link set br{number} up"]
            if not self.internal[name]:  # only there is the machine, as the way in and out
                lines.append(f"addr add {subnet[1]}/24 dev br{number}")
        _ip(*lines, namespace=self.machine)
        numbers = {name: number for number, name in enumerate(self.subnets)}
        for place, (service, addresses) in enumerate(self.addresses.items()):
            outer, inner = [], ["link set lo up"]
            for network, address in addresses.items():
                link, number = f"v{place}-{numbers[network]}", numbers[network]
                outer += [
                    f"link add {link} type veth peer name eth{number} netns {self.namespaces[service]}",
                    f"link set {link} master br{number} up",
                ]
                inner += [f"addr add {address}/24 dev eth{number}", f"link set eth{number} up"]
                if not self.internal[network]:
                    inner.append(f"route add default via {self.subnets[network][1]}")
            _ip(*outer, namespace=self.machine)
            _ip(*inner, namespace=self.namespaces[service])
        return self

    def __exit__(self, *error: object) -> None:
        _ip(*(f"netns del {name}" for name in [*self.namespaces.values(), self.machine]), check=False)

    def hosts(self, service: Service) -> str:
        """The names that a service knows: of who is on a network of its own, and those that the file adds."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        lines += [f"{address} {name}" for name, address in service.hosts.items()]
        for other, addresses in self.addresses.items():
            shared = [address for network, address in addresses.items() if network in service.networks]
            if other not in service.hosts:
                lines += [f"{address} {other}" for address in shared[:1]]
        return "\n".join(lines) + "\n"

    def plug(self, name: str, *, into: bool) -> None:
        """Give a service its networks, or take them away, as Docker does when a container stops: nobody refuses any more."""
        place = list(self.addresses).index(name)
        numbers = [number for number, network in enumerate(self.subnets) if network in self.addresses[name]]
        _ip(*(f"link set v{place}-{each} {'up' if into else 'down'}" for each in numbers), namespace=self.machine)

    def gateway(self, network: str) -> str:
        """The address of the machine on a network that is not internal."""
        return str(self.subnets[network][1])

    @contextmanager
    def within(self, namespace: str) -> Iterator[None]:
        """Let this thread make its sockets in a namespace. Those that it made elsewhere stay where they are."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(here)
        finally:
            os.close(here)
            os.close(there)

    def connect(self, address: str, port: int, service: str | None = None, timeout: float = 30) -> socket.socket:
        """Connect from the machine around, or from a service. Raises `OSError`."""
        with self.within(self.namespaces[service] if service else self.machine):
            return socket.create_connection((address, port), timeout)

    def listen(self, network: str, port: int) -> socket.socket:
        """Listen on the machine, where those on a network that is not internal reach it."""
        with self.within(self.machine):
            return socket.create_server((self.gateway(network), port))


def _enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*lines: str, namespace: str | None = None, check: bool = True) -> None:
    words = ["ip", *(["-n", namespace] if namespace else []), *([] if check else ["-force"]), "-batch", "-"]
    done = subprocess.run(words, input="\n".join(lines), capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"ip: {done.stderr.strip()}")
