"""Programs of Debian's packages for tests and drills: on PATH, or unpacked into .venv/debian. Nothing is installed or started.

Usage: python deploy/programs.py        (`make programs`: fetch what is neither on PATH nor there yet)

Needs `apt-get` with package lists, which it gets when it is root. Elsewhere: install the programs that are named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / ".venv/debian"

PACKAGES = {
    "nginx": "nginx",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "postgres": "postgresql-15",
}
"""Each program and the Debian package that has it."""


class MissingProgramError(Exception):
    """A program is neither on PATH nor unpacked."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not here: `make programs` fetches it on Debian, or install {PACKAGES[name]}")


def found(name: str) -> str | None:
    """Where the program is, if it is here."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", f"{HOME}/usr/bin", f"{HOME}/usr/sbin"]
    places += [f"{root}/usr/lib/postgresql/15/bin" for root in ("", HOME)]
    return shutil.which(name, path=os.pathsep.join(places))


def program(name: str) -> str:
    """Where the program is. Raises MissingProgramError."""
    if path := found(name):
        return path
    raise MissingProgramError(name)


def fetch() -> None:
    """Unpack the packages of all programs that are not here. Raises subprocess.CalledProcessError where apt-get cannot."""
    packages = sorted({package for name, package in PACKAGES.items() if found(name) is None})
    if not packages:
        return
    print(f"Fetching {', '.join(packages)} for the tests (once) …", flush=True)
    with tempfile.TemporaryDirectory(prefix="programs-") as work:
        if os.geteuid() == 0:
            subprocess.run(["apt-get", "update", "-qq"], check=True)
        # By itself apt would fetch as a user who cannot enter the directory, and warn.
        subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *packages], cwd=work, check=True)
        for archive in Path(work).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, HOME], check=True)


if __name__ == "__main__":
    try:
        fetch()
    except (OSError, subprocess.CalledProcessError) as error:
        absent = sorted(name for name in PACKAGES if found(name) is None)
        sys.exit(f"Not fetched ({error}): without {', '.join(absent)} the tests that need them are skipped.")
