"""Networks: a bridge each, and a network namespace for each service on them and for the machine around them."""

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
    from collections.abc import Iterator, Mapping

    from deploy.native.compose import Service

FREE = ip_network("10.214.0.0/16")
"""Where networks lie to which the file gives no subnet."""

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Networks:
    """Namespaces and bridges, for as long as the block lasts."""

    def __init__(
        self,
        networks: Mapping[str, tuple[bool, str | None]],
        services: Mapping[str, Mapping[str, str | None]],
        *,
        here: bool = False,
    ) -> None:
        """Networks, as a composition names them, and the address of each service on each, where it has one already.

        The machine around is a namespace of its own; or else this machine itself, which then is `here`, on every network.
        """
        self.id = f"sa-{secrets.token_hex(3)}"
        self.machine = None if here else f"{self.id}-machine"
        self.namespaces = {name: f"{self.id}-{name}" for name in services}
        subnets = FREE.subnets(new_prefix=24)
        self.internal = {name: internal for name, (internal, _) in networks.items()}
        self.subnets = {name: ip_network(given or str(next(subnets))) for name, (_, given) in networks.items()}
        self.addresses = {
            name: {network: given or str(self.subnets[network][100 + number]) for network, given in on.items()}
            for number, (name, on) in enumerate(services.items())
        }

    def __enter__(self) -> Networks:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        bridges = [f"link del {self._bridge(number)}" for number in range(len(self.subnets))]
        _ip(*bridges, namespace=self.machine, check=False)
        spaces = [*self.namespaces.values(), *([self.machine] if self.machine else [])]
        _ip(*(f"netns del {name}" for name in spaces), check=False)

    def _bridge(self, number: int) -> str:
        return f"{self.id}b{number}"

    def _cable(self, place: int, number: int) -> str:
        """The end of a service's link that is plugged into a bridge."""
        return f"{self.id}v{place}-{number}"

    def _make(self) -> None:
        spaces = [*([self.machine] if self.machine else []), *self.namespaces.values()]
        _ip(*(f"netns add {name}" for name in spaces))
        lines = ["link set lo up"] if self.machine else []
        for number, (name, subnet) in enumerate(self.subnets.items()):
            lines += [f"link add {self._bridge(number)} type bridge", f"link set {self._bridge(number)} up"]
            if not (self.machine and self.internal[name]):  # it is there as the way in and out
                lines.append(f"addr add {subnet[1]}/24 dev {self._bridge(number)}")
        _ip(*lines, namespace=self.machine)
        numbers = {name: number for number, name in enumerate(self.subnets)}
        for place, (service, addresses) in enumerate(self.addresses.items()):
            outer, inner = [], ["link set lo up"]
            for network, address in addresses.items():
                number = numbers[network]
                link = self._cable(place, number)
                outer += [
                    f"link add {link} type veth peer name eth{number} netns {self.namespaces[service]}",
                    f"link set {link} master {self._bridge(number)} up",
                ]
                inner += [f"addr add {address}/24 dev eth{number}", f"link set eth{number} up"]
                if not self.internal[network]:
                    inner.append(f"route add default via {self.subnets[network][1]}")
            _ip(*outer, namespace=self.machine)
            _ip(*inner, namespace=self.namespaces[service])

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
        """Give a service its networks, or take them away, as Docker does when a container stops: nobody refuses any more.

        Nothing is closed either: it is as when somebody pulls its cables.
        """
        place = list(self.addresses).index(name)
        numbers = [number for number, network in enumerate(self.subnets) if network in self.addresses[name]]
        state = "up" if into else "down"
        _ip(*(f"link set {self._cable(place, each)} {state}" for each in numbers), namespace=self.machine)

    def gateway(self, network: str) -> str:
        """The address of the machine on a network that is not internal."""
        return str(self.subnets[network][1])

    @contextmanager
    def within(self, namespace: str | None) -> Iterator[None]:
        """Let this thread make its sockets in a namespace. Those that it made elsewhere stay where they are."""
        if namespace is None:
            yield
            return
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
