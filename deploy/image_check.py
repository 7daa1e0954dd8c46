"""Execute the Dockerfile's install steps in a clean directory, without Docker, and try what comes out.

Usage: python deploy/image_check.py [target ...]        (targets: api, pipelines, backup; default: api)

Each stage becomes a directory: `FROM` an image is a fresh venv in its `usr/local`, `FROM` a stage a copy of that stage,
absolute paths of the image are paths under the directory. COPY and RUN are carried out; what makes users and owners
is not, and is listed. Then the image's own interpreter is asked what it can import, and the API's command is started
and watched by the image's own HEALTHCHECK. Not seen here: the base image, its Python, users, and the layers' size.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

CONTEXT = Path(__file__).resolve().parent.parent
NEEDS_ROOT = re.compile(r"\b(apt-get|groupadd|useradd|chown|install -d -o)\b")
KEPT = re.compile(r"^(PIP_|UV_|SSL_|HTTPS?_PROXY$|ALL_PROXY$|NO_PROXY$)", re.IGNORECASE)

EXPECTED = {
    "api": (["api.app"], ["alembic", "dagster", "dagster_postgres", "openai", "pandas", "pytest", "tushare"]),
    "pipelines": (["stock_assistant_pipelines.definitions", "dagster_postgres", "psycopg2"], ["openai", "pytest"]),
    "backup": (["stock_assistant_pipelines.backup.service", "pyrage"], ["pytest"]),
}
"""Per target: what must be importable, and what must not even be installed."""


@dataclass
class Stage:
    """One `FROM` and its instructions, in order, as (instruction, rest of the line)."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """Return the rest of the last such instruction."""
        return [rest for name, rest in self.steps if name == instruction][-1]


def parse(text: str) -> dict[str, Stage]:
    """Read a Dockerfile into its stages by name. Comments and continuation lines are resolved, ARG is not."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: dict[str, Stage] = {}
    current = None
    for line in filter(None, map(str.strip, joined.splitlines())):
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            base, _, name = rest.split()
            current = stages[name] = Stage(name, base)
        elif current is not None:
            current.steps.append((instruction, rest))
    return stages


class Builder:
    """Builds stages of one Dockerfile as directories under `work`."""

    def __init__(self, stages: dict[str, Stage], work: Path) -> None:
        self.stages = stages
        self.work = work
        self.skipped: list[str] = []

    def build(self, name: str) -> Path:
        """Carry out the stage and those it needs; return its root directory."""
        root = self.work / name
        if root.exists():
            return root
        stage = self.stages[name]
        if stage.base in self.stages:
            shutil.copytree(self.build(stage.base), root, symlinks=True)
        else:
            subprocess.run([sys.executable, "-m", "venv", root / "usr/local"], check=True)
        directory = root / self._workdir(stage).lstrip("/")
        directory.mkdir(parents=True, exist_ok=True)
        for instruction, rest in stage.steps:
            if instruction == "COPY":
                self._copy(rest, root, directory)
            elif instruction == "RUN":
                self._run(rest, root, directory)
        return root

    def environment(self, root: Path) -> dict[str, str]:
        """Return the environment of a command in the stage: nothing of this machine's but the network's settings."""
        path = os.pathsep.join([f"{root}/opt/venv/bin", f"{root}/usr/local/bin", "/usr/bin", "/bin"])
        return {name: value for name, value in os.environ.items() if KEPT.match(name)} | {
            "PATH": path,
            "HOME": str(root / "tmp"),
        }

    def _workdir(self, stage: Stage) -> str:
        own = [rest for instruction, rest in stage.steps if instruction == "WORKDIR"]
        if own:
            return own[-1]
        return self._workdir(self.stages[stage.base]) if stage.base in self.stages else "/"

    def _copy(self, rest: str, root: Path, directory: Path) -> None:
        words = rest.split()
        options = [word for word in words if word.startswith("--")]
        *sources, target = [word for word in words if not word.startswith("--")]
        origin = next((self.build(option.removeprefix("--from=")) for option in options if "from=" in option), CONTEXT)
        destination = root / target.lstrip("/") if target.startswith("/") else directory / target
        for source in sources:
            path = origin / source.lstrip("/")
            into = destination / path.name if target.endswith("/") else destination
            if path.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, destination, symlinks=True, dirs_exist_ok=True, ignore=ignore)
            else:
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, into)

    def _run(self, command: str, root: Path, directory: Path) -> None:
        if NEEDS_ROOT.search(command):
            self.skipped.append(command)
            return
        print(f"  RUN {command}", flush=True)
        inside = re.sub(r"(?<=\s)/(?=\w)", f"{root}/", command)
        result = subprocess.run(
            inside, shell=True, cwd=directory, env=self.environment(root), capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise SystemExit(f"{result.stdout}{result.stderr}\nfailed, exit status {result.returncode}: {command}")


def check_imports(root: Path, environment: dict[str, str], needed: list[str], unwanted: list[str]) -> None:
    """Ask the image's interpreter, isolated from this project's directory."""
    code = (
        "import importlib, importlib.util, sys\n"
        f"for name in {needed!r}: importlib.import_module(name)\n"
        f"found = [name for name in {unwanted!r} if importlib.util.find_spec(name)]\n"
        "sys.exit(f'installed, but must not be: {found}' if found else 0)"
    )
    python = root / "opt/venv/bin/python"
    if subprocess.run([python, "-I", "-c", code], cwd=root, env=environment, check=False).returncode != 0:
        raise SystemExit("the image cannot import what it needs, or holds what it must not")


def check_command(stage: Stage, root: Path, environment: dict[str, str]) -> float:
    """Start the image's CMD and return the seconds until its HEALTHCHECK succeeds; there is no database to be reached."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command, health = (
        json.loads(rest[rest.index("[") :].replace("8000", port))
        for rest in (stage.last("CMD"), stage.last("HEALTHCHECK"))
    )
    environment = environment | {"POSTGRES_SERVER": "127.0.0.1", "POSTGRES_PORT": "1"}
    binaries = root / "opt/venv/bin"
    started = time.monotonic()
    server = [binaries / "python", binaries / command[0], *command[1:]]
    with subprocess.Popen(server, cwd=root, env=environment) as process:
        try:
            while process.poll() is None and time.monotonic() - started < 30:
                probe = [binaries / health[0], *health[1:]]
                if subprocess.run(probe, env=environment, capture_output=True, check=False).returncode == 0:
                    return time.monotonic() - started
                time.sleep(0.2)
            raise SystemExit(f"{stage.name}: not healthy within 30 seconds")
        finally:
            process.terminate()


def main(targets: list[str]) -> None:
    """Build and check the targets."""
    stages = parse((CONTEXT / "Dockerfile").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="image-check-") as work:
        builder = Builder(stages, Path(work))
        for target in targets:
            print(f"{target}:", flush=True)
            root = builder.build(target)
            environment = builder.environment(root)
            check_imports(root, environment, *EXPECTED[target])
            print(f"  imports {', '.join(EXPECTED[target][0])}; has none of {', '.join(EXPECTED[target][1])}")
            if target == "api":
                seconds = check_command(stages[target], root, environment)
                print(f"  healthy {seconds:.1f} s after its start, without a database")
        for command in builder.skipped:
            print(f"not run here: {command}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["api"])
