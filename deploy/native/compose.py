"""docker-compose.yml, read: its services with variables filled in, and what their images say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from deploy.image_check import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::-([^}]*))?\}")
UNITS = {"s": 1, "m": 60}


@dataclass(frozen=True)
class Service:
    """One service."""

    name: str
    image: str
    stage: str | None
    """The Dockerfile's stage, where the image is ours."""
    user: str
    command: list[str]
    environment: dict[str, str]
    secrets: list[str]
    volumes: list[str]
    tmpfs: list[str]
    networks: dict[str, str | None]
    """Each network, and the address on it that the file gives."""
    hosts: dict[str, str]
    needs: dict[str, str]
    """Each service that is waited for, and the condition."""
    read_only: bool
    directory: str
    health: list[str] | None
    signal: str
    grace: float
    profiles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Composition:
    """The file."""

    services: dict[str, Service]
    networks: dict[str, tuple[bool, str | None]]
    """Each network: whether it is internal, and its subnet where the file gives one."""
    secrets: dict[str, str]


def overrides(page: Path, **instead: str) -> list[dict[str, Any]]:
    """What a page lays over the file in `docker-compose.override.yml`, with `instead` in the place of an address."""
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for its, ours in instead.items():
        blocks = [block.replace(its, ours) for block in blocks]
    return [document for block in blocks if "services" in (document := yaml.safe_load(block))]


def merged(value: Any, over: Any) -> Any:
    """What Compose makes of two files: the second adds, and says otherwise; a volume is told by where it is mounted."""
    if isinstance(value, dict):
        named = over if isinstance(over, dict) else dict.fromkeys(over)
        return value | {name: merged(value[name], each) if value.get(name) else each for name, each in named.items()}
    if isinstance(value, list):
        return list({(each.split(":") * 2)[1]: each for each in [*value, *over]}.values())
    return over


def read(variables: Mapping[str, str], over: Sequence[dict[str, Any]] = ()) -> Composition:
    """Read the file, with these variables in the place of `.env`, and these others laid over it."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    document = _filled(reduce(merged, over, document), variables)
    networks = {
        name: (
            bool((given or {}).get("internal")),
            next((each["subnet"] for each in (given or {}).get("ipam", {}).get("config", [])), None),
        )
        for name, given in document["networks"].items()
    }
    services = {name: _service(name, given) for name, given in document["services"].items()}
    return Composition(services, networks, {name: given["file"] for name, given in document["secrets"].items()})


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, variables) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    if not isinstance(value, str):
        return value
    return VARIABLE.sub(lambda found: "$" if found[0] == "$$" else variables.get(found[1]) or found[2] or "", value)


def _service(name: str, given: dict[str, Any]) -> Service:
    image = _image(given["build"]["target"]) if "build" in given else None
    networks = given["networks"]
    if isinstance(networks, list):
        networks = dict.fromkeys(networks)
    entrypoint = given.get("entrypoint") or (image.entrypoint if image else [])
    return Service(
        name=name,
        image=given["image"],
        stage=given["build"]["target"] if image else None,
        user=str(given.get("user") or (image.user if image else "")),
        command=[*entrypoint, *(given.get("command") or (image.command if image else []))],
        environment={**(image.environment if image else {}), **given.get("environment", {})},
        secrets=given.get("secrets", []),
        volumes=given.get("volumes", []),
        tmpfs=given.get("tmpfs", []),
        networks={network: (options or {}).get("ipv4_address") for network, options in networks.items()},
        hosts=dict(entry.split("=") for entry in given.get("extra_hosts", [])),
        needs={other: each["condition"] for other, each in given.get("depends_on", {}).items()},
        read_only=bool(given.get("read_only")),
        directory=image.directory if image else "/",
        health=_health(given.get("healthcheck"), image.health if image else None),
        signal=given.get("stop_signal", "SIGTERM"),
        grace=_seconds(given.get("stop_grace_period", "10s")),
        profiles=given.get("profiles", []),
    )


def _seconds(text: str) -> float:
    return float(text[:-1]) * UNITS[text[-1]]


def _health(given: dict[str, Any] | None, own: list[str] | None) -> list[str] | None:
    """The command of the health check: the file's own, or the image's."""
    if given is None:
        return own
    if given.get("disable"):
        return None
    kind, *words = given["test"]
    return ["sh", "-c", *words] if kind == "CMD-SHELL" else words


@dataclass(frozen=True)
class Image:
    """What a stage of the Dockerfile says of its processes, and the stages that it comes from."""

    user: str
    entrypoint: list[str]
    command: list[str]
    environment: dict[str, str]
    directory: str
    health: list[str] | None


def _image(target: str) -> Image:
    stages = parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    steps: list[tuple[str, str]] = []
    name = target
    while name in stages:
        steps = stages[name].steps + steps
        name = stages[name].base
    last = dict(steps)
    words = " ".join(rest for instruction, rest in steps if instruction == "ENV").split()
    environment = dict(word.split("=", 1) for word in words)
    environment["PATH"] = environment["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin")
    return Image(
        user=last["USER"],
        entrypoint=json.loads(last.get("ENTRYPOINT", "[]")),
        command=json.loads(last.get("CMD", "[]")),
        environment=environment,
        directory=last["WORKDIR"],
        health=json.loads("[" + last["HEALTHCHECK"].partition("[")[2]) if "[" in last.get("HEALTHCHECK", "") else None,
    )
