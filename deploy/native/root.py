"""What a service sees of the files: the machine's, through an overlay, with its own secrets, volumes and names laid over."""

from __future__ import annotations

import pwd
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.native import images

if TYPE_CHECKING:
    from deploy.native.compose import Composition, Service

PROJECT = images.ROOT
POSTGRES_USER = 999
"""The number that PostgreSQL's image gives its user."""

NO_RIGHTS = "--clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs"


def user(service: Service) -> tuple[int, int]:
    """The numbers of the user and the group under which a service runs."""
    name, _, group = service.user.partition(":")
    if name.isdigit():
        return int(name), int(group or name)
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return POSTGRES_USER, POSTGRES_USER
    return found.pw_uid, found.pw_gid


def script(service: Service, composition: Composition, directory: Path, hosts: str, work: Path) -> str:
    """The commands that lay out the files, give up every right, and become the service.

    `directory` holds secrets, volumes and what is configured; `work` is the service's own.
    """
    uid, gid = user(service)
    root = work / "root"
    lines = [
        "set -e",
        *_overlay(root, work),
        *_empty(root, service),
        *_this_project(root),
        *_mounts(root, service, composition, directory),
        *_image(root, service.image),
        *_written(f"{root}/etc/hosts", hosts, 0o644),
    ]
    if not service.user.split(":")[0].isdigit():
        lines.append(
            f"id {service.user} >/dev/null 2>&1 || echo '{service.user}:x:{uid}:{gid}::/:/bin/sh' >> {root}/etc/passwd"
        )
    lines.append(f"mkdir -p {root}{service.directory}")
    if service.read_only:
        lines.append(f"mount -o remount,ro {root}")
    command = shlex.join([*images.ENTRYPOINTS.get(images.plain(service.image), []), *service.command])
    inside = shlex.quote(f"cd {service.directory} && exec {command}")
    drop = f"/usr/bin/setpriv --reuid {uid} --regid {gid} {NO_RIGHTS}"
    lines.append(f"exec /usr/sbin/chroot {root} {drop} /bin/sh -c {inside}")
    return "\n".join(lines) + "\n"


def _overlay(root: Path, work: Path) -> list[str]:
    """The machine's files, and over them a layer that is gone with the service."""
    layers = f"lowerdir=/,upperdir={work}/upper,workdir={work}/work"
    return [
        "mount --make-rprivate /",
        f"mount -t tmpfs -o mode=755 tmpfs {work}",
        f"mkdir {work}/upper {work}/work {root}",
        f"mount -t overlay overlay -o {layers} {root}",
        *(f"mount --rbind /{name} {root}/{name}" for name in ("proc", "dev")),
    ]


def _empty(root: Path, service: Service) -> list[str]:
    """The directories that the file says are empty and may be written to."""
    lines = [f"mount -t tmpfs -o mode=755 tmpfs {root}/run", f"mkdir {root}/run/secrets"]
    for path in service.tmpfs:
        place = f"{root}{path.replace('/var/run', '/run', 1)}"
        lines += [f"mkdir -p {place}", f"mount -t tmpfs -o mode=1777 tmpfs {place}"]
    return lines


def _this_project(root: Path) -> list[str]:
    """The project, which may lie where something empty was just laid over it; and a way to it, and to its Python."""
    closed = {parent for path in (PROJECT, Path(sys.base_prefix)) for parent in path.parents}
    opened = [path for path in sorted(closed) if not path.stat().st_mode & 0o001]
    return [
        f"mkdir -p {root}{PROJECT}",
        f"mount --bind {PROJECT} {root}{PROJECT}",
        *(f"chmod a+x {root}{path}" for path in opened),
    ]


def _mounts(root: Path, service: Service, composition: Composition, directory: Path) -> list[str]:
    """Its secrets, volumes and configuration."""
    uid, gid = user(service)
    lines = []
    for name in service.secrets:
        lines += _bound(root, directory / composition.secrets[name], f"/run/secrets/{name}", read_only=True)
    for volume in service.volumes:
        source, target, *mode = volume.split(":")
        path = directory / source if source.startswith(".") else directory / "volumes" / source
        if not source.startswith("."):
            path.mkdir(parents=True, exist_ok=True)
            if mode != ["ro"] and not any(path.iterdir()):  # as Docker does, of a volume that is still empty
                lines.append(f"chown {uid}:{gid} {path}")
        lines += _bound(root, path, target, read_only=mode == ["ro"])
    return lines


def _image(root: Path, image: str) -> list[str]:
    """What the image holds beside its programs."""
    lines = []
    for path, (text, mode) in images.files(image).items():
        lines += _written(f"{root}{path}", text, mode)
    for link, target in images.links(image).items():
        lines += [f"mkdir -p {root}{Path(link).parent}", f"ln -sfn {target} {root}{link}"]
    return lines


def _written(path: str, text: str, mode: int) -> list[str]:
    return [f"mkdir -p {Path(path).parent}", f"printf %s {shlex.quote(text)} > {path}", f"chmod {mode:o} {path}"]


def _bound(root: Path, source: Path, target: str, *, read_only: bool) -> list[str]:
    place = f"{root}{target}"
    made = f"mkdir -p {place}" if source.is_dir() else f"mkdir -p {Path(place).parent} && touch {place}"
    return [made, f"mount --bind {source} {place}"] + ([f"mount -o remount,bind,ro {place}"] if read_only else [])
